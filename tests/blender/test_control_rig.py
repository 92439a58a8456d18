"""A rig that Rigify has made: the keys go on its FK controls, and where these cannot show the motion, on a stand-in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import addon_utils
import bpy
import numpy as np
import pytest
from fake_engine import FRAMES
from mathutils import Euler
from scenes import evaluated, names, select, use_video
from test_key_cleanup import count_keys
from test_result import go_to
from test_root_motion import in_world

TURNED = (
    "torso",
    "chest",
    "spine_fk.003",
    "head",
    "shoulder.L",
    "upper_arm_fk.L",
    "forearm_fk.L",
    "hand_fk.R",
    "thigh_fk.R",
    "shin_fk.R",
    "foot_fk.L",
)
"""Controls of the true motion; the chest is one that gets no keys."""
SWITCHES = ("upper_arm_parent.L", "upper_arm_parent.R", "thigh_parent.L", "thigh_parent.R")
CORNERS = np.array([(x, y, z) for x in (0, 1) for y in (-1, 1) for z in (-1, 1)], float)
SIDES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))


@pytest.fixture
def person(blender: ModuleType, tmp_path: Path) -> Iterator[tuple[bpy.types.Object, bpy.types.Object]]:
    """A person of boxes, one for each bone that deforms, on a rig of Rigify's, with a point cache; and the rig."""
    if not any(module.__name__ == "rigify" for module in addon_utils.modules()):
        pytest.skip("this Blender has no Rigify")
    bpy.ops.preferences.addon_enable(module="rigify")
    bpy.ops.object.armature_basic_human_metarig_add()
    bpy.ops.pose.rigify_generate()
    rig = bpy.data.objects["rig"]
    item = add_boxes(rig)
    bpy.context.scene.align4d.form = "CACHE"
    use_video(tmp_path / "video")
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    yield item, rig
    bpy.ops.preferences.addon_disable(module="rigify")


def add_boxes(rig: bpy.types.Object) -> bpy.types.Object:
    vertices, faces, groups = [], [], {}
    for bone in [one for one in rig.data.bones if one.use_deform]:
        first, length = len(vertices), bone.length
        corners = CORNERS[:, [1, 0, 2]] * (0.1 * length, length, 0.1 * length)
        turn = np.array(bone.matrix_local)
        vertices += (corners @ turn[:3, :3].T + turn[:3, 3]).tolist()
        faces += [tuple(first + corner for corner in side) for side in SIDES]
        groups[bone.name] = list(range(first, first + 8))
    mesh = bpy.data.meshes.new("Person")
    mesh.from_pydata(vertices, [], faces)
    item = bpy.data.objects.new("Person", mesh)
    bpy.context.scene.collection.objects.link(item)
    for name, indices in groups.items():
        item.vertex_groups.new(name=name).add(indices, 1.0, "REPLACE")
    item.modifiers.new("Armature", "ARMATURE").object = rig
    select(item)
    return item


def true_motion(item: bpy.types.Object, rig: bpy.types.Object) -> np.ndarray:
    """(T, V, 3) of turned controls that walk away; the rig stands as before then."""
    rows = []
    for frame in range(FRAMES):
        for name in SWITCHES:
            rig.pose.bones[name]["IK_FK"] = 1.0
        for index, name in enumerate(TURNED):
            rig.pose.bones[name].matrix_basis = Euler((0.1 * frame, 0.04 * frame * (index % 3 - 1), 0.05 * frame * (index % 2))).to_matrix().to_4x4()
        rig.pose.bones["torso"].location = (0.02 * frame, 0.1 * frame, 0.01 * frame)
        rig.update_tag()
        rows.append(evaluated(item))
    for name in SWITCHES:
        rig.pose.bones[name]["IK_FK"] = 0.0
    for bone in rig.pose.bones:
        bone.matrix_basis.identity()
    rig.update_tag()
    return np.stack(rows)


def play(blender: ModuleType, item: bpy.types.Object, motion: np.ndarray) -> None:
    """Lets the object's result be a motion."""
    file = Path(bpy.path.abspath(item.align4d.results[0].motion))
    blender.engine.align4d.protocol.write_pc2(blender.align4d_blender.result.motion_file.as_shown(file), motion.astype(np.float32))


def assert_shows(item: bpy.types.Object, motion: np.ndarray, off: float) -> None:
    size = np.ptp(motion[0], axis=0).max()
    for index, expected in enumerate(motion):
        go_to(index)
        assert np.linalg.norm(evaluated(item) - expected, axis=1).mean() < off * size, index


def test_the_keys_go_on_fk_controls_and_the_mesh_follows(blender: ModuleType, person: tuple[bpy.types.Object, bpy.types.Object]) -> None:
    item, rig = person
    motion = true_motion(item, rig)
    play(blender, item, motion)
    before = names()
    notes = blender.align4d_blender.result.keyframes.make(item)
    assert any("FK controls" in note for note in notes)
    keyed = {curve.data_path for curve in blender.align4d_blender.compat.fcurves(rig)}
    assert 'pose.bones["torso"].location' in keyed and 'pose.bones["shin_fk.R"].rotation_quaternion' in keyed
    assert not any("DEF-" in path or "_ik" in path or "tweak" in path for path in keyed)
    assert np.linalg.norm(motion[-1] - motion[0], axis=1).mean() > 0.2
    assert_shows(item, motion, 0.01)
    assert all(rig.pose.bones[name]["IK_FK"] == 1.0 for name in SWITCHES)
    assert names()["objects"] == before["objects"], "there is no stand-in"
    every = count_keys(blender, rig)
    item.align4d.results[0].tolerance = 0.3
    blender.align4d_blender.result.keyframes.make(item)
    assert count_keys(blender, rig) < 0.8 * every
    assert_shows(item, motion, 0.01)
    item.align4d.results[0].root_motion = True
    blender.align4d_blender.result.keyframes.make(item)
    size, carried = np.ptp(motion[0], axis=0).max(), []
    for index, expected in enumerate(motion):
        assert np.linalg.norm(in_world(item, index) - expected, axis=1).mean() < 0.01 * size
        carried.append(rig.matrix_world.translation[:])
    assert np.ptp(np.array(carried), axis=0)[1] > 0.2
    assert bpy.ops.align4d.use_point_cache() == {"FINISHED"}
    assert names() == before and not rig.align4d.set_aside
    assert all(rig.pose.bones[name]["IK_FK"] == 0.0 for name in SWITCHES)


def test_a_motion_that_arrives_in_a_window_is_keyed_afterwards_in_one_step(
    blender: ModuleType, person: tuple[bpy.types.Object, bpy.types.Object]
) -> None:
    """By the timer of a window it comes as a point cache, which an operator turns into keys; both are one step of the undo history."""
    item, _ = person
    queue = blender.align4d_blender.jobs.queue
    bpy.context.scene.align4d.form = "KEYFRAMES"
    bpy.ops.ed.undo_push(message="Before")
    job, before = queue.start(bpy.context), len(item.align4d.results)
    while not job.ended:
        queue.step(in_window=True)
        time.sleep(0.01)
    assert job.state == "done" and any("the keys are on rig Motion" in note for note in job.notes)
    assert len(item.align4d.results) == before + 1 and item.align4d.results[-1].form == "KEYFRAMES"
    assert "rig Motion" in bpy.data.objects
    bpy.ops.ed.undo()
    item = bpy.data.objects["Person"]
    assert len(item.align4d.results) == before and "rig Motion" not in bpy.data.objects


def test_what_controls_cannot_show_goes_on_a_stand_in(blender: ModuleType, person: tuple[bpy.types.Object, bpy.types.Object]) -> None:
    """Boxes that come apart: bones that deform could follow, but no control moves them away from each other."""
    item, rig = person
    rest = evaluated(item)
    apart = np.stack([rest + 0.1 * frame * (rest - rest.mean(0)) for frame in range(FRAMES)])
    play(blender, item, apart)
    notes = blender.align4d_blender.result.keyframes.make(item)
    assert any("which its bones follow" in note for note in notes)
    assert "rig Motion" in bpy.data.objects and not rig.align4d.set_aside
    assert all(rig.pose.bones[name]["IK_FK"] == 0.0 for name in SWITCHES)


def test_bones_that_hang_on_copies_of_others_hang_on_these(blender: ModuleType, person: tuple[bpy.types.Object, bpy.types.Object]) -> None:
    """Of the bones that deform, Rigify hangs limbs on copies of the spine: these move nothing, and stand for what they are copies of."""
    bones = blender.align4d_blender.capture.armatures.deforming_bones(person[0])
    above = {one.bone.name: bones[one.parent].bone.name for one in bones if one.parent >= 0}
    assert {bone.bone.name for bone in bones} - {*above} == {"DEF-spine"}, "one tree"
    for side in "LR":
        assert above[f"DEF-thigh.{side}"] == above[f"DEF-pelvis.{side}"] == "DEF-spine"
        assert above[f"DEF-shoulder.{side}"] == "DEF-spine.003" and above[f"DEF-upper_arm.{side}"] == f"DEF-shoulder.{side}"
