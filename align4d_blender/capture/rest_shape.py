"""Where an artist's own vertices are shown, and how to undo the modifiers that come after the point cache.

The point cache is the first modifier, or comes right after one that `place` names; an armature or a lattice that follows acts on top of it.
Close to the captured shape that remaining stack moves each vertex by an affine map; it is measured by shifting the input along x, y and z,
and undone on import. For an armature that is exact; for modifiers that bend space it is the first step of Newton's method, and
`below_modifiers` does the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import bpy
import numpy as np

from ..storage.tags import HOLD, MODIFIER
from .meshes import set_vertices, vertices_of
from .slices import Slices, aside
from .temporary import temporary_scene

DEFORMING = {
    "ARMATURE", "CAST", "CURVE", "CORRECTIVE_SMOOTH", "DISPLACE", "HOOK", "LAPLACIANDEFORM", "LAPLACIANSMOOTH", "LATTICE", "MESH_CACHE",
    "MESH_DEFORM", "SHRINKWRAP", "SIMPLE_DEFORM", "SMOOTH", "SURFACE_DEFORM", "WARP", "WAVE",
}  # fmt: skip
_PROBE = 0.05
"""Length of the probing shift, as a part of the longest side: short enough for a bent lattice, long enough for float32."""


@dataclass(frozen=True)
class RestShape:
    """The artist's own vertices.

    Attributes:
        shown: (B, 3) where deforming modifiers show them, in object space.
        base: (B, 3) before any modifier, with shape keys mixed in; None where no modifier moves them.
        unmap: (B, 3, 3) inverse of the remaining stack's linear part; None with `base`.
        bent: whether the remaining stack is more than an affine map of each vertex.
    """

    shown: np.ndarray
    base: np.ndarray | None = None
    unmap: np.ndarray | None = None
    bent: bool = False


@contextmanager
def bare_copy(item: bpy.types.Object, frame: tuple[int, float]) -> Iterator[bpy.types.Object]:
    """A copy of the object without what an earlier result has put on it, alone in a temporary scene at the given frame and sub-frame."""
    with temporary_scene("Align4D Probe") as scene:
        copy = item.copy()
        try:
            cache: bpy.types.Modifier | None = copy.modifiers.get(MODIFIER)
            if cache:
                copy.modifiers.remove(cache)
            for constraint in [one for one in copy.constraints if one.name.startswith(HOLD)]:
                copy.constraints.remove(constraint)
            scene.frame_set(frame[0], subframe=frame[1])  # before the copy is in it: nothing is evaluated needlessly
            scene.collection.objects.link(copy)
            yield copy
        finally:
            bpy.data.objects.remove(copy)


def evaluated_copy(copy: bpy.types.Object) -> bpy.types.Object:
    """The evaluated state of an object of `bare_copy`, as everything stands at this moment: poses that were never keyed too."""
    layer = copy.users_scene[0].view_layers[0]
    layer.update()
    return copy.evaluated_get(layer.depsgraph)


def evaluated_at(copy: bpy.types.Object, frame: float) -> bpy.types.Object:
    """The evaluated state of an object of `bare_copy` at another frame, as its keyframes and drivers will have it.

    Never after `evaluated_copy` of the same copy: that makes Blender write what it evaluates into the artist's own data from then on.
    """
    scene = copy.users_scene[0]
    scene.frame_set(math.floor(frame), subframe=frame % 1)
    return copy.evaluated_get(scene.view_layers[0].depsgraph)


def base_shape(item: bpy.types.Object, frame: tuple[int, float], after: str = "") -> np.ndarray:
    """The vertices (B, 3) that go into the first modifier, or that come out of the one called `after`; shape keys are mixed in."""
    with bare_copy(item, frame) as copy:
        keep_until(copy, after)
        return shown(evaluated_copy(copy))


class Stack:
    """The deforming modifiers that remain after the point cache, as a function of the vertices that go in."""

    def __init__(self, copy: bpy.types.Object) -> None:
        self.copy = copy

    @property
    def empty(self) -> bool:
        """Whether what goes in comes out, always."""
        return not self.copy.modifiers

    def shown(self, vertices: np.ndarray | None = None) -> np.ndarray:
        """Where vertices (B, 3) come out; None: where those of the captured frame do."""
        if vertices is not None:
            mesh = cast(bpy.types.Mesh, self.copy.data)
            set_vertices(mesh, vertices)
            mesh.update()
        return shown(evaluated_copy(self.copy))


@contextmanager
def stack_of(item: bpy.types.Object, frame: tuple[int, float], after: str = "") -> Iterator[Stack]:
    """What remains of the object's stack after the modifier called `after`, on a copy of the object and of the mesh that goes in.

    It may be used inside the block only.
    """
    mesh = _entering(item, frame, after)
    remaining = _remaining(item, frame, after)
    with bare_copy(item, frame) as copy:
        try:
            for modifier in [one for one in copy.modifiers if one.name not in remaining]:
                copy.modifiers.remove(modifier)
            copy.data = mesh
            copy.shape_key_clear()
            yield Stack(copy)
        finally:
            copy.data = item.data
            bpy.data.meshes.remove(mesh)


def rest_shape(item: bpy.types.Object, frame: tuple[int, float], evaluated: np.ndarray, after: str = "") -> Slices[RestShape]:
    """Measures the vertices that the point cache gets. `evaluated` (V, 3) is the evaluated mesh's, taken where no modifier is shown."""
    if not any(modifier.show_viewport and modifier.name != MODIFIER for modifier in item.modifiers):
        return RestShape(evaluated)
    base = base_shape(item, frame, after)
    yield
    with stack_of(item, frame, after) as stack:
        if stack.empty:
            return RestShape(base)
        seen = stack.shown(base)
        size = float(max(np.ptp(seen, axis=0).max(), 1e-6))
        length = _PROBE * size
        linear = np.empty((len(base), 3, 3))
        for axis, shift in enumerate(length * np.eye(3)):
            yield
            linear[:, :, axis] = (stack.shown(base + shift) - seen) / length
        straight = yield from aside(lambda: np.abs(linear - np.eye(3)).max() < 1e-4 and np.abs(seen - base).max() < 1e-6 * size)
        if straight:
            return RestShape(seen)
        swelling = 2 * _PROBE * (base - base.mean(0))
        guess = yield from aside(lambda: seen + np.einsum("bij,bj->bi", linear, swelling))
        bent = bool(np.abs(stack.shown(base + swelling) - guess).max() > 5e-6 * size)
    unmap = yield from aside(lambda: _inverse(linear).astype(np.float32))
    return RestShape(seen, base, unmap, bent)


def _entering(item: bpy.types.Object, frame: tuple[int, float], after: str) -> bpy.types.Mesh:
    """A mesh with the vertices, and their groups, that come out of the modifier called `after`; the object's own for ""."""
    if not after:
        return cast(bpy.types.Mesh, item.data).copy()
    with bare_copy(item, frame) as copy:
        keep_until(copy, after)
        evaluated, layer = evaluated_copy(copy), copy.users_scene[0].view_layers[0]
        return bpy.data.meshes.new_from_object(evaluated, preserve_all_data_layers=True, depsgraph=layer.depsgraph)


def keep_until(copy: bpy.types.Object, after: str) -> None:
    """Leaves the modifiers up to the one called `after`; none for ""."""
    last = copy.modifiers.find(after) if after else -1
    for modifier in list(copy.modifiers)[last + 1 :]:
        copy.modifiers.remove(modifier)


def _remaining(item: bpy.types.Object, frame: tuple[int, float], after: str) -> set[str]:
    """The modifiers behind `after` that move vertices and make none; of geometry nodes that shows in the number of vertices."""
    behind = list(item.modifiers)[item.modifiers.find(after) + 1 if after else 0 :]
    found = {one.name for one in behind if one.type in DEFORMING and one.show_viewport and one.name != MODIFIER}
    nodes = {one.name for one in behind if one.type == "NODES" and one.show_viewport}
    if not nodes:
        return found
    before = {one.name for one in item.modifiers} - {one.name for one in behind}
    with bare_copy(item, frame) as copy, bare_copy(item, frame) as bare:
        for modifier in [one for one in copy.modifiers if one.name not in before | found | nodes]:
            copy.modifiers.remove(modifier)
        keep_until(bare, after)
        return found | nodes if len(shown(evaluated_copy(copy))) == len(shown(evaluated_copy(bare))) else found


def shown(evaluated: bpy.types.Object) -> np.ndarray:
    """Where an evaluated object has its vertices (V, 3), in its own space."""
    mesh = evaluated.to_mesh()
    try:
        return vertices_of(mesh)
    finally:
        evaluated.to_mesh_clear()


def _inverse(linear: np.ndarray) -> np.ndarray:
    """Inverse of (B, 3, 3); where a modifier flattens the space (a shrinkwrap) no input gives the wished output, and the pseudo-inverse
    leaves the lost direction alone."""
    rows = [linear[:, index] for index in range(3)]
    crosses = np.stack([np.cross(rows[1], rows[2]), np.cross(rows[2], rows[0]), np.cross(rows[0], rows[1])], axis=2)  # Cramer's rule
    determinant = np.einsum("bi,bi->b", rows[0], crosses[..., 0])
    singular = np.abs(determinant) < 1e-3
    result = crosses / np.where(singular, 1.0, determinant)[:, None, None]
    result[singular] = np.linalg.pinv(linear[singular], rcond=1e-2)
    return result
