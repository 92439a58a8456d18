"""The Blender side's own library: no operators, no panels, nothing of the engine but its protocol."""

from __future__ import annotations

from .scripting.generate import generate
from .storage.folders import EXTENSION

__all__ = ["EXTENSION", "generate"]
