"""What the panels say about a selection, a mesh and a timeline that do not fit, each with its cure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from fake_engine import FPS, FRAMES, moved
from scenes import add_armature, add_mesh, evaluated, local, select, use_video
from test_panel import draw


def generate(folder: Path) -> None:
    use_video(folder / "video")
    assert bpy.ops.align4d.generate() == {"FINISHED"}


def add_hat(rig: bpy.types.Object) -> bpy.types.Object:
    hat = add_mesh("Hat", 1)
    hat.parent, hat.parent_type, hat.parent_bone = rig, "BONE", "upper"
    return hat


def add_text() -> None:
    bpy.ops.object.text_add()


def add_curve() -> None:
    bpy.ops.curve.primitive_bezier_circle_add()


def add_metaball() -> None:
    bpy.ops.object.metaball_add()


@pytest.mark.parametrize("add", [add_text, add_curve, add_metaball])
def test_what_is_not_a_mesh_is_named_with_what_makes_it_one(blender: ModuleType, tmp_path: Path, add: Callable[[], None]) -> None:
    add()
    item = bpy.context.object
    item.name = "Logo"
    select(item)
    assert "Logo is not a mesh: Object > Convert > Mesh" in draw(blender)
    use_video(tmp_path)
    with pytest.raises(RuntimeError, match="Logo is not a mesh"):
        bpy.ops.align4d.generate()
    fox = add_mesh("Fox")
    select(fox, item)
    assert "No meshes, and left out: Logo" in draw(blender) and "\nGenerate 4D" in draw(blender)
    add_curve()
    ring = bpy.context.object
    ring.name = "Ring"
    select(fox, item, ring)
    assert "No meshes, and left out: Logo, Ring" in draw(blender)


def test_an_instance_of_a_collection(blender: ModuleType) -> None:
    instance = bpy.data.objects.new("Char", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", bpy.data.collections.new("Char")
    bpy.context.scene.collection.objects.link(instance)
    select(instance)
    assert "Char is an instance of a collection: Object > Apply > Make Instances Real" in draw(blender)


def test_a_selected_armature_takes_its_meshes(blender: ModuleType, tmp_path: Path) -> None:
    body = add_mesh("Body")
    rig = add_armature(body)
    hat = add_hat(rig)
    select(rig)
    shown = draw(blender)
    assert "Body\nHat" in shown and "Select" not in shown
    generate(tmp_path)
    assert all(item.modifiers["Align4D"] for item in (body, hat))


def test_an_armature_without_meshes(blender: ModuleType) -> None:
    rig = add_armature(add_mesh("Body"))
    bpy.data.objects.remove(bpy.data.objects["Body"])
    select(rig)
    assert "No mesh hangs on the selected armature" in draw(blender)


def test_what_hangs_on_the_same_armature_is_offered(blender: ModuleType) -> None:
    body = add_mesh("Body")
    hat = add_hat(add_armature(body))
    add_mesh("Tree")
    select(body)
    assert "On the same armature: Hat" in draw(blender) and "Select Them Too" in draw(blender)
    assert bpy.ops.align4d.select_others() == {"FINISHED"}
    assert {item.name for item in bpy.context.selected_objects} == {"Body", "Hat"} and bpy.context.active_object == body
    assert "On the same armature" not in draw(blender)
    select(hat)
    assert "On the same armature: Body" in draw(blender)


def test_a_range_that_is_too_short_is_offered_to_be_set(blender: ModuleType, tmp_path: Path) -> None:
    scene = bpy.context.scene
    scene.frame_end = 4
    add_mesh("Fox")
    generate(tmp_path)
    last = 1 + round((FRAMES - 1) * 24 / FPS)
    assert f"The motion takes frames 1 to {last}" in draw(blender, "result") and "Set Range" in draw(blender, "result")
    assert bpy.ops.align4d.set_range() == {"FINISHED"}
    assert (scene.frame_start, scene.frame_end) == (1, last)
    assert "Set Range" not in draw(blender, "result")


def test_the_motion_keeps_its_speed_at_another_frame_rate(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh("Fox")
    generate(tmp_path)
    bpy.context.view_layer.update()
    bpy.context.scene.render.fps = 60
    bpy.context.view_layer.update()
    for index in range(FRAMES):
        bpy.context.scene.frame_set(1 + round(index * 60 / FPS))
        np.testing.assert_allclose(evaluated(item), moved(local(item), index), atol=1e-5)


def test_a_mesh_that_was_edited_since_is_said(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh("Fox")
    generate(tmp_path)
    assert "vertices now" not in draw(blender, "result")
    count = len(item.data.vertices)
    item.data.vertices.add(1)
    assert f"Fox has {count + 1} vertices now and its motion {count}: undo that change, or generate again" in draw(blender, "result")


def test_a_modifier_that_the_motion_comes_after_is_said_and_missed(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh("Fox")
    item.modifiers.new("Mirror", "MIRROR")
    generate(tmp_path)
    assert "It comes after Mirror" in draw(blender, "result")
    item.modifiers.remove(item.modifiers["Mirror"])
    assert "The modifier Mirror is gone" in draw(blender, "result")


def test_where_the_motion_begins_is_a_choice(blender: ModuleType) -> None:
    assert "Start At" in draw(blender)


def test_bone_weights_are_read_as_they_are(blender: ModuleType) -> None:
    """Through a subdivision too, and with more groups than are read at once."""
    item = add_mesh("Fox", 3)
    rig = add_armature(item)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for index in range(20):
        bone = rig.data.edit_bones.new(f"extra{index}")
        bone.head, bone.tail = (0, 0, index), (0, 0, index + 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    random = np.random.default_rng(0)
    for index in range(20):
        group = item.vertex_groups.new(name=f"extra{index}")
        for vertex in random.choice(len(item.data.vertices), 30, replace=False):
            group.add([int(vertex)], float(random.random()), "REPLACE")
    item.vertex_groups.new(name="no bone").add(range(10), 1.0, "REPLACE")
    capture = blender.align4d_blender.capture
    standing = capture.bone_weights.standing_bones(item, bpy.context.evaluated_depsgraph_get(), item.matrix_world)
    found = capture.slices.whole(capture.bone_weights.bone_arrays(item, item.data, standing))
    names = {group.index: f"{rig.name}/{group.name}" for group in item.vertex_groups if group.name in rig.data.bones}
    wanted = {
        (vertex.index, names[entry.group]): entry.weight
        for vertex in item.data.vertices
        for entry in vertex.groups
        if entry.group in names and entry.weight > 0
    }
    triples = zip(found["vertex"], found["bone"], found["weight"], strict=True)
    assert {(int(vertex), str(found["names"][bone])): weight for vertex, bone, weight in triples} == pytest.approx(wanted)
    assert not [tree for tree in bpy.data.node_groups if tree.name.startswith("Align4D")]


def test_a_camera_that_moves_is_said(blender: ModuleType) -> None:
    add_mesh("Fox")
    camera, dolly = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera")), bpy.data.objects.new("Dolly", None)
    for item in (camera, dolly):
        bpy.context.scene.collection.objects.link(item)
    camera.parent = dolly
    bpy.context.scene.camera = camera
    assert "Camera moves" not in draw(blender)
    dolly.keyframe_insert("location", frame=1)
    assert "Camera moves" in draw(blender)
