"""Each kind of bad input gets a sentence that says what to do, and leaves the scene exactly as it was."""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from scenes import add_mesh, names, new_material, select, use_video, write_images


def state() -> object:
    """What must not change: data-blocks, selection, modifiers, tags, frame, render engine."""
    objects = [(item.name, item.select_get(), [modifier.name for modifier in item.modifiers], item.align4d.job) for item in bpy.context.scene.objects]
    scene = bpy.context.scene
    return names(), objects, bpy.context.view_layer.objects.active, scene.frame_current, scene.render.engine, scene.camera


def refusal() -> str:
    """The error report of Generate; checks that nothing was left behind, in the scene or on disk."""
    before = state()
    with pytest.raises(RuntimeError) as caught:
        bpy.ops.align4d.generate()
    assert state() == before
    return str(caught.value)


def jobs_on_disk(blender: ModuleType) -> list[Path]:
    return list(blender.align4d_blender.storage.folders.user_folder("jobs").iterdir())


def preferences() -> bpy.types.AddonPreferences:
    return bpy.context.preferences.addons["bl_ext.user_default.align4d"].preferences


def test_no_mesh_selected(blender: ModuleType, tmp_path: Path) -> None:
    use_video(tmp_path)
    assert "No mesh is selected. Select the mesh that the video shows" in refusal()
    empty = bpy.data.objects.new("Empty", None)
    bpy.context.scene.collection.objects.link(empty)
    select(empty)
    assert "No mesh is selected" in refusal()


def test_empty_mesh(blender: ModuleType, tmp_path: Path) -> None:
    use_video(tmp_path)
    item = bpy.data.objects.new("Void", bpy.data.meshes.new("Void"))
    bpy.context.scene.collection.objects.link(item)
    select(item)
    assert "Void has no faces. Select a mesh with faces" in refusal()
    item.data.from_pydata([(0, 0, 0), (1, 0, 0)], [(0, 1)], [])  # a wire
    assert "Void has no faces" in refusal()
    assert not jobs_on_disk(blender)


def test_mesh_with_broken_vertices(blender: ModuleType, tmp_path: Path) -> None:
    use_video(tmp_path)
    add_mesh("Broken").data.vertices[3].co.x = float("nan")
    assert "Broken has vertices at no position" in refusal()


def test_edit_mode(blender: ModuleType, tmp_path: Path) -> None:
    use_video(tmp_path)
    item = add_mesh("Fox")
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(Exception, match="Leave Edit Mode"):  # as the button does, where there is a window
        blender.align4d_blender.jobs.queue.start(bpy.context)
    assert item.mode == "EDIT"
    assert bpy.ops.align4d.generate() == {"FINISHED"}, "without a window nobody else can leave it"
    assert item.mode == "OBJECT"


def test_non_manifold_mesh_works(blender: ModuleType, tmp_path: Path) -> None:
    use_video(tmp_path)
    item = bpy.data.objects.new("Fins", bpy.data.meshes.new("Fins"))
    bpy.context.scene.collection.objects.link(item)
    corners = [(0, 0, 0), (0, 0, 1), (1, 0, 0), (-1, 0, 0), (0, 1, 0), (5, 5, 5)]
    item.data.from_pydata(corners, [], [(0, 1, 2), (0, 1, 3), (0, 1, 4)])  # three faces on an edge, and a loose vertex
    select(item)
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    assert item.modifiers[0].type == "MESH_CACHE"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda folder: "", "No reference video is chosen. Choose a movie file"),
        (lambda folder: str(folder / "gone.mp4"), "There is no video at"),
        (lambda folder: write(folder / "broken.mp4"), "broken.mp4 cannot be read as a video. Convert it"),
        (lambda folder: write(folder / "words.txt"), "words.txt is neither a movie nor an image"),
        (str, "is a folder without images"),
        (lambda folder: str(write_images(folder / "one", count=1)), "a single frame: there is no motion in it"),
    ],
)
def test_bad_video(blender: ModuleType, tmp_path: Path, make: Callable[[Path], str], sentence: str) -> None:
    add_mesh()
    folder = tmp_path / "video"
    folder.mkdir()
    bpy.context.scene.align4d.video = make(folder)
    assert sentence in refusal()
    assert not jobs_on_disk(blender)


def write(path: Path) -> str:
    path.write_bytes(b"this is no video")
    return str(path)


@pytest.mark.parametrize(("first", "last"), [(3, 2), (5, 5), (6, 0), (9, 12)])
def test_frame_range_without_motion(blender: ModuleType, tmp_path: Path, first: int, last: int) -> None:
    add_mesh()
    use_video(tmp_path)
    bpy.context.scene.align4d.first, bpy.context.scene.align4d.last = first, last
    assert "hold no motion. Change First and Last" in refusal()


def test_missing_texture(blender: ModuleType, tmp_path: Path) -> None:
    use_video(tmp_path)
    item = add_mesh()
    material = new_material(item)
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.new("skin", 4, 4)
    node.image.source, node.image.filepath = "FILE", str(tmp_path / "skin.png")
    material.node_tree.links.new(node.outputs["Color"], material.node_tree.nodes["Principled BSDF"].inputs["Base Color"])
    assert "The texture skin cannot be loaded" in refusal()
    assert not jobs_on_disk(blender)


def test_camera_without_perspective(blender: ModuleType, tmp_path: Path) -> None:
    add_mesh()
    use_video(tmp_path)
    camera = bpy.data.objects.new("Flat", bpy.data.cameras.new("Flat"))
    camera.data.type = "ORTHO"
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    assert "Flat is not a perspective camera. Set the camera's type" in refusal()


def test_no_view_to_look_from(blender: ModuleType, tmp_path: Path) -> None:
    add_mesh()
    use_video(tmp_path)
    bpy.context.scene.align4d.camera = "VIEW"
    assert "There is no current view" in refusal()


@pytest.mark.parametrize("text", ["iterations = 3", "[1, 2]"])
def test_overrides_that_are_no_settings(blender: ModuleType, tmp_path: Path, text: str) -> None:
    add_mesh()
    use_video(tmp_path)
    bpy.context.scene.align4d.overrides = text
    assert "not a JSON object. Write them as" in refusal()


def test_engine_missing(blender: ModuleType, tmp_path: Path) -> None:
    add_mesh()
    use_video(tmp_path)
    preferences().engine_python = ""
    assert "engine is not installed yet. Press Install Engine" in refusal()
    preferences().engine_python = str(tmp_path / "nowhere" / "python")
    assert "There is no program at" in refusal()
    preferences().engine_python = write(tmp_path / "no_program")
    assert "could not be started" in refusal()
    assert not jobs_on_disk(blender)


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("die", "stopped by itself with exit code 3 (Fatal: the fake engine fell over). Press Resume"),
        ("future", "speaks protocol 999, this side speaks 1. Update the Align4D extension"),
        ("refuse", "The video's object never overlaps the mesh. Turn the camera."),
        ("fewer", "another number of frames or vertices. Generate the motion again"),
    ],
)
def test_engine_fails(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, sentence: str) -> None:
    add_mesh()
    use_video(tmp_path)
    monkeypatch.setenv("FAKE_ENGINE", mode)
    assert sentence in refusal()
    monkeypatch.setenv("FAKE_ENGINE", "move")
    blender.align4d_blender.jobs.queue.shut_down()
    assert bpy.ops.align4d.generate() == {"FINISHED"}, "the next press must work"


def test_engine_that_died_is_started_again(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_mesh()
    use_video(tmp_path)
    monkeypatch.setenv("FAKE_ENGINE", "die")
    refusal()
    monkeypatch.setenv("FAKE_ENGINE", "move")
    assert bpy.ops.align4d.generate() == {"FINISHED"}


@pytest.mark.parametrize("change", ["nothing", "seed", "mesh"])
def test_a_job_that_broke_off_goes_on_where_it_was(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    item = add_mesh()
    use_video(tmp_path)
    monkeypatch.setenv("FAKE_ENGINE", "die")
    refusal()
    if change == "seed":
        bpy.context.scene.align4d.seed = 5
    if change == "mesh":
        item.data.vertices[0].co.z += 0.5
        item.data.update()
    monkeypatch.setenv("FAKE_ENGINE", "move")
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    assert ("Went on where it was." in blender.align4d_blender.jobs.queue.current().notes) == (change == "nothing")
    assert len(jobs_on_disk(blender)) == (1 if change == "nothing" else 2), "only an equal job takes the place of the one that broke off"


def test_chatter_among_the_messages_does_no_harm(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_mesh()
    use_video(tmp_path)
    monkeypatch.setenv("FAKE_ENGINE", "chatter")
    assert bpy.ops.align4d.generate() == {"FINISHED"}


@pytest.mark.parametrize("mode", ["slow", "stubborn"])
def test_cancel(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    add_mesh()
    use_video(tmp_path)
    before = state()
    monkeypatch.setenv("FAKE_ENGINE", mode)
    jobs = blender.align4d_blender.jobs.queue
    job = jobs.start(bpy.context)
    while job.stage != "Moving":
        jobs.step()
        time.sleep(0.01)
    assert bpy.ops.align4d.cancel.poll()
    began = time.monotonic()
    bpy.ops.align4d.cancel()
    jobs.wait(job)
    assert job.state == "cancelled" and time.monotonic() - began < 3
    assert state() == before and job.resumable
    assert not bpy.ops.align4d.cancel.poll()


def test_full_disk_while_capturing(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_mesh()
    use_video(tmp_path)

    def full(file: object, **arrays: np.ndarray) -> None:
        file.write(b"half of it")  # type: ignore[attr-defined]
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert "The disk is full; nothing half-written was left behind. Free some space" in refusal()
    assert not jobs_on_disk(blender)


def test_full_disk_while_the_result_arrives(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    item = add_mesh()
    item.modifiers.new("Bend", "SIMPLE_DEFORM").deform_method = "BEND"
    use_video(tmp_path)
    protocol = sys.modules[f"{blender.__name__}.engine.align4d.protocol"]

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(protocol, "write_pc2", full)
    assert "The disk is full" in refusal()
    assert [modifier.name for modifier in item.modifiers] == ["Bend"]


def test_folder_that_cannot_be_made(blender: ModuleType, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "fox.blend"))
    (tmp_path / "align4d").write_text("a file in the way")
    add_mesh()
    use_video(tmp_path / "video")
    assert "could not be written" in refusal()
