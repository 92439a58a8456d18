"""What the buttons do; each calls `align4d_blender`."""

from __future__ import annotations

from . import cancel, generate, remove_result

CLASSES = (*generate.CLASSES, *cancel.CLASSES, *remove_result.CLASSES)
