"""Motions, videos and Gaussians follow the .blend: saved elsewhere, appended, linked, collected, in files that were made by others."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from fake_engine import FPS, moved
from scenes import add_mesh, evaluated, local, use_video


@pytest.fixture
def project(blender: ModuleType, tmp_path: Path) -> Path:
    """A saved file with a result and its clip, in a folder of its own: one/fox.blend."""
    home = tmp_path / "one"
    home.mkdir()
    bpy.context.scene.render.fps = int(FPS)
    bpy.ops.wm.save_as_mainfile(filepath=str(home / "fox.blend"))
    use_video(home / "video")
    bpy.context.scene.align4d.video = bpy.path.relpath(bpy.context.scene.align4d.video)
    add_mesh("Fox")
    bpy.ops.align4d.generate()
    bpy.ops.wm.save_mainfile()
    return home


def assert_moves(item: bpy.types.Object, start: int = 1) -> None:
    for frame in (0, 3):
        bpy.context.scene.frame_set(start + frame)
        np.testing.assert_allclose(evaluated(item), moved(local(item), frame), atol=2e-5)


def jobs_in(home: Path) -> list[Path]:
    return sorted(path for path in (home / "align4d").iterdir() if path.name not in {"trash", "media"}) if (home / "align4d").is_dir() else []


def test_save_as_takes_the_result_along(project: Path) -> None:
    """The new folder plays without the old one, wherever it is moved."""
    other = project.with_name("two")
    bpy.ops.wm.save_as_mainfile(filepath=str(other / "fox_v2.blend"))
    assert_moves(bpy.data.objects["Fox"])
    project.rename(project.with_name("gone"))
    other.rename(other.with_name("moved"))
    bpy.ops.wm.open_mainfile(filepath=str(other.with_name("moved") / "fox_v2.blend"))
    fox = bpy.data.objects["Fox"]
    assert fox.align4d.results[0].motion.startswith("//align4d") and fox.modifiers["Align4D"].filepath.startswith("//align4d")
    assert_moves(fox)
    fox.align4d.results[0].start = 5
    assert_moves(fox, 5)


def test_a_copy_that_is_saved_elsewhere_plays_and_the_open_file_stays_as_it_is(project: Path) -> None:
    fox = bpy.data.objects["Fox"]
    before = fox.align4d.results[0].motion, fox.modifiers["Align4D"].filepath, bpy.context.scene.align4d.video
    bpy.ops.wm.save_as_mainfile(filepath=str(project.with_name("two") / "fox.blend"), copy=True)
    assert (fox.align4d.results[0].motion, fox.modifiers["Align4D"].filepath, bpy.context.scene.align4d.video) == before
    assert len(jobs_in(project)) == len(jobs_in(project.with_name("two"))) == 1
    project.rename(project.with_name("gone"))
    bpy.ops.wm.open_mainfile(filepath=str(project.with_name("two") / "fox.blend"))
    assert_moves(bpy.data.objects["Fox"])


def test_without_remapping_it_plays_once_the_file_is_opened(project: Path) -> None:
    """Save As with Remap Relative turned off leaves Blender's own paths as they were."""
    other = project.parent / "deep" / "er" / "fox.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(other), relative_remap=False)
    bpy.ops.wm.open_mainfile(filepath=str(other))
    assert_moves(bpy.data.objects["Fox"])


def test_a_save_that_fails_changes_nothing(project: Path) -> None:
    fox = bpy.data.objects["Fox"]
    before = fox.align4d.results[0].motion, fox.modifiers["Align4D"].filepath, bpy.context.scene.align4d.video
    place = project.with_name("two") / ("x" * 254 + ".blend")  # longer than a name may be
    with pytest.raises(RuntimeError):
        bpy.ops.wm.save_as_mainfile(filepath=str(place))
    assert (fox.align4d.results[0].motion, fox.modifiers["Align4D"].filepath, bpy.context.scene.align4d.video) == before
    assert_moves(fox)


def groups() -> Iterator[Any]:
    """What of the extension's own properties a .blend holds."""
    yield bpy.context.scene.align4d
    yield from bpy.data.objects["Fox"].align4d.results


def test_every_path_of_the_panel_follows(project: Path) -> None:
    """Whatever is declared as a path, also one that is added later."""
    (project / "asset.ply").touch()
    for group in groups():
        for kind in group.bl_rna.properties:
            if kind.type == "STRING" and kind.subtype in {"FILE_PATH", "DIR_PATH"} and not getattr(group, kind.identifier):
                setattr(group, kind.identifier, "//asset.ply")
    bpy.ops.wm.save_as_mainfile(filepath=str(project.parent / "deep" / "er" / "fox.blend"))
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    found = {
        kind.identifier: Path(bpy.path.abspath(getattr(group, kind.identifier)))
        for group in groups()
        for kind in group.bl_rna.properties
        if kind.type == "STRING" and kind.subtype in {"FILE_PATH", "DIR_PATH"}
    }
    assert set(found) >= {"video", "image", "gaussian_asset", "motion"}
    assert all(path.exists() for path in found.values()), found


def test_the_clip_behind_the_camera_follows(project: Path) -> None:
    image = bpy.data.objects["Align4D Camera"].data.background_images[0].image
    assert image.filepath.startswith("//video")
    bpy.ops.wm.save_as_mainfile(filepath=str(project.with_name("two") / "fox.blend"))
    assert Path(bpy.path.abspath(image.filepath)).is_file()


@pytest.mark.parametrize("way", ["append", "make local", "override"])
def test_an_appended_or_linked_object_goes_on_after_a_touch(project: Path, way: str) -> None:
    """Its own record of the path is relative to the file that it comes from."""
    other = project.parent / "deep" / "er" / "shot.blend"
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.scene.render.fps = int(FPS)
    other.parent.mkdir(parents=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(other))
    with bpy.data.libraries.load(str(project / "fox.blend"), link=way != "append") as (_, wanted):
        wanted.objects = ["Fox"]
    fox = wanted.objects[0]
    bpy.context.scene.collection.objects.link(fox)
    assert_moves(fox)
    if way == "make local":
        fox = fox.make_local()
    if way == "override":
        fox = fox.override_hierarchy_create(bpy.context.scene, bpy.context.view_layer)
    name = fox.name
    fox.align4d.results[0].speed = 1.5
    fox.align4d.results[0].speed = 1.0
    fox.align4d.results[0].start = 7
    assert_moves(fox, 7)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(other))
    assert_moves(bpy.data.objects[name], 7)
    bpy.ops.wm.save_as_mainfile(filepath=str(project.parent / "shot_v2.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(project.parent / "shot_v2.blend"))
    assert_moves(bpy.data.objects[name], 7)


def test_a_linked_object_shows_that_its_file_is_there(blender: ModuleType, project: Path) -> None:
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    (project.parent / "deep").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(project.parent / "deep" / "shot.blend"))
    with bpy.data.libraries.load(str(project / "fox.blend"), link=True) as (_, wanted):
        wanted.objects = ["Fox"]
    fox = wanted.objects[0]
    assert blender.align4d_blender.storage.paths.motion_file(fox, fox.align4d.results[0]).is_file()


def test_collect_files(blender: ModuleType, project: Path) -> None:
    """An appended object's motion, and a video from elsewhere: afterwards the folder plays alone."""
    other = project.parent / "deep" / "shot.blend"
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.scene.render.fps = int(FPS)
    other.parent.mkdir(parents=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(other))
    with bpy.data.libraries.load(str(project / "fox.blend")) as (_, wanted):
        wanted.objects = ["Fox", "Align4D Camera"]
    for item in wanted.objects:
        bpy.context.scene.collection.objects.link(item)
    bpy.context.scene.align4d.video = str(project / "video" / "frame_0001.png")
    bpy.context.scene.align4d.image = str(project / "video" / "frame_0002.png")
    assert bpy.ops.align4d.collect_files() == {"FINISHED"}
    bpy.ops.wm.save_mainfile()
    shutil.rmtree(project)
    other.parent.rename(other.parent.with_name("sent"))
    bpy.ops.wm.open_mainfile(filepath=str(other.parent.with_name("sent") / "shot.blend"))
    assert_moves(bpy.data.objects["Fox"])
    settings = bpy.context.scene.align4d
    clip = bpy.data.objects["Align4D Camera"].data.background_images[0].image
    for stored in (settings.video, settings.image, clip.filepath):
        assert Path(bpy.path.abspath(stored)).is_file(), stored
    assert len(list(Path(bpy.path.abspath(settings.video)).parent.glob("*.png"))) == 5, "the whole sequence"
    assert not blender.align4d_blender.result.collecting.elsewhere()


def test_files_of_the_same_name_are_kept_apart(blender: ModuleType, project: Path) -> None:
    settings = bpy.context.scene.align4d
    for name, content in (("a", b"first"), ("b", b"second")):
        (project.parent / name / "take").mkdir(parents=True)
        (project.parent / name / "take" / "clip.mp4").write_bytes(content)
    settings.video = str(project.parent / "a" / "take" / "clip.mp4")
    settings.image = str(project.parent / "b" / "take" / "clip.mp4")
    bpy.ops.align4d.collect_files()
    assert Path(bpy.path.abspath(settings.video)).read_bytes() == b"first"
    assert Path(bpy.path.abspath(settings.image)).read_bytes() == b"second"


def test_the_panel_says_what_lies_elsewhere_and_what_pack_does(blender: ModuleType, project: Path) -> None:
    from test_panel import Layout

    def drawn() -> str:
        layout = Layout()
        bpy.types.ALIGN4D_PT_files.draw(type("", (), {"layout": layout})(), bpy.context)
        return "\n".join(layout.drawn)

    assert "Everything lies beside this .blend" in drawn() and "Pack does not take motions along" in drawn()
    bpy.context.scene.align4d.image = os.fspath(project.parent / "elsewhere.png")
    assert "1 path leads out of this .blend's folder" in drawn() and "Collect Files" in drawn()
