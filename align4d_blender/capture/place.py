"""What moves an object by itself, and where the point cache has to go so that the result is the motion alone.

The point cache overwrites what the modifiers before it do. So it comes first where nothing behind it changes over time (an armature can then
be posed on top), and right after the last modifier that does. An object that moves as a whole (keyframes, parents, bones, constraints) is
held in its place by constraints. Both are the object's own: nothing else in the scene is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import bpy
import numpy as np

from ..errors import UserError
from ..storage.tags import HOLD, MODIFIER
from .meshes import vertices_of
from .rest_shape import DEFORMING, bare_copy, base_shape, evaluated_at, evaluated_copy, keep_until, shown, stack_of
from .simulations import simulations
from .slices import Slices
from .targets import Place

STILL = 1e-5
"""Movement, as a part of the longest side, that counts as none."""

_BEFORE = {"ARRAY", "MESH_CACHE", "MESH_SEQUENCE_CACHE", "MIRROR"}
"""Modifiers that the point cache always comes after: their copies have to move each for itself, or they overwrite what comes before them."""

_LOOKS = 6, 4
"""Frames of the coming range, and of the scene's, that are looked at."""


def frames_to_look_at(scene: bpy.types.Scene, start: int, length: float) -> list[float]:
    """Frames spread over the coming motion, and over the scene's own range: a result may be moved to elsewhere."""
    coming = np.linspace(start, start + max(length, 1.0), _LOOKS[0])
    whole = np.linspace(scene.frame_start, max(scene.frame_end, scene.frame_start + 1), _LOOKS[1])
    return sorted({round(float(frame), 3) for frame in (*coming, *whole)})


def place_of(item: bpy.types.Object, frame: tuple[int, float], frames: Sequence[float]) -> Slices[tuple[Place, list[str]]]:
    """Looks how the object moves by itself at `frames`, beginning with how it is at `frame`.

    Returns: the place, and what the artist should know, as sentences.
    Raises: UserError where no place is right.
    """
    moves = yield from _moves(item, frame, frames)
    after, moving = yield from _after(item, frame, frames)
    yield from _check_counts(item, frame, frames, after)
    keys = bool(item.data.shape_keys) and not after and _keys_rest(item, frame)
    place = Place(after, tuple(tuple(row) for row in world_of(item, frame)) if moves else None, keys)
    return place, _notes(item, frame, place, moving)


def world_of(item: bpy.types.Object, frame: tuple[int, float]) -> list[list[float]]:
    """The (4, 4) matrix in the world that the object has at a frame, or would have where an earlier result holds it."""
    if not any(constraint.name.startswith(HOLD) for constraint in item.constraints):
        return [list(row) for row in item.matrix_world]
    with bare_copy(item, frame) as copy:
        copy.modifiers.clear()
        return [list(row) for row in evaluated_copy(copy).matrix_world]


def _moves(item: bpy.types.Object, frame: tuple[int, float], frames: Sequence[float]) -> Slices[bool]:
    """Whether the object is elsewhere at other frames."""
    corners = np.concatenate([np.array(item.bound_box, np.float64), np.ones((8, 1))], axis=1)
    here = np.array(world_of(item, frame), np.float64)
    limit = STILL * max(float(np.ptp(corners @ here.T, axis=0).max()), 1e-6)
    with bare_copy(item, frame) as copy:
        copy.modifiers.clear()  # they do not move the object, and may take long
        for other in frames:
            there = np.array(evaluated_at(copy, other).matrix_world, np.float64)
            if np.abs(corners @ (there - here).T).max() > limit:
                return True
            yield
    return False


def _after(item: bpy.types.Object, frame: tuple[int, float], frames: Sequence[float]) -> Slices[tuple[str, list[str]]]:
    """The modifier that the point cache has to come after, and which ones move the mesh by themselves."""
    names = [modifier.name for modifier in item.modifiers if modifier.show_viewport and modifier.name != MODIFIER]
    before = [name for name in names if item.modifiers[name].type in _BEFORE]
    after, moving = before[-1] if before else "", []
    for name in [name for name in names[names.index(after) + 1 if after else 0 :] if item.modifiers[name].type in DEFORMING | {"NODES"}]:
        changes = yield from _changes(item, frame, frames, after)
        if not changes:
            break
        after = name
        moving.append(name)
    return after, moving


def _changes(item: bpy.types.Object, frame: tuple[int, float], frames: Sequence[float], after: str) -> Slices[bool]:
    """Whether what comes behind a modifier does something else at other frames."""
    with stack_of(item, frame, after) as stack:
        if stack.empty:
            return False
        here = stack.shown()
    limit = STILL * max(float(np.ptp(here, axis=0).max()), 1e-6)
    yield
    with stack_of(item, frame, after) as stack:
        for other in frames:
            there = shown(evaluated_at(stack.copy, other))
            if there.shape != here.shape or np.abs(there - here).max() > limit:
                return True
            yield
    return False


def _check_counts(item: bpy.types.Object, frame: tuple[int, float], frames: Sequence[float], after: str) -> Slices[None]:
    """Refuses a place at which the number of vertices is not always the same, in renderings too: a point cache cannot play there."""
    if not after:
        return
    for modifier in [item.modifiers[name] for name in _up_to(item, after)]:
        levels = modifier.type in {"SUBSURF", "MULTIRES"} and modifier.levels != modifier.render_levels
        if levels or modifier.show_viewport != modifier.show_render:
            message = f"{modifier.name} of {item.name} is not the same in the viewport and in renderings, and the motion has to come after it."
            raise UserError("unsteady_modifier", message, "Make its two levels or its two switches equal, or apply it.")
    if all(item.modifiers[name].type in DEFORMING for name in _up_to(item, after)):
        return
    count = len(base_shape(item, frame, after))
    with bare_copy(item, frame) as copy:
        keep_until(copy, after)
        for other in frames:
            yield
            if len(shown(evaluated_at(copy, other))) == count:
                continue
            message = f"{item.name} has other numbers of vertices in other frames, and the motion has to come after {after}."
            raise UserError("unsteady_modifier", message, f"Apply the modifiers of {item.name} up to {after}, or move {after} to the top.")


def _up_to(item: bpy.types.Object, after: str) -> list[str]:
    """The modifiers up to the one called `after`."""
    names = [modifier.name for modifier in item.modifiers if modifier.name != MODIFIER]
    return names[: names.index(after) + 1]


def _keys_rest(item: bpy.types.Object, frame: tuple[int, float]) -> bool:
    """Whether the mesh's shape keys do nothing at a frame, and can be carried along later: no corner of a face is without a direction."""
    mesh = cast(bpy.types.Mesh, item.data)
    keys = mesh.shape_keys
    if not keys.use_relative or item.show_only_shape_key or any(block.name.startswith(MODIFIER) for block in keys.key_blocks):
        return False
    if item.parent_type in {"ARMATURE", "CURVE", "LATTICE"}:  # deforms before the first modifier, as shape keys do
        return False
    points = vertices_of(mesh)
    size = max(float(np.ptp(points, axis=0).max()), 1e-6)
    if np.abs(base_shape(item, frame) - points).max() > 1e-6 * size:
        return False
    return bool((_corner_areas(mesh, points) > 1e-10 * size * size).all())


def _corner_areas(mesh: bpy.types.Mesh, points: np.ndarray) -> np.ndarray:
    """Twice the area of the triangle that each corner of a face makes with its neighbors (L,)."""
    vertex = np.empty(len(mesh.loops), np.int32)
    start, total = np.empty(len(mesh.polygons), np.int32), np.empty(len(mesh.polygons), np.int32)
    mesh.loops.foreach_get("vertex_index", vertex)
    mesh.polygons.foreach_get("loop_start", start)
    mesh.polygons.foreach_get("loop_total", total)
    corner = np.arange(len(vertex))
    first, count = np.repeat(start, total), np.repeat(total, total)
    after, before = first + (corner - first + 1) % count, first + (corner - first - 1) % count
    here = points[vertex]
    return np.linalg.norm(np.cross(points[vertex[after]] - here, points[vertex[before]] - here), axis=1)


def _notes(item: bpy.types.Object, frame: tuple[int, float], place: Place, moving: list[str]) -> list[str]:
    said = []
    if moving:
        said.append(f"{' and '.join(moving)} of {item.name} would move it over time: the motion replaces that, until it is muted or removed.")
    if place.held:
        said.append(f"{item.name} moves by itself (keyframes, parent or constraints): it is held where it was at frame {frame[0]}.")
    if item.data.shape_keys and not place.keys:
        said.append(f"The shape keys of {item.name} are held as they were at frame {frame[0]}.")
    return said + [f"{sentence}." for sentence in simulations(item)]
