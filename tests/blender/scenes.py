"""Small scenes, videos and look-ups that the tests share."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
from fake_engine import FRAMES


def write_images(folder: Path, count: int = FRAMES, width: int = 64, height: int = 48, first: int = 1) -> Path:
    """A sequence of PNG images; returns the first."""
    folder.mkdir(parents=True, exist_ok=True)
    image = bpy.data.images.new("frame", width, height)
    for index in range(count):
        image.pixels.foreach_set(np.tile(np.array([index / max(count, 2), 0.2, 0.4, 1.0], np.float32), width * height))
        image.save(filepath=str(folder / f"frame_{index + first:04d}.png"))
    bpy.data.images.remove(image)
    return folder / f"frame_{first:04d}.png"


def use_video(folder: Path) -> None:
    """Chooses a small image sequence as the reference."""
    bpy.context.scene.align4d.video = str(write_images(folder))


def select(*items: bpy.types.Object) -> None:
    """Selects these objects only; the first is the active one."""
    bpy.context.view_layer.update()
    for item in bpy.context.view_layer.objects:
        item.select_set(item in items)
    bpy.context.view_layer.objects.active = items[0]


def add_mesh(name: str = "Mesh", subdivisions: int = 2) -> bpy.types.Object:
    """A stretched icosphere, the only selected object."""
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=subdivisions)
    item = bpy.context.object
    item.name = name
    item.data.vertices.foreach_set("co", (local(item) * np.array([1.0, 0.7, 1.3])).astype(np.float32).ravel())
    item.data.update()
    select(item)
    return item


def place(item: bpy.types.Object) -> None:
    """Somewhere, turned, scaled unevenly and parented."""
    parent = bpy.data.objects.new("Parent", None)
    bpy.context.scene.collection.objects.link(parent)
    parent.location, parent.rotation_euler, parent.scale = (1, 2, 3), (0.3, 0.2, 0.1), (2, 2, 2)
    item.parent = parent
    item.location, item.rotation_euler, item.scale = (0.5, -1, 0.2), (0.4, 1.0, -0.7), (1.5, 0.5, 0.8)
    bpy.context.view_layer.update()


def add_armature(item: bpy.types.Object) -> bpy.types.Object:
    """Two bones, posed, that share the object's vertices smoothly, as the last modifier."""
    bpy.ops.object.armature_add()
    rig = bpy.context.object
    bpy.ops.object.mode_set(mode="EDIT")
    rig.data.edit_bones[0].name = "lower"
    upper = rig.data.edit_bones.new("upper")
    upper.head, upper.tail = (0, 0, 1), (0, 0, 2)
    bpy.ops.object.mode_set(mode="OBJECT")
    rig.pose.bones["upper"].rotation_mode = rig.pose.bones["lower"].rotation_mode = "XYZ"
    rig.pose.bones["upper"].rotation_euler = (0.6, 0.3, 0.2)
    rig.pose.bones["lower"].location = (0.3, 0.1, -0.2)
    height = local(item)[:, 2]
    weight = (height - height.min()) / np.ptp(height)
    for name, weights in (("upper", weight), ("lower", 1 - weight)):
        group = item.vertex_groups.new(name=name)
        for index, value in enumerate(weights):
            group.add([index], float(value), "REPLACE")
    item.modifiers.new("Armature", "ARMATURE").object = rig
    select(item)
    return rig


def local(item: bpy.types.Object) -> np.ndarray:
    """The vertices (V, 3) of the object's own mesh."""
    values = np.empty(len(item.data.vertices) * 3, np.float32)
    item.data.vertices.foreach_get("co", values)
    return values.reshape(-1, 3)


def evaluated(item: bpy.types.Object) -> np.ndarray:
    """The vertices (V, 3) that Blender shows at the current frame, in object space."""
    bpy.context.view_layer.update()
    mesh = item.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    values = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", values)
    item.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh_clear()
    return values.reshape(-1, 3)


def new_material(item: bpy.types.Object) -> bpy.types.Material:
    """A material on the object; returns it with nodes."""
    material = bpy.data.materials.new("Paint")
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    item.data.materials.append(material)
    return material


def names() -> dict[str, list[str]]:
    """Every data-block of the file by kind."""
    kinds = ("objects", "meshes", "cameras", "images", "materials", "scenes", "movieclips", "node_groups", "actions", "worlds", "collections")
    return {kind: sorted(block.name for block in getattr(bpy.data, kind)) for kind in kinds}


def played(item: bpy.types.Object) -> Path:
    """The file of the motion that an object shows."""
    return Path(bpy.path.abspath(item.align4d.results[item.align4d.active].motion))


def turn_until(blender: ModuleType, condition: Callable[[], bool], seconds: float = 90) -> None:
    """Lets the jobs move on until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, [(job.label, job.state, job.stage) for job in blender.align4d_blender.jobs.queue.listed]
        blender.align4d_blender.jobs.queue.step()
        time.sleep(0.01)
