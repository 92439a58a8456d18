"""Remove Result deletes nothing that is played anywhere, nothing that is not ours, and nothing at once: it says what goes, and a trash keeps it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import ModuleType, SimpleNamespace

import bpy
import numpy as np
import pytest
from fake_engine import FPS, moved
from scenes import add_mesh, evaluated, local, select, use_video


@pytest.fixture
def project(blender: ModuleType, tmp_path: Path) -> Path:
    """one/fox.blend with a result, saved."""
    home = tmp_path / "one"
    home.mkdir()
    bpy.context.scene.render.fps = int(FPS)
    bpy.ops.wm.save_as_mainfile(filepath=str(home / "fox.blend"))
    use_video(tmp_path / "video")
    add_mesh("Fox")
    bpy.ops.align4d.generate()
    bpy.ops.wm.save_mainfile()
    return home


def job_of(home: Path) -> Path:
    return next(path for path in (home / "align4d").iterdir() if path.name != "trash")


def thrown(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "align4d" / "trash").glob("*"))


def assert_plays(name: str = "Fox") -> None:
    item = bpy.data.objects[name]
    bpy.context.scene.frame_set(item.align4d.results[0].start + 3)
    np.testing.assert_allclose(evaluated(item), moved(local(item), 3), atol=2e-5)


def remove_and_save(name: str = "Fox") -> None:
    select(bpy.data.objects[name])
    bpy.ops.align4d.remove_result(with_files=True)
    bpy.ops.wm.save_mainfile()


def question(blender: ModuleType) -> str:
    return "\n".join(one.sentence for one in blender.align4d_blender.result.removal.chosen(bpy.context.selected_objects))


def test_files_go_to_the_trash_when_the_file_is_saved(blender: ModuleType, project: Path) -> None:
    job = job_of(project)
    select(bpy.data.objects["Fox"])
    assert "off Fox. Nothing else that Align4D knows of plays its files" in question(blender)
    bpy.ops.align4d.remove_result(with_files=True)
    assert job.is_dir(), "reverting the file, or undo, must still find the motion"
    bpy.ops.wm.save_mainfile()
    assert not job.exists() and thrown(project) == [job.name]
    assert bpy.ops.align4d.empty_trash() == {"FINISHED"}
    assert not (project / "align4d").exists() and not bpy.ops.align4d.empty_trash.poll()


def test_without_a_yes_files_stay(project: Path) -> None:
    bpy.ops.align4d.remove_result()
    bpy.ops.wm.save_mainfile()
    assert job_of(project).is_dir() and not thrown(project)


def test_a_file_that_was_saved_elsewhere_keeps_its_motion(project: Path) -> None:
    """Remove Result in version 2 leaves version 1 alone, and the other way round."""
    other = project.with_name("two") / "fox_v2.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(other))
    remove_and_save()
    assert len(thrown(other.parent)) == 1
    bpy.ops.wm.open_mainfile(filepath=str(project / "fox.blend"))
    assert_plays()


def test_a_version_in_the_same_folder_keeps_its_motion(blender: ModuleType, project: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "fox_v2.blend"))
    select(bpy.data.objects["Fox"])
    assert f"Its files stay: they are played by {project / 'fox.blend'}" in question(blender)
    remove_and_save()
    bpy.ops.wm.open_mainfile(filepath=str(project / "fox.blend"))
    assert_plays()
    remove_and_save()
    assert len(thrown(project)) == 1, "nobody plays it any more"


@pytest.mark.parametrize("compress", [False, True])
def test_a_copy_made_outside_blender_keeps_its_motion(project: Path, compress: bool) -> None:
    bpy.ops.wm.save_mainfile(compress=compress)
    shutil.copy(project / "fox.blend", project / "by hand.blend")
    remove_and_save()
    bpy.ops.wm.open_mainfile(filepath=str(project / "by hand.blend"))
    assert_plays()


def test_a_file_that_cannot_be_searched_is_not_judged(project: Path) -> None:
    (project / "damaged.blend").write_bytes(b"\x28\xb5\x2f\xfd" + b"nothing of the kind")
    remove_and_save()
    assert job_of(project).is_dir()


@pytest.mark.parametrize("link", [False, True])
def test_a_file_that_appended_or_linked_it_keeps_its_motion(project: Path, link: bool) -> None:
    shot = project.parent / "shots" / "shot.blend"
    shot.parent.mkdir()
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.scene.render.fps = int(FPS)
    bpy.ops.wm.save_as_mainfile(filepath=str(shot))
    with bpy.data.libraries.load(str(project / "fox.blend"), link=link) as (_, wanted):
        wanted.objects = ["Fox"]
    bpy.context.scene.collection.objects.link(wanted.objects[0])
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(project / "fox.blend"))
    remove_and_save()
    assert job_of(project).is_dir() and not thrown(project)
    if not link:
        bpy.ops.wm.open_mainfile(filepath=str(shot))
        assert_plays()


def test_undo_after_saving_brings_the_files_back(project: Path) -> None:
    bpy.ops.ed.undo_push(message="before")
    remove_and_save()
    bpy.ops.ed.undo_push(message="after")
    assert thrown(project)
    bpy.ops.ed.undo()
    assert_plays()
    assert not thrown(project)


def test_a_file_whose_motion_was_thrown_away_finds_it_again(project: Path) -> None:
    """A backup, for one."""
    shutil.copy(project / "fox.blend", project / "fox.blend1")
    remove_and_save()
    assert thrown(project)
    bpy.ops.wm.open_mainfile(filepath=str(project / "fox.blend1"))
    assert_plays()


def test_a_project_that_was_moved_still_knows_who_plays_what(project: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "fox_v2.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    moved_to = project.with_name("moved")
    project.rename(moved_to)
    (moved_to / "fox.blend").unlink()
    bpy.ops.wm.open_mainfile(filepath=str(moved_to / "fox_v2.blend"))
    remove_and_save()
    assert len(thrown(moved_to)) == 1


def test_removing_on_one_object_leaves_the_others_of_the_job(blender: ModuleType, tmp_path: Path) -> None:
    use_video(tmp_path / "video")
    fox, cub = add_mesh("Fox"), add_mesh("Cub", 1)
    select(fox, cub)
    bpy.ops.align4d.generate()
    select(cub)
    assert "Its files stay: they are played by Fox in this file" in question(blender)
    bpy.ops.align4d.remove_result()
    assert fox.modifiers and not cub.modifiers and "Align4D Camera" in bpy.data.objects
    select(bpy.data.objects["Align4D Camera"])
    bpy.ops.align4d.remove_result()
    assert not fox.modifiers and "Align4D Camera" not in bpy.data.objects


def victim(tmp_path: Path) -> Path:
    folder = tmp_path / "Documents" / "x"
    folder.mkdir(parents=True)
    (folder / "m.pc2").write_bytes(b"precious")
    return folder / "m.pc2"


@pytest.mark.parametrize("disguise", ["elsewhere", "named align4d", "of another job", "a link"])
def test_a_blend_from_anywhere_makes_us_delete_nothing(blender: ModuleType, project: Path, disguise: str, tmp_path: Path) -> None:
    """`result.motion` may say anything."""
    real = job_of(project)
    file = victim(tmp_path)
    if disguise == "named align4d":
        (tmp_path / "Documents").rename(project / "align4d" / "Documents")
        file = project / "align4d" / "Documents" / "x" / "m.pc2"
    if disguise == "of another job":
        shutil.copytree(real, real.with_name("Documents"))
        file = real.with_name("Documents") / "output" / "motion_000.pc2"
    if disguise == "a link":
        shutil.copytree(real, tmp_path / "Documents" / real.name)
        (project / "align4d" / "shot").mkdir()
        shutil.rmtree(real)
        os.symlink(tmp_path / "Documents" / real.name, real)
        file = real / "output" / "motion_000.pc2"
    bpy.data.objects["Fox"].align4d.results[0].motion = str(file)
    bpy.data.objects["Fox"].modifiers["Align4D"].filepath = str(file)
    remove_and_save()
    assert file.is_file()
    for one in (file.parents[1], file.parent, project, tmp_path):
        blender.align4d_blender.storage.folders.delete(one)
        assert not blender.align4d_blender.storage.trash.throw(one)
    assert file.is_file()


def test_a_copied_job_takes_no_links_along(blender: ModuleType, project: Path, tmp_path: Path) -> None:
    """What they lead to is not the artist's to send."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    os.symlink(secret, job_of(project) / "output" / "link")
    bpy.ops.wm.save_as_mainfile(filepath=str(project.with_name("two") / "fox.blend"))
    assert not (job_of(project.with_name("two")) / "output" / "link").exists()


def test_the_dialog_says_it(blender: ModuleType, project: Path) -> None:
    from test_panel import Layout

    select(bpy.data.objects["Fox"])
    layout = Layout()
    rna = bpy.ops.align4d.remove_result.get_rna_type()
    operator = SimpleNamespace(layout=layout, _found=blender.align4d_blender.result.removal.chosen([bpy.data.objects["Fox"]]), bl_rna=rna)
    bpy.types.ALIGN4D_OT_remove_result.draw(operator, bpy.context)
    drawn = " ".join(layout.drawn)
    assert "off Fox. Nothing else that Align4D knows of plays its files" in drawn and "Move Files to Align4D's Trash" in drawn


def test_the_record_of_users_is_read_with_care(blender: ModuleType, project: Path) -> None:
    users = blender.align4d_blender.storage.users
    for content in ("{", "[]", json.dumps({"blends": 3}), json.dumps({"blends": [{"a": 1}]})):
        (job_of(project) / "users.json").write_text(content)
        assert isinstance(users.others(job_of(project), project / "fox.blend"), list)
