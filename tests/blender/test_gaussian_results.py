"""Gaussians that came with a result: shown as the artist chooses, with their motion, for as long as it is there."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import bpy
import pytest
from fake_engine import FPS, FRAMES
from scenes import add_mesh, place, select, use_video
from shown_points import frame_shown, save_where_needed


def generate(folder: Path, gaussians: bool = True) -> bpy.types.Object:
    """A mesh with a result; the fake engine writes the clouds as its Gaussians."""
    save_where_needed(folder)
    item = add_mesh("Fox")
    use_video(folder / "video")
    bpy.context.scene.align4d.gaussians = gaussians
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    return item


def test_a_result_shows_as_its_mesh_its_gaussians_or_both(blender: ModuleType, tmp_path: Path) -> None:
    scene = bpy.context.scene
    scene.frame_set(11)
    item = generate(tmp_path)
    place(item)
    assert not item.children, "they come when they are asked for"
    for what, mesh_hidden, gaussians_hidden in (("GAUSSIANS", True, False), ("BOTH", False, False), ("MESH", False, True)):
        assert bpy.ops.align4d.show_result_as(what=what) == {"FINISHED"}
        (gaussians,) = item.children
        assert (item.hide_render, item.hide_viewport) == (mesh_hidden,) * 2
        assert (gaussians.hide_render, gaussians.hide_viewport) == (gaussians_hidden,) * 2
    bpy.ops.align4d.show_result_as(what="BOTH")
    assert gaussians.matrix_world == item.matrix_world
    for index in range(FRAMES):
        scene.frame_set(11 + round(index * 24 / FPS))
        assert frame_shown(gaussians) == index


def test_each_object_of_a_job_has_its_own_and_the_hidden_mesh_comes_back(blender: ModuleType, tmp_path: Path) -> None:
    other = add_mesh("Wolf")
    save_where_needed(tmp_path)
    item = add_mesh("Fox")
    select(item, other)
    use_video(tmp_path / "video")
    bpy.context.scene.align4d.gaussians = True
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    bpy.ops.align4d.show_result_as(what="GAUSSIANS")
    folders = [Path(one.children[0].align4d_gaussians.file).parent.name for one in (item, other)]
    assert folders == ["gaussians_000", "gaussians_001"]
    select(item.children[0])  # the mesh itself cannot be selected now
    assert bpy.ops.align4d.show_result_as(what="MESH") == {"FINISHED"}
    assert not item.hide_viewport and not other.hide_viewport


def test_the_gaussians_go_with_their_result(blender: ModuleType, tmp_path: Path) -> None:
    item = generate(tmp_path)
    bpy.ops.align4d.show_result_as(what="GAUSSIANS")
    assert bpy.ops.align4d.remove_result() == {"FINISHED"}
    assert list(bpy.data.objects) == [item] and not item.hide_viewport and not item.hide_render


def test_a_result_without_gaussians_offers_none(blender: ModuleType, tmp_path: Path) -> None:
    generate(tmp_path, gaussians=False)
    assert not bpy.ops.align4d.show_result_as.poll()


def test_gaussians_of_an_unsaved_file_move_beside_the_blend(blender: ModuleType, tmp_path: Path) -> None:
    if bpy.app.version < (4, 5, 0):
        pytest.skip("before Blender 4.5 the file is saved already")
    name = generate(tmp_path).name
    bpy.ops.align4d.show_result_as(what="GAUSSIANS")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "home" / "fox.blend"))
    gaussians = bpy.data.objects[name].children[0]
    assert gaussians.align4d_gaussians.file.startswith("//align4d")
    shutil.rmtree(blender.align4d_blender.storage.folders.user_folder("jobs"))
    (tmp_path / "home").rename(tmp_path / "moved")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "moved" / "fox.blend"))
    bpy.context.scene.frame_set(1 + round(24 / FPS))
    assert frame_shown(bpy.data.objects[name].children[0]) == 1


@pytest.mark.parametrize("copy", [False, True])
def test_gaussians_follow_a_file_that_is_saved_elsewhere(blender: ModuleType, tmp_path: Path, copy: bool) -> None:
    """Its bakes too, before Blender 4.5; the open file keeps its own where a copy is saved."""
    (tmp_path / "one").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "one" / "fox.blend"))
    name = generate(tmp_path / "one").name
    bpy.ops.align4d.show_result_as(what="GAUSSIANS")
    bpy.ops.wm.save_mainfile()
    before = bpy.data.objects[name].children[0].align4d_gaussians.file
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "deep" / "er" / "fox.blend"), copy=copy)
    if copy:
        assert bpy.data.objects[name].children[0].align4d_gaussians.file == before
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "deep" / "er" / "fox.blend"))
    (tmp_path / "one").rename(tmp_path / "gone")
    bpy.context.scene.frame_set(1 + round(24 / FPS))
    assert frame_shown(bpy.data.objects[name].children[0]) == 1


def test_registering_again_leaves_one_of_each(blender: ModuleType) -> None:
    def traces() -> list[str]:
        handlers = (*bpy.app.handlers.save_pre, *bpy.app.handlers.save_post, *bpy.app.handlers.save_post_fail)
        return [*(f"{one.__module__}.{one.__name__}" for one in handlers), str("align4d_gaussians" in bpy.types.Object.bl_rna.properties)]

    before = traces()
    assert sum("registration.handlers" in one for one in before) == 6
    sources = blender.align4d_blender.storage.paths.sources
    assert len(sources) == 1
    blender.unregister()
    assert not sources and not any("storage.saving" in one or one == "True" for one in traces())
    blender.register()
    assert traces() == before and len(sources) == 1


@pytest.mark.skipif(bpy.app.version < (4, 5, 0), reason="before Blender 4.5 Bake Again has to be pressed after each change")
def test_gaussians_play_as_the_motion_does(blender: ModuleType, tmp_path: Path) -> None:
    scene = bpy.context.scene
    scene.render.fps = int(FPS)
    item = generate(tmp_path)
    bpy.ops.align4d.show_result_as(what="BOTH")
    gaussians, result = item.children[0], item.align4d.results[0]
    for start, speed, first, last, wanted in (
        (101, 1.0, 1, FRAMES, {1: 0, 101: 0, 104: 3}),
        (1, 2.0, 1, FRAMES, {1: 0, 2: 2, 3: 4, 9: 4}),
        (11, 1.0, 2, 4, {1: 1, 11: 1, 12: 2, 13: 3, 90: 3}),
    ):
        result.start, result.speed, result.first, result.last = start, speed, first, last
        for frame, index in wanted.items():
            scene.frame_set(frame)
            assert frame_shown(gaussians) == index, (start, speed, first, last, frame)


def test_another_motion_hides_the_gaussians_of_the_first(blender: ModuleType, tmp_path: Path) -> None:
    item = generate(tmp_path)
    bpy.ops.align4d.show_result_as(what="GAUSSIANS")
    first = item.children[0]
    item.hide_viewport = False  # as an artist does who wants to go on with the mesh
    select(item)
    bpy.context.scene.align4d.gaussians = False
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    assert first.hide_render and not item.hide_render, "the new motion has no Gaussians: its mesh is shown"
    item.align4d.active = 0
    bpy.ops.align4d.show_result_as(what="GAUSSIANS")
    assert not first.hide_render and item.hide_render and list(item.children) == [first]


def test_without_a_window(blender: ModuleType, tmp_path: Path) -> None:
    """A farm's command brings Gaussians too."""
    add_mesh("Fox")
    use_video(tmp_path / "video")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "fox.blend"))
    assert blender.align4d_blender.scripting.command_line.main(["generate", "--objects", "Fox", "--gaussians"]) == 0
    assert len(list(tmp_path.glob("align4d/*/output/gaussians_000/*.ply"))) == FRAMES
