"""For pipelines: the artist's hand on a motion, as the buttons of Correct by Hand have it.

from bl_ext.user_default.align4d import keep_pose, other_way, solve_around_poses
other_way("Fox", "leg.L", first=10, last=24)
keep_pose("Fox", positions, frame=13)
solve_around_poses("Fox")
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import bpy

from ..errors import UserError
from ..jobs.record import Job
from .generate import finished, mesh_called

if TYPE_CHECKING:
    import numpy as np

Mesh = str | bpy.types.Object
"""A mesh with a motion, or its name."""


def keep_pose(item: Mesh, positions: Sequence[Sequence[float]] | np.ndarray | None = None, frame: int | None = None) -> int:
    """Keeps a pose of a motion as the true one of a frame; one that was kept for it before is replaced.

    Args:
        item: the mesh; its active result is meant.
        positions: (B, 3) in world space, of the vertices of all meshes that its job moves, in the job's order; None: as the scene shows them.
        frame: of the motion, counted from 1, that `positions` are of; None: the one that the scene shows.

    Returns: the frame, counted from 1.
    Raises: UserError.
    """
    import numpy as np  # Blender starts sooner without it

    from ..result import hand
    from ..result.playback import scene_of, shown_frame

    mesh = mesh_called(item)
    if positions is None:
        if frame is not None:
            raise UserError("bad_pin", "A frame is given without positions.", "Show that frame in the scene, or give the positions as well.")
        return hand.keep_pose(mesh) + 1
    if frame is None:
        frame = shown_frame(hand.corrigible(mesh), scene_of(mesh)) + 1
    hand.keep_positions(mesh, frame - 1, np.asarray(positions, np.float64))
    return frame


def solve_around_poses(item: Mesh) -> Job:
    """Solves the frames between the kept poses of a motion anew, and those in which a limb goes the other way, and waits.

    The new result comes beside the old one.

    Returns: the finished job.
    Raises: UserError; the motion is as it was then.
    """
    from ..jobs import hand

    return finished(hand.solve_around_pins(_in_object_mode(item)))


def limbs(item: Mesh) -> dict[str, int]:
    """The limbs of a motion by what they are called, each with the number of its first part. Raises UserError where none is known."""
    from ..result import hand

    return {name: part for part, name in hand.limbs(mesh_called(item))}


def other_way(item: Mesh, limb: str | int, first: int = 1, last: int = 0) -> None:
    """Lets a limb of a motion bend towards the camera in the place of away from it, or the other way round.

    The new result comes beside the old one.

    Args:
        item: the mesh; its active result is meant.
        limb: what bends, with all that hangs on it: a name of `limbs`, or its number.
        first, last: frames of the motion, both included, counted from 1; 0 is the last one.

    Raises: UserError; the motion is as it was then.
    """
    from ..jobs import hand
    from ..result.playback import active

    mesh, known = _in_object_mode(item), limbs(item)
    part = known.get(limb, -1) if isinstance(limb, str) else limb
    if part not in known.values():
        raise UserError("no_limb", f"The motion has no limb {limb}.", f"Its limbs: {', '.join(known) or 'none'}.")
    hand.other_way(mesh, part, first - 1, (last or active(mesh).frames) - 1)


def variations(item: Mesh, count: int = 3, presets: Sequence[str] = ()) -> list[Job]:
    """Solves a motion again with other seeds, and with other presets, and waits; each comes as a result of its own.

    Args:
        item: the mesh; its active result is meant.
        count: of seeds.
        presets: "draft", "artist": each with the motion's own seed.

    Returns: the finished jobs.
    Raises: UserError for the first that fails; the others go on.
    """
    from ..jobs import variations as started

    return [finished(job) for job in started.vary(_in_object_mode(item), count, presets)]


def _in_object_mode(item: Mesh) -> bpy.types.Object:
    """The mesh, once no armature is posed: the bones that a mesh is posed by may go."""
    mesh = mesh_called(item)
    if bpy.context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    return mesh
