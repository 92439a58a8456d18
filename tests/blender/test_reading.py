"""A press on Generate in a window: the scene is read in slices, may be broken off at each of them, and leaves nothing behind then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from scenes import add_armature, add_mesh, evaluated, names, new_material, use_video


def reading_of(blender: ModuleType) -> object:
    jobs, capture = blender.align4d_blender.jobs, blender.align4d_blender.capture
    return capture.under_way.UnderWay("Reading the scene", jobs.queue.starting(bpy.context))


def slices(reading: object) -> Iterator[str]:
    """One slice after the other, each as short as there are."""
    while reading.go_on(1e-9) is None:
        yield reading.words


def broken_off_after(reading: object, count: int, scenes: list[int]) -> bool:
    """Stops after so many slices, and notes how many scenes there were then; False where it came to its end before."""
    for index, _ in enumerate(slices(reading)):
        if index == count:
            scenes.append(len(bpy.data.scenes))
            reading.abandon()
            return True
    return False


@pytest.fixture
def character(tmp_path: Path) -> bpy.types.Object:
    """Nearly everything that reading makes something for: an animated armature, a subdivision, shape keys, a texture of nodes."""
    item = add_mesh("Fox", subdivisions=1)
    rig = add_armature(item)
    bone = rig.pose.bones["upper"]
    for frame, angle in ((1, 0.1), (20, 0.9)):
        bone.rotation_euler.x = angle
        bone.keyframe_insert("rotation_euler", frame=frame)
    item.modifiers.new("Subdivision", "SUBSURF")
    item.shape_key_add(name="Basis")
    item.shape_key_add(name="Smile")
    tree = new_material(item).node_tree
    tree.links.new(tree.nodes.new("ShaderNodeTexChecker").outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    use_video(tmp_path / "video")
    return item


def left_over(blender: ModuleType) -> list[Path]:
    return list(blender.align4d_blender.storage.folders.user_folder("jobs").iterdir())


def test_broken_off_at_any_moment_it_leaves_nothing(blender: ModuleType, character: bpy.types.Object) -> None:
    before, shown = names(), evaluated(character)
    scenes: list[int] = []
    while broken_off_after(reading_of(blender), len(scenes), scenes):
        assert names() == before, f"after slice {len(scenes)}"
        assert not left_over(blender) and not blender.align4d_blender.jobs.queue.listed
        assert not character.align4d.id and character.mode == "OBJECT"
        np.testing.assert_array_equal(evaluated(character), shown)
    assert len(scenes) > 12, "it is not read in slices"
    assert max(scenes) > 1, "it was broken off only where there was nothing to leave"


@pytest.mark.parametrize("what", ["save", "another file", "a second press"])
def test_what_would_disturb_breaks_it_off(blender: ModuleType, character: bpy.types.Object, tmp_path: Path, what: str) -> None:
    before = names()
    reading = reading_of(blender)
    for _ in slices(reading):
        if len(bpy.data.scenes) > 1:
            break
    if what == "save":
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
        assert names() == before
    elif what == "another file":
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    else:
        reading_of(blender).abandon()
    assert not left_over(blender)
    with pytest.raises(blender.align4d_blender.errors.UserError, match=r"meanwhile\. Press the button again"):
        reading.go_on(1.0)


def test_what_is_deleted_meanwhile(blender: ModuleType, character: bpy.types.Object) -> None:
    reading = reading_of(blender)
    next(slices(reading))
    bpy.data.objects.remove(character)
    before = names()
    with pytest.raises(blender.align4d_blender.errors.UserError, match="The scene has changed while it was read"):
        list(slices(reading))
    assert names() == before and not left_over(blender)


def test_a_heavy_mesh_is_read_in_short_slices(blender: ModuleType, tmp_path: Path) -> None:
    """By the processor's time: no slice takes a large part of the whole."""
    item = add_mesh(subdivisions=7)  # 82 thousand triangles
    add_armature(item)
    use_video(tmp_path / "video")
    reading, seconds, words = reading_of(blender), [], set()
    began = time.thread_time()
    for said in slices(reading):
        words.add(said)
        seconds.append(time.thread_time() - began)
        began = time.thread_time()
    assert words == {"Reading Mesh (1 of 1)"}
    assert max(seconds) < 0.6 * sum(seconds), f"{max(seconds):.3f} of {sum(seconds):.3f} s"
    assert blender.align4d_blender.jobs.queue.listed
