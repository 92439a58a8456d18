"""Copies of objects that move by shape keys, one a frame, for formats that know no point caches: glTF and FBX.

They are bare: no modifiers, no parents, no armature; what moves the originals is in the shapes and in keyframes of the copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import bpy
from mathutils import Matrix

from ..capture.temporary import temporary_scene
from ..errors import UserError
from . import motion as exports

if TYPE_CHECKING:
    import numpy as np

_SHEAR = 1e-5
"""Difference between a matrix and its location, rotation and scale, as a part of its largest entry, that counts as a shear."""


@contextmanager
def twins(context: bpy.types.Context, items: Sequence[bpy.types.Object], first: int, last: int) -> Iterator[bpy.types.Scene]:
    """A temporary scene, the context's one inside the block, with a copy of each object that moves by shape keys. Raises UserError."""
    own = context.scene
    motions, places = exports.motion_of(context, items, first, last), _places(own, items, first, last)
    made: list[bpy.types.Object] = []
    with temporary_scene("Align4D Export") as scene:
        scene.render.fps, scene.render.fps_base = own.render.fps, own.render.fps_base
        scene.frame_start, scene.frame_end = first, last
        try:
            for item, motion, place in zip(items, motions, places, strict=True):
                made.append(_twin(context, item, motion, place, first))
                scene.collection.objects.link(made[-1])
            with context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
                yield scene
        finally:
            for twin in made:
                _remove(twin)


def _places(scene: bpy.types.Scene, items: Sequence[bpy.types.Object], first: int, last: int) -> list[list[Matrix]]:
    """The world matrix of each object in each frame."""
    places: list[list[Matrix]] = [[] for _ in items]
    with exports.frames_of(scene, first, last) as frames:
        for frame in frames:
            scene.frame_set(frame)
            for item, place in zip(items, places, strict=True):
                place.append(item.matrix_world.copy())
    return places


def _twin(context: bpy.types.Context, item: bpy.types.Object, motion: np.ndarray, place: list[Matrix], first: int) -> bpy.types.Object:
    """A copy in the shape of the first frame, which the others are shape keys of."""
    depsgraph = context.evaluated_depsgraph_get()
    mesh = bpy.data.meshes.new_from_object(item.evaluated_get(depsgraph), preserve_all_data_layers=True, depsgraph=depsgraph)
    if len(mesh.vertices) != motion.shape[1]:
        bpy.data.meshes.remove(mesh)
        raise UserError("topology_changes", f"{item.name} has another number of vertices in some frames.", "Export Alembic, USD or OBJ.")
    if any(_sheared(matrix) for matrix in place):  # no location, rotation and scale say that: it goes into the shapes
        motion, place = _in_world(motion, place), [Matrix.Identity(4)] * len(place)
    mesh.vertices.foreach_set("co", motion[0].ravel())
    mesh.update()
    twin = bpy.data.objects.new(item.name, mesh)
    for slot, source in zip(twin.material_slots, item.material_slots, strict=False):
        slot.link, slot.material = source.link, source.material
    twin.shape_key_add(name="Basis")
    for index, shape in enumerate(motion[1:], start=1):
        key = twin.shape_key_add(name=f"Frame {first + index}")
        key.data.foreach_set("co", shape.ravel())
        for offset, value in ((-1, 0.0), (0, 1.0), (1, 0.0)):
            if 0 <= index + offset < len(motion):
                key.value = value
                key.keyframe_insert("value", frame=first + index + offset)
    _place(twin, place, first)
    return twin


def _sheared(matrix: Matrix) -> bool:
    """Whether no location, rotation and scale make this matrix."""
    rest = Matrix.LocRotScale(*matrix.decompose()) - matrix
    return max(abs(value) for row in rest for value in row) > _SHEAR * max(abs(value) for row in matrix.to_3x3() for value in row)


def _in_world(motion: np.ndarray, place: list[Matrix]) -> np.ndarray:
    """Positions (T, V, 3) in world space."""
    import numpy as np

    matrices = np.array(place, np.float64)
    world = np.einsum("tij,tvj->tvi", matrices[:, :3, :3], motion) + matrices[:, None, :3, 3]
    return world.astype(np.float32)


def _place(twin: bpy.types.Object, place: list[Matrix], first: int) -> None:
    """Puts the copy where the object is, frame by frame if that moves."""
    twin.rotation_mode = "QUATERNION"
    twin.matrix_basis = place[0]
    if any(matrix != place[0] for matrix in place):
        for index, matrix in enumerate(place):
            twin.matrix_basis = matrix
            for path in ("location", "rotation_quaternion", "scale"):
                twin.keyframe_insert(path, frame=first + index)


def _remove(twin: bpy.types.Object) -> None:
    mesh = cast(bpy.types.Mesh, twin.data)
    animated: list[bpy.types.ID] = [twin, mesh.shape_keys] if mesh.shape_keys else [twin]
    actions = {one.animation_data.action for one in animated if one.animation_data and one.animation_data.action}  # from 4.4 on they share one
    bpy.data.objects.remove(twin)
    bpy.data.meshes.remove(mesh)
    for action in actions:
        bpy.data.actions.remove(action)
