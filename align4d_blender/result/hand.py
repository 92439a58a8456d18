"""The artist's hand on a result: poses that are kept, and what a correction of it goes onto."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np

from ...engine.align4d import protocol
from ..capture.armatures import armature_of
from ..capture.meshes import vertices_of
from ..capture.rest_shape import DEFORMING
from ..capture.targets import Place, Target
from ..errors import UserError, write_error
from ..storage import paths, tags
from . import made_armature, motion_armature
from .bone_names import names_by_place
from .carrying import at_rest
from .keyframes import job_folder
from .motion_file import as_shown
from .playback import PlayedResult, active, scene_of, shown_frame, together

FOLDER = "hand"
"""Of the kept poses, in the folder of the job."""


def mesh_of(item: bpy.types.Object | None) -> bpy.types.Object | None:
    """The animated mesh that an object stands for: itself, or one that hangs on an armature; None where it stands for none."""
    if item is None or item.type != "ARMATURE":
        return item if item is not None and item.type == "MESH" and active(item) else None
    return next((other for other in tags.tagged() if active(other) and item in armatures(other)), None)


def armatures(item: bpy.types.Object) -> list[bpy.types.Object]:
    """Those that an artist poses a mesh by: the made one, the stand-in of its own, its own."""
    own = armature_of(item)
    found = [made_armature.of(item), motion_armature.of(own) if own else None, own]
    return [one for one in found if one]


def objects_of(item: bpy.types.Object, result: PlayedResult) -> list[tuple[protocol.ObjectResult, bpy.types.Object]]:
    """The objects that the job of a result moves, in the job's order. Raises UserError where one is gone."""
    folder = job_folder(result)
    stored = protocol.read_result(folder)
    by_file = {as_shown(paths.motion_file(other, entry)).name: other for other, entry in together(item, result)}
    found = [(entry, by_file.get(Path(entry.motion).name)) for entry in stored.objects]
    gone = [entry.name for entry, other in found if other is None]
    if gone:
        raise UserError("object_gone", f"{', '.join(gone)} moved with {item.name} and cannot be found.", "Bring it back, or undo its change.")
    return [(entry, other) for entry, other in found if other is not None]


def keep_pose(item: bpy.types.Object) -> int:
    """Keeps the pose that the scene shows as that of the frame it shows; one that was kept for it before is replaced.

    Returns: the frame of the motion, counted from 0.
    Raises: UserError.
    """
    result = corrigible(item)
    frame, request = shown_frame(result, scene_of(item)), protocol.read_completed(job_folder(result))
    matrices = {spec.id: np.array(spec.matrix_world) for spec in request.objects}
    positions = []
    for entry, other in objects_of(item, result):
        shown = _shown(other, entry.vertex_count)
        matrix = matrices[entry.id] @ np.array(at_rest(other, armature_of(other)).inverted() @ other.matrix_world)
        positions.append(shown @ matrix[:3, :3].T + matrix[:3, 3])
    keep_positions(item, frame, np.concatenate(positions))
    return frame


def keep_positions(item: bpy.types.Object, frame: int, positions: np.ndarray) -> None:
    """Keeps a pose as that of a frame of the active result of an object; one that was kept for it before is replaced.

    Args:
        frame: of the motion, counted from 0.
        positions: (B, 3) of the vertices of all objects that the job moves, in its order, in world space.

    Raises: UserError.
    """
    result = corrigible(item)
    folder = job_folder(result)
    stored = protocol.read_result(folder)
    if not 0 <= frame < stored.frames:
        message = f"Frame {frame + 1} is not a frame of the motion, which has {stored.frames}."
        raise UserError("bad_pin", message, "Choose one that is.")
    count = sum(entry.vertex_count for entry in stored.objects)
    if positions.shape != (count, 3) or not np.isfinite(positions).all():
        message = f"The pose has the shape {positions.shape}, or values that are no numbers: it has to be ({count}, 3)."
        raise UserError("bad_pin", message, "Give the place of each vertex of all meshes that move together.")
    name = f"{FOLDER}/pin_{frame + 1:04}_{uuid.uuid4().hex[:6]}.npz"  # never written over: an undo brings the old one back
    try:
        (folder / FOLDER).mkdir(exist_ok=True)
        protocol.write_arrays(folder / name, {"positions": positions.astype(np.float32)})
    except OSError as error:
        raise write_error(error) from error
    pins = result.pins
    pin = next((one for one in pins if one.frame == frame + 1), None) or pins.add()
    pin.frame, pin.pose = frame + 1, name


def forget_pose(item: bpy.types.Object, index: int) -> None:
    """Takes a kept pose off the list; its file stays, for undo."""
    result = active(item)
    if result is not None and 0 <= index < len(result.pins):
        result.pins.remove(index)


def kept_poses(item: bpy.types.Object) -> dict[int, np.ndarray]:
    """(B, 3) positions in world space by frame, counted from 0. Raises UserError where there is nothing to solve around, or a file is gone."""
    result = corrigible(item)
    if not can_be_solved(item):
        raise UserError("no_pins", "No pose is kept.", "Pose the mesh in a frame where it is wrong, and press Keep This Pose.")
    folder, found = job_folder(result), {}
    for pin in result.pins:
        try:
            found[pin.frame - 1] = protocol.read_arrays(protocol.inside(folder, pin.pose))["positions"]
        except Exception as error:  # whatever a damaged file makes its readers raise
            message = f"The pose that was kept for frame {pin.frame} cannot be read."
            raise UserError("pin_gone", message, "Take it off the list, and keep the pose again.") from error
    return found


def limbs(item: bpy.types.Object) -> list[tuple[int, str]]:
    """Parts that hang on another one, and what they are called. Raises UserError where the result has no poses."""
    result = corrigible(item)
    found = protocol.read_finished(job_folder(result))
    names = names_by_place(found.parts.joint, found.world(0), found.parts.parent)
    return [(part, name) for part, name in enumerate(names) if found.parts.parent[part] >= 0]


def targets(item: bpy.types.Object, result: PlayedResult) -> tuple[Target, ...]:
    """What a correction of a result goes onto: the same objects, at the same place in their stacks."""
    folder, scene = job_folder(result), bpy.context.scene
    found = []
    for index, (entry, other) in enumerate(objects_of(item, result)):
        own = active(other)
        unmap = f"input/{index:03d}_modifiers.npz"
        unmap = unmap if (folder / unmap).is_file() else ""
        rows = tuple(tuple(own.world[row * 4 : row * 4 + 4]) for row in range(4))
        place = Place(own.after, rows if own.held else None, own.keys)
        frame = scene.frame_current, scene.frame_subframe
        counts = len(other.data.vertices), entry.vertex_count
        found.append(Target(entry.id, other.name, other.session_uid, counts[0], unmap, bool(unmap), frame, place, counts[1]))
    return tuple(found)


def can_be_corrected(item: bpy.types.Object) -> bool:
    """Whether the files of an object's active result allow it."""
    result = active(item)
    return result is not None and item.library is None and protocol.can_be_corrected(job_folder(result))


def can_be_solved(item: bpy.types.Object) -> bool:
    """Whether there is something to solve an object's active result around: poses that are kept, or limbs that go the other way."""
    result = active(item)
    if result is None or not can_be_corrected(item):
        return False
    try:
        return bool(result.pins) or protocol.has_flips(job_folder(result))
    except protocol.ProtocolError:  # a damaged request: the job's own readers say so
        return False


def corrigible(item: bpy.types.Object) -> PlayedResult:
    """The active result of an object. Raises UserError where there is none, or none that can be corrected."""
    result = active(item)
    if result is None:
        raise UserError("no_result", f"{item.name} has no motion.", "Select an object that Align4D has animated.")
    if not can_be_corrected(item):
        message = "This motion cannot be corrected: it was made by the preset Paper or by an older version, or its files are incomplete."
        raise UserError("not_correctable", message, "Generate it again with the preset Artist or Draft, and correct that.")
    return result


def _shown(item: bpy.types.Object, count: int) -> np.ndarray:
    """(B, 3) where the scene shows the vertices that the job moves, object space. Raises UserError where modifiers make others of them."""
    with _deforming_only(item):
        layer = bpy.context.view_layer
        layer.update()
        evaluated = item.evaluated_get(bpy.context.evaluated_depsgraph_get())
        vertices = vertices_of(evaluated.to_mesh())
        evaluated.to_mesh_clear()
    if len(vertices) != count:
        message = f"{item.name} shows {len(vertices)} vertices, its motion has {count}."
        raise UserError("vertices_changed", message, "Undo the change of the mesh, or generate again.")
    return vertices


@contextmanager
def _deforming_only(item: bpy.types.Object) -> Iterator[None]:
    """Without modifiers that make vertices, such as a subdivision, but for those that the motion comes after."""
    after = active(item).after
    own = item.modifiers.find(after) if after else -1
    hidden = [one for one in item.modifiers[own + 1 :] if one.show_viewport and one.type not in DEFORMING]
    for one in hidden:
        one.show_viewport = False
    try:
        yield
    finally:
        for one in hidden:
            one.show_viewport = True
