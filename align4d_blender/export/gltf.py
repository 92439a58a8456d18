"""glTF with the motion as morph targets. Blender's exporter knows no point caches, so it gets a copy with shape keys, in a scene of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import bpy
from mathutils import Matrix

from ..errors import UserError
from . import motion as exports

if TYPE_CHECKING:
    import numpy as np


def export(context: bpy.types.Context, items: Sequence[bpy.types.Object], first: int, last: int, path: Path) -> None:
    """Writes a .glb, or a .gltf with what belongs to it. Raises UserError; the scene stays as it was."""
    if not hasattr(bpy.types, "EXPORT_SCENE_OT_gltf"):
        advice = "Switch it on in Edit > Preferences > Add-ons, or export Alembic or USD."
        raise UserError("no_gltf", "Blender's glTF add-on is switched off.", advice)
    with _twins(context, items, first, last) as scene, context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
        try:
            ended = bpy.ops.export_scene.gltf(
                filepath=str(path),
                export_format="GLB" if path.suffix.lower() == ".glb" else "GLTF_SEPARATE",
                use_active_scene=True,
                export_morph_normal=False,
                export_animation_mode="ACTIVE_ACTIONS",
                export_force_sampling=True,
                export_optimize_animation_size=False,
                export_cameras=False,
                export_lights=False,
            )
        except RuntimeError as error:
            raise exports.failed(error) from error
    if ended != {"FINISHED"}:
        raise UserError("export_failed", "Blender's glTF exporter did not finish.", "Choose another folder, or another format.")


@contextmanager
def _twins(context: bpy.types.Context, items: Sequence[bpy.types.Object], first: int, last: int) -> Iterator[bpy.types.Scene]:
    """A temporary scene with a copy of each object that moves by shape keys, one a frame."""
    own = context.scene
    motions, places = exports.motion_of(context, items, first, last), _places(own, items, first, last)
    scene = bpy.data.scenes.new("Align4D Export")
    scene.render.fps, scene.render.fps_base = own.render.fps, own.render.fps_base
    scene.frame_start, scene.frame_end = first, last
    made: list[bpy.types.Object] = []
    try:
        for item, motion, place in zip(items, motions, places, strict=True):
            made.append(_twin(context, item, motion, place, first))
            scene.collection.objects.link(made[-1])
        yield scene
    finally:
        for twin in made:
            _remove(twin)
        bpy.data.scenes.remove(scene)


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
