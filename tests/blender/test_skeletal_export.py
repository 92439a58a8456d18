"""Keyframes out of Blender: read back into an empty file, bones move the mesh as they did in the scene."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from fake_engine import FRAMES
from scenes import add_mesh, evaluated, names, select, use_video
from test_armature_action import shown
from test_keyframes import generate_limb, write_poses
from test_result import scene_frame

FORMATS: dict[str, tuple[str, Callable[..., object]]] = {
    "fbx": (".fbx", lambda path: bpy.ops.import_scene.fbx(filepath=str(path), anim_offset=0.0)),
    "gltf": (".glb", lambda path: bpy.ops.import_scene.gltf(filepath=str(path))),
    "usd": (".usdc", lambda path: bpy.ops.wm.usd_import(filepath=str(path))),
}


def in_world(item: bpy.types.Object, frame: float) -> np.ndarray:
    bpy.context.scene.frame_set(int(frame), subframe=frame % 1)
    matrix = np.array(item.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world)
    return evaluated(item) @ matrix[:3, :3].T + matrix[:3, 3]


def written_and_read(blender: ModuleType, item: bpy.types.Object, kind: str, path: Path) -> bpy.types.Object:
    """The mesh that comes back from a file of the object's motion, in an empty scene; its bones move it at least as it was in the scene."""
    last = int(scene_frame(FRAMES - 1))
    before = names()
    expected = [in_world(item, frame) for frame in range(1, last + 1)]
    suffix, read = FORMATS[kind]
    path = path.with_suffix(suffix)
    select(item)
    module = getattr(blender.align4d_blender.export, kind)
    module.export(bpy.context, [item], 1, last, path)
    assert names() == before and not item.modifiers["Align4D"].show_viewport
    scene = bpy.context.scene
    rate = scene.render.fps, scene.render.fps_base
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = rate
    read(path)
    mesh = next(one for one in bpy.data.objects if one.type == "MESH" and one.vertex_groups)
    assert not (mesh.data.shape_keys and mesh.data.shape_keys.key_blocks)
    size = float(np.ptp(expected[0], axis=0).max())
    for frame, points in enumerate(expected, 1):
        assert_same_places(in_world(mesh, frame), points, 1e-4 * size)
    return mesh


def assert_same_places(found: np.ndarray, expected: np.ndarray, off: float) -> None:
    """Points (V, 3) and (W, 3), however they are ordered and split: each has one of the other within `off`."""
    apart = np.linalg.norm(found[:, None] - expected[None], axis=-1)
    assert apart.min(0).max() < off and apart.min(1).max() < off


@pytest.mark.parametrize("kind", FORMATS)
def test_bones_come_back_as_they_were(blender: ModuleType, tmp_path: Path, kind: str) -> None:
    item, _, _ = generate_limb(blender, tmp_path)
    bpy.ops.align4d.make_keyframes()
    written_and_read(blender, item, kind, tmp_path / "out")


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("kind", FORMATS)
def test_root_motion_comes_back_as_the_objects(blender: ModuleType, tmp_path: Path, kind: str, own: bool) -> None:
    """Of a mesh below its own armature, and of one beside an armature that was made for it."""
    if own:
        item, _, _ = generate_limb(blender, tmp_path)
    else:
        item = add_mesh()
        use_video(tmp_path / "video")
        bpy.ops.align4d.generate()
        write_poses(blender, item)
    bpy.ops.align4d.make_keyframes()
    item.align4d.results[0].root_motion = True
    bpy.ops.align4d.clean_up()
    mesh = written_and_read(blender, item, kind, tmp_path / "out")
    rig = mesh.find_armature()
    places = []
    for frame in (1, int(scene_frame(FRAMES - 1))):
        bpy.context.scene.frame_set(frame)
        places.append(rig.matrix_world.translation.copy())
    assert (places[1] - places[0]).length > 0.05


def test_bvh_holds_the_one_armature(blender: ModuleType, tmp_path: Path) -> None:
    item, rig, _ = generate_limb(blender, tmp_path)
    skeletal = blender.align4d_blender.export.skeletal
    with pytest.raises(blender.align4d_blender.errors.UserError, match="keyframes of one armature"):
        skeletal.bvh(bpy.context, [item], 1, 5, tmp_path / "out.bvh")
    bpy.ops.align4d.make_keyframes()
    moved = shown(item)
    assert bpy.ops.align4d.export_bvh(filepath=str(tmp_path / "out.bvh"), frame_start=1, frame_end=5) == {"FINISHED"}
    text = (tmp_path / "out.bvh").read_text()
    assert "Frames: 5" in text and all(bone.name in text for bone in rig.data.bones)
    np.testing.assert_array_equal(shown(item), moved)
    assert_joints_come_back(blender, rig, tmp_path / "out.bvh")
    item.align4d.results[0].root_motion = True
    bpy.ops.align4d.clean_up()
    before = names()
    skeletal.bvh(bpy.context, [item], 1, 5, tmp_path / "way.bvh")
    assert names() == before
    assert_joints_come_back(blender, rig, tmp_path / "way.bvh")


def assert_joints_come_back(blender: ModuleType, rig: bpy.types.Object, path: Path) -> None:
    """In the space in which the armature rests, which is that of a .bvh."""
    bpy.ops.import_anim.bvh(filepath=str(path), axis_forward="Y", axis_up="Z")
    read, size = bpy.context.object, 4.0
    rest = blender.align4d_blender.result.carrying.rest_world(rig).inverted()
    for frame in range(1, 6):
        bpy.context.scene.frame_set(frame)
        for bone in rig.pose.bones:
            expected = rest @ rig.matrix_world @ bone.head
            np.testing.assert_allclose(read.pose.bones[bone.name].head, expected, atol=1e-4 * size)
    bpy.data.objects.remove(read)
    select(rig)
