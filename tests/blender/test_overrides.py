"""A character of another file: overridden, as it is in every shot, it gets its motion like any object; merely linked, it says what to do."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from fake_engine import FRAMES, moved
from scenes import add_armature, add_mesh, evaluated, select, use_video


@pytest.fixture
def linked(blender: ModuleType, tmp_path: Path) -> bpy.types.Object:
    """A rigged mesh, linked into a new file that is saved beside its own."""
    hero = add_mesh("Hero")
    add_armature(hero)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "hero.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "hero.blend"), link=True) as (_, wanted):
        wanted.objects = ["Hero"]
    found = wanted.objects[0]
    bpy.context.scene.collection.objects.link(found)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    use_video(tmp_path / "video")
    bpy.context.scene.align4d.form = "CACHE"
    return found


def overridden(item: bpy.types.Object) -> bpy.types.Object:
    """The same through Object > Library Override > Make."""
    made = item.override_hierarchy_create(bpy.context.scene, bpy.context.view_layer)
    select(made)
    return made


def test_all_that_is_kept_on_an_object_can_be_overridden(blender: ModuleType) -> None:
    properties = blender.align4d_blender.registration.properties
    for kind in (properties.Align4DTag, properties.Align4DResult):
        fixed = [name for name in kind.__annotations__ if not kind.bl_rna.properties[name].is_overridable]
        assert not fixed, f"without override={{...}}, what is set in a shot is lost: {fixed}"


def test_a_linked_mesh_says_what_to_do(blender: ModuleType, linked: bpy.types.Object) -> None:
    select(linked)
    with pytest.raises(RuntimeError, match="Hero is linked from another file. Use Object > Library Override > Make first"):
        bpy.ops.align4d.generate()
    assert not blender.align4d_blender.jobs.queue.listed


def test_an_override_gets_its_motion_and_keeps_it(blender: ModuleType, linked: bpy.types.Object, tmp_path: Path) -> None:
    hero = overridden(linked)
    rest = evaluated(hero)
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    job = blender.align4d_blender.jobs.queue.listed[0]
    assert job.state == "done", job.error
    name, called = hero.name, hero.align4d.results[0].name

    def plays(item: bpy.types.Object) -> None:
        scene, result = bpy.context.scene, item.align4d.results[0]
        rate = scene.render.fps / result.fps
        for frame in range(FRAMES):
            scene.frame_set(int(result.start + frame * rate))
            assert np.abs(evaluated(item) - moved(rest, frame)).max() < 2e-3, frame

    plays(hero)
    hero.align4d.results[0].start = 7
    assert job.folder.exists() and len(hero.align4d.results) == 1
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    again = bpy.data.objects[name]
    assert again.override_library and again.align4d.results[0].start == 7 and again.align4d.job == job.id
    assert again.align4d.results[0].name == called
    plays(again)
    select(again)
    assert bpy.ops.align4d.remove_result() == {"FINISHED"}
    assert not again.align4d.results and "Align4D" not in again.modifiers


def test_the_armature_of_an_override_takes_keyframes_and_gives_them_back(blender: ModuleType, linked: bpy.types.Object, tmp_path: Path) -> None:
    hero = overridden(linked)
    armature_of = blender.align4d_blender.capture.armatures.armature_of
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    with pytest.raises(RuntimeError, match="Armature is linked from another file. Select it and use Object > Library Override > Make"):
        bpy.ops.align4d.make_keyframes()
    rig = armature_of(hero).override_create(remap_local_usages=True)
    bpy.context.scene.collection.objects.link(rig)
    assert armature_of(hero) == rig
    assert bpy.ops.align4d.make_keyframes() == {"FINISHED"}
    assert rig.override_library and rig.animation_data.action == hero.align4d.results[0].action

    def last(item: bpy.types.Object) -> np.ndarray:
        bpy.context.scene.frame_set(bpy.context.scene.frame_end)
        return evaluated(item)

    bpy.context.scene.frame_set(1)
    rest, shown = evaluated(hero), last(hero)
    assert np.abs(shown - rest).max() > 0.05
    called = hero.name, rig.name
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    hero, rig = (bpy.data.objects[one] for one in called)
    np.testing.assert_allclose(last(hero), shown, atol=1e-5)
    select(hero)
    assert bpy.ops.align4d.remove_result() == {"FINISHED"}
    assert not rig.align4d.set_aside and rig.animation_data.action is None and not bpy.data.actions
