"""The file that a result is played from, and the one that says where its vertices are shown."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from ...engine.align4d import protocol
from ..errors import UserError

BELOW = "_below_modifiers"
"""What the name of a point cache ends in that has the modifiers on top of it undone."""


def below_modifiers(motion: Path) -> Path:
    """The point cache that plays below an object's modifiers, beside the engine's own file."""
    return motion.with_name(f"{motion.stem}{BELOW}{motion.suffix}")


def as_shown(played: Path) -> Path:
    """The engine's own file, which holds the vertices where they are shown."""
    return played.with_name(played.stem.removesuffix(BELOW) + played.suffix)


def read_motion(item: bpy.types.Object, path: Path, after: str) -> np.ndarray:
    """The (T, V, 3) positions of an object's vertices, of a motion that comes after the modifier of that name.

    Raises UserError where the file cannot be used.
    """
    try:
        motion = protocol.read_pc2(path)
    except (OSError, protocol.ProtocolError) as error:
        raise UserError("motion_gone", f"The motion of {item.name} cannot be read from {path}.", "Bring the file back, or generate again.") from error
    if motion.shape[1] != len(item.data.vertices) and after:
        message = f"The motion of {item.name} comes after {after}, which makes vertices of its own."
        raise UserError("after_modifier", message, f"Export the motion instead, or apply {after} and generate again.")
    if motion.shape[1] != len(item.data.vertices):
        raise UserError("vertices_changed", f"{item.name} has another number of vertices than its motion.", "Undo that change, or generate again.")
    return motion
