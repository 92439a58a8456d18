"""Where an artist's own vertices are shown, and how to undo the modifiers that come after the point cache.

The point cache is the FIRST modifier, so an armature or a lattice that follows acts on top of it. Close to the captured shape that
remaining stack moves each vertex by an affine map; it is measured by shifting the input along x, y and z, and undone on import.
For an armature that is exact; for modifiers that bend space it is the first step of Newton's method, and `below_modifiers` does the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import bpy
import numpy as np

from ..storage.tags import MODIFIER
from .meshes import vertices_of

_DEFORMING = {
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
    """A copy of the object without its point cache, alone in a temporary scene at the given frame and sub-frame."""
    scene = bpy.data.scenes.new("Align4D Probe")
    copy = item.copy()
    try:
        cache: bpy.types.Modifier | None = copy.modifiers.get(MODIFIER)
        if cache:
            copy.modifiers.remove(cache)
        scene.frame_set(frame[0], subframe=frame[1])  # before the copy is in it: nothing is evaluated needlessly
        scene.collection.objects.link(copy)
        yield copy
    finally:
        bpy.data.objects.remove(copy)
        bpy.data.scenes.remove(scene)


def evaluated_copy(copy: bpy.types.Object) -> bpy.types.Object:
    """The evaluated state of an object of `bare_copy`."""
    layer = copy.users_scene[0].view_layers[0]
    layer.update()
    return copy.evaluated_get(layer.depsgraph)


def base_shape(item: bpy.types.Object, frame: tuple[int, float]) -> np.ndarray:
    """The vertices (V, 3) that go into the first modifier: the mesh's own, with shape keys mixed in."""
    with bare_copy(item, frame) as copy:
        copy.modifiers.clear()
        return _shown(copy)


class Stack:
    """The deforming modifiers that remain after the point cache, as a function of the vertices that go in."""

    def __init__(self, copy: bpy.types.Object) -> None:
        self.copy = copy

    def shown(self, vertices: np.ndarray | None = None) -> np.ndarray:
        """Where vertices (B, 3) come out; None: where the mesh's own are shown."""
        if vertices is not None:
            mesh = cast(bpy.types.Mesh, self.copy.data)
            mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).ravel())
            mesh.update()
        return _shown(self.copy)


@contextmanager
def stack_of(item: bpy.types.Object, frame: tuple[int, float]) -> Iterator[Stack]:
    """The object's remaining stack, on a copy of the object and of its mesh without shape keys. It may be used inside the block only."""
    with bare_copy(item, frame) as copy:
        mesh = cast(bpy.types.Mesh, item.data).copy()
        try:
            copy.data = mesh
            copy.shape_key_clear()
            _keep_deforming(copy, len(mesh.vertices))
            yield Stack(copy)
        finally:
            copy.data = item.data
            bpy.data.meshes.remove(mesh)


def rest_shape(item: bpy.types.Object, frame: tuple[int, float], evaluated: np.ndarray) -> RestShape:
    """Measures the artist's own vertices. `evaluated` (V, 3) is the evaluated mesh's, taken where no modifier is shown."""
    if not any(modifier.show_viewport and modifier.name != MODIFIER for modifier in item.modifiers):
        return RestShape(evaluated)
    with bare_copy(item, frame) as copy:
        _keep_deforming(copy, len(item.data.vertices))
        shown = _shown(copy)
        if not copy.modifiers:
            return RestShape(shown)
        copy.modifiers.clear()
        base = _shown(copy)
    size = float(max(np.ptp(shown, axis=0).max(), 1e-6))
    length = _PROBE * size
    with stack_of(item, frame) as stack:
        linear = np.stack([(stack.shown(base + shift) - shown) / length for shift in length * np.eye(3)], axis=2).astype(np.float64)
        if np.abs(linear - np.eye(3)).max() < 1e-4 and np.abs(shown - base).max() < 1e-6 * size:
            return RestShape(shown)
        swelling = 2 * _PROBE * (base - base.mean(0))
        guess = shown + np.einsum("bij,bj->bi", linear, swelling)
        bent = bool(np.abs(stack.shown(base + swelling) - guess).max() > 5e-6 * size)
    return RestShape(shown, base, _inverse(linear).astype(np.float32), bent)


def _keep_deforming(copy: bpy.types.Object, count: int) -> None:
    """Leaves the modifiers that move vertices and make none; of geometry nodes that shows in the number of vertices, which has to be `count`."""
    _keep(copy, _DEFORMING | {"NODES"})
    if any(modifier.type == "NODES" for modifier in copy.modifiers) and len(_shown(copy)) != count:
        _keep(copy, _DEFORMING)


def _keep(copy: bpy.types.Object, types: set[str]) -> None:
    for modifier in list(copy.modifiers):
        if modifier.type not in types or not modifier.show_viewport:
            copy.modifiers.remove(modifier)


def _shown(copy: bpy.types.Object) -> np.ndarray:
    evaluated = evaluated_copy(copy)
    mesh = evaluated.to_mesh()
    try:
        return vertices_of(mesh)
    finally:
        evaluated.to_mesh_clear()


def _inverse(linear: np.ndarray) -> np.ndarray:
    """Inverse of (B, 3, 3); where a modifier flattens the space (a shrinkwrap) no input gives the wished output, and the pseudo-inverse
    leaves the lost direction alone."""
    singular = np.abs(np.linalg.det(linear)) < 1e-3
    result = np.empty_like(linear)
    result[~singular] = np.linalg.inv(linear[~singular])
    result[singular] = np.linalg.pinv(linear[singular], rcond=1e-2)
    return result
