"""What the buttons do; each calls `align4d_blender`."""

from __future__ import annotations

from . import cancel, generate, look_through, remove_result

CLASSES = (*generate.CLASSES, *cancel.CLASSES, *look_through.CLASSES, *remove_result.CLASSES)
