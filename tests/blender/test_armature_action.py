"""A motion as keyframes: what the armature plays afterwards is where the mesh was, and all of it can be taken away again."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from mathutils import Euler
from scenes import evaluated, local, names, select

FRAMES = range(1, 9)
MODES = ("QUATERNION", "XYZ", "ZXY", "AXIS_ANGLE")


def add_limb(connected: bool = True, mode: str = "QUATERNION", uneven: bool = False) -> tuple[bpy.types.Object, bpy.types.Object]:
    """A bar of rings along Z with a chain of four bones in it; scaled below an Empty, by itself unevenly where asked."""
    bpy.ops.mesh.primitive_cylinder_add(vertices=8, depth=4, radius=0.3, location=(0, 0, 2))
    item = bpy.context.object
    bpy.ops.object.transform_apply(location=True)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.subdivide(number_cuts=3)
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.ops.object.armature_add()
    rig = bpy.context.object
    bpy.ops.object.mode_set(mode="EDIT")
    bones = rig.data.edit_bones
    bones[0].name, bones[0].head, bones[0].tail = "bone0", (0, 0, 0), (0, 0, 1)
    for index in range(1, 4):
        bone = bones.new(f"bone{index}")
        bone.head, bone.tail, bone.parent, bone.use_connect = (0, 0, index), (0, 0, index + 1), bones[f"bone{index - 1}"], connected
        bone.roll = 0.4 * index
    bpy.ops.object.mode_set(mode="OBJECT")
    height = local(item)[:, 2]
    for index in range(4):
        group = item.vertex_groups.new(name=f"bone{index}")
        for vertex, weight in enumerate(np.clip(1 - np.abs(height - index - 0.5), 0, 1) + (0.01 if index == 0 else 0)):
            if weight > 0:
                group.add([vertex], float(weight), "REPLACE")
    item.modifiers.new("Armature", "ARMATURE").object = rig
    parent = bpy.data.objects.new("Parent", None)
    bpy.context.scene.collection.objects.link(parent)
    parent.location, parent.rotation_euler, parent.scale = (1, 2, 3), (0.3, 0.2, 0.1), (2, 2, 2)
    rig.parent = parent
    if uneven:
        rig.scale = (1, 1.5, 0.7)
    item.parent = rig
    for bone in rig.pose.bones:
        bone.rotation_mode = mode
    select(item)
    return item, rig


def animate(rig: bpy.types.Object) -> None:
    """Keys of a motion with turns beyond half a circle; the action of the truth, or of the artist."""
    for frame in FRAMES:
        for index, bone in enumerate(rig.pose.bones):
            mode, bone.rotation_mode = bone.rotation_mode, "XYZ"
            bone.rotation_euler = Euler((0.1 * frame * (index + 1), -0.05 * frame, 0.25 * frame * (index == 3)))
            bone.rotation_mode = mode
            bone.keyframe_insert({"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}.get(mode, "rotation_euler"), frame=frame)
        rig.pose.bones[0].location = (0.1 * frame, 0, 0.05 * frame)
        rig.pose.bones[0].keyframe_insert("location", frame=frame)


def shown(item: bpy.types.Object) -> np.ndarray:
    """(T, V, 3) of all frames."""
    rows = []
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        rows.append(evaluated(item))
    return np.stack(rows)


def forget(rig: bpy.types.Object) -> None:
    """Takes the true animation away, and the pose with it."""
    action = rig.animation_data.action
    rig.animation_data_clear()
    bpy.data.actions.remove(action)
    for bone in rig.pose.bones:
        bone.matrix_basis.identity()


def key(blender: ModuleType, item: bpy.types.Object, rig: bpy.types.Object, motion: np.ndarray) -> Any:
    """The motion as keys of the armature."""
    result = blender.align4d_blender.result
    mesh = result.rig_poses.KeyedMesh(item, item.matrix_world.copy(), local(item), motion)
    poses = np.stack(list(result.rig_poses.solve(rig, result.rig_poses.join(rig, [mesh]))))
    return blender.align4d_blender.capture.slices.whole(result.armature_action.write_keys(rig, "Motion", poses, list(FRAMES)))


@pytest.mark.parametrize("mode", MODES)
def test_the_keys_show_the_motion_in_every_rotation_mode(blender: ModuleType, mode: str) -> None:
    item, rig = add_limb(mode=mode, uneven=True)
    animate(rig)
    motion = shown(item)
    forget(rig)
    key(blender, item, rig, motion)
    assert np.abs(shown(item) - motion).max() < 1e-3 * 4
    assert all(bone.rotation_mode == mode for bone in rig.pose.bones)
    for curve in [one for one in blender.align4d_blender.compat.fcurves(rig) if one.data_path.endswith("rotation_euler")]:
        assert np.abs(np.diff([point.co.y for point in curve.keyframe_points])).max() < 1, "Eulers do not jump"


def test_a_bone_that_deforms_nothing_stays_and_those_below_it_go_on(blender: ModuleType) -> None:
    item, rig = add_limb(connected=False)
    rig.data.bones["bone1"].use_deform = False
    animate(rig)
    motion = shown(item)
    forget(rig)
    key(blender, item, rig, motion)
    keyed = {curve.data_path.split('"')[1] for curve in blender.align4d_blender.compat.fcurves(rig)}
    assert keyed == {"bone0", "bone2", "bone3"}
    assert np.abs(shown(item) - motion).max() < 1e-3 * 4


@pytest.mark.parametrize("flags", [{}, {"use_inherit_rotation": False}, {"inherit_scale": "NONE"}, {"use_local_location": False}])
def test_bones_that_inherit_less_are_keyed_right(blender: ModuleType, flags: dict[str, Any]) -> None:
    item, rig = add_limb(connected=False, uneven=True)
    for bone in rig.data.bones[1:]:
        for name, value in flags.items():
            setattr(bone, name, value)
    animate(rig)
    motion = shown(item)
    forget(rig)
    key(blender, item, rig, motion)
    assert np.abs(shown(item) - motion).max() < 1e-3 * 4


def test_connected_bones_get_no_location_and_quaternions_no_change_of_sign(blender: ModuleType) -> None:
    item, rig = add_limb(uneven=True)
    animate(rig)
    motion = shown(item)
    forget(rig)
    key(blender, item, rig, motion)
    curves = blender.align4d_blender.compat.fcurves(rig)
    assert not [one for one in curves if one.data_path.endswith("location") and "bone0" not in one.data_path]
    turns: dict[str, list[list[float]]] = {}
    for curve in curves:
        if curve.data_path.endswith("rotation_quaternion"):
            turns.setdefault(curve.data_path, []).append([point.co.y for point in curve.keyframe_points])
    assert len(turns) == 4
    for columns in turns.values():
        quaternions = np.array(columns).T
        assert ((quaternions[1:] * quaternions[:-1]).sum(1) > 0).all()


def test_the_artists_action_comes_back_with_its_pose(blender: ModuleType) -> None:
    item, rig = add_limb()
    animate(rig)
    before, motion, action = names(), shown(item), rig.animation_data.action
    keyed = key(blender, item, rig, motion[::-1])
    assert rig.animation_data.action != action and np.abs(shown(item) - motion[::-1]).max() < 1e-3 * 4
    assert blender.align4d_blender.result.armature_action.is_keyed(rig)
    blender.align4d_blender.result.armature_action.take_off(rig)
    bpy.data.actions.remove(keyed)
    assert rig.animation_data.action == action and not rig.animation_data.nla_tracks and names() == before
    np.testing.assert_allclose(shown(item), motion, atol=1e-6)


def test_a_pose_without_an_action_comes_back(blender: ModuleType) -> None:
    item, rig = add_limb()
    rig.pose.bones["bone2"].rotation_quaternion = Euler((0.5, 0, 0)).to_quaternion()
    posed = evaluated(item)
    key(blender, item, rig, np.repeat(posed[None], len(FRAMES), 0))
    blender.align4d_blender.result.armature_action.take_off(rig)
    np.testing.assert_allclose(evaluated(item), posed, atol=1e-6)


def test_bones_that_a_constraint_moves_are_named(blender: ModuleType) -> None:
    _, rig = add_limb()
    module = blender.align4d_blender.capture.armatures
    assert module.constrained_bones(rig) == []
    rig.pose.bones["bone1"].constraints.new("COPY_ROTATION").target = bpy.data.objects["Parent"]
    assert module.constrained_bones(rig) == ["bone1"]


def test_a_mesh_without_weights_is_refused_in_words(blender: ModuleType) -> None:
    item, rig = add_limb()
    item.vertex_groups.clear()
    with pytest.raises(blender.align4d_blender.errors.UserError, match="No bone of Armature moves"):
        key(blender, item, rig, np.repeat(local(item)[None], 2, 0))


def test_the_solver_keeps_bones_rigid_where_the_surface_is_not(blender: ModuleType) -> None:
    """Noise on the surface does not shake the bones: the error of the skinned surface is far below the noise."""
    item, rig = add_limb()
    animate(rig)
    motion = shown(item)
    forget(rig)
    key(blender, item, rig, motion + np.random.default_rng(0).normal(0, 0.02, motion.shape))
    assert np.abs(shown(item) - motion).mean() < 0.01
