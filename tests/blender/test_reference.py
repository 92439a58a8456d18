"""The reference video and the camera: which frames, which lens, from where."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from types import ModuleType, SimpleNamespace

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector
from scenes import add_mesh, use_video, write_images
from test_panel import draw


def reference(blender: ModuleType) -> object:
    return blender.align4d_blender.capture.reference.reference_of(bpy.context.scene)


def test_image_sequence(blender: ModuleType, tmp_path: Path) -> None:
    write_images(tmp_path, count=12, first=3)
    write_images(tmp_path / "other", count=1)
    (tmp_path / "other" / "frame_0001.png").rename(tmp_path / "cover.png")  # a stranger in the folder
    bpy.context.scene.render.fps = 25
    bpy.context.scene.align4d.video = str(tmp_path / "frame_0005.png")
    found = reference(blender)
    assert [Path(image).name for image in found.spec.images] == [f"frame_{number:04d}.png" for number in range(3, 15)]
    assert (found.spec.fps, found.spec.first, found.spec.last) == (25.0, 0, -1)
    assert (found.width, found.height) == (64, 48)


def test_the_rate_of_an_image_sequence_can_be_given(blender: ModuleType, tmp_path: Path) -> None:
    write_images(tmp_path, count=3)
    settings = bpy.context.scene.align4d
    settings.video, settings.sequence_fps = str(tmp_path / "frame_0001.png"), 12
    assert blender.align4d_blender.capture.choices.is_sequence(bpy.context)
    assert reference(blender).spec.fps == 12
    settings.video = str(tmp_path / "clip.mp4")
    assert not blender.align4d_blender.capture.choices.is_sequence(bpy.context)


def test_an_animated_webp_is_a_movie(blender: ModuleType, tmp_path: Path) -> None:
    """Blender itself would read its first frame."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return name + struct.pack("<I", len(data)) + data

    canvas = chunk(b"VP8X", bytes([2, 0, 0, 0]) + (63).to_bytes(3, "little") + (47).to_bytes(3, "little"))
    frame = chunk(b"ANMF", bytes(12) + (83).to_bytes(3, "little") + bytes(1))
    body = b"WEBP" + canvas + 5 * frame
    (tmp_path / "clip.webp").write_bytes(chunk(b"RIFF", body))
    bpy.context.scene.align4d.video = str(tmp_path / "clip.webp")
    found = reference(blender)
    assert (found.spec.path, found.spec.images, found.spec.last) == (str(tmp_path / "clip.webp"), (), -1)
    assert (found.width, found.height) == (64, 48)


def test_clips_of_the_file_can_be_chosen(blender: ModuleType, tmp_path: Path) -> None:
    write_images(tmp_path / "strip", count=8)
    write_images(tmp_path / "clip", count=3)
    scene = bpy.context.scene
    strips = scene.sequence_editor_create()
    strips = strips.sequences if bpy.app.version < (4, 4, 0) else strips.strips
    strip = strips.new_image("Strip", str(tmp_path / "strip" / "frame_0001.png"), channel=1, frame_start=1)
    for number in range(2, 9):
        strip.elements.append(f"frame_{number:04d}.png")
    strip.frame_offset_start, strip.frame_offset_end = 2, 1
    bpy.data.movieclips.load(str(tmp_path / "clip" / "frame_0001.png"))
    bpy.data.images.load(str(tmp_path / "clip" / "frame_0001.png")).source = "SEQUENCE"
    clips = blender.align4d_blender.capture.clips.clips_of(scene)
    assert [Path(clip.path).parent.name for clip in clips] == ["strip", "clip"]
    assert (clips[0].first, clips[0].last, clips[1].first) == (3, 7, 0)
    assert bpy.ops.align4d.use_video(filepath=clips[0].path, first=clips[0].first, last=clips[0].last) == {"FINISHED"}
    found = reference(blender)
    assert (found.spec.first, found.spec.last, len(found.spec.images)) == (2, 6, 8)


def test_sequence_numbers_need_no_leading_zeros(blender: ModuleType, tmp_path: Path) -> None:
    for index, source in enumerate(sorted(write_images(tmp_path, count=11).parent.glob("*.png"))):
        source.rename(tmp_path / f"run{index + 1}.png")
    bpy.context.scene.align4d.video = str(tmp_path)
    assert [Path(image).name for image in reference(blender).spec.images] == [f"run{number}.png" for number in range(1, 12)]


def test_relative_path(blender: ModuleType, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "fox.blend"))
    write_images(tmp_path / "clip")
    bpy.context.scene.align4d.video = "//clip/frame_0001.png"
    assert len(reference(blender).spec.images) == 5


def render_movie(path: Path, frames: int) -> None:
    """A movie of a few frames, through Blender's own encoder."""
    scene = bpy.context.scene
    scene.camera = bpy.data.objects.new("Film", bpy.data.cameras.new("Film"))
    scene.collection.objects.link(scene.camera)
    render = scene.render
    render.engine = "CYCLES"
    scene.cycles.samples = 1
    render.resolution_x, render.resolution_y, render.filepath, scene.frame_end = 96, 64, str(path), frames
    if bpy.app.version >= (5, 0, 0):
        render.image_settings.media_type = "VIDEO"
    render.image_settings.file_format = "FFMPEG"
    render.ffmpeg.format, render.ffmpeg.codec = "MPEG4", "H264"
    bpy.ops.render.render(animation=True)
    bpy.data.objects.remove(scene.camera)


def test_movie_and_one_frame_movie(blender: ModuleType, tmp_path: Path) -> None:
    render_movie(tmp_path / "six.mp4", 6)
    render_movie(tmp_path / "one.mp4", 1)
    settings = bpy.context.scene.align4d
    settings.video, settings.first, settings.last = str(tmp_path / "six.mp4"), 2, 4
    found = reference(blender)
    assert (found.spec.path, found.spec.images, found.spec.first, found.spec.last) == (settings.video, (), 1, 3)
    assert (found.width, found.height, found.notes) == (96, 64, ())
    settings.last = 40
    assert reference(blender).notes == ("The video has 6 frames: 2 to 6 are used, and not up to 40.",)
    settings.video = str(tmp_path / "one.mp4")
    add_mesh()
    with pytest.raises(RuntimeError, match="a single frame"):
        bpy.ops.align4d.generate()


RANGES = [(0, 0, (0, -1)), (1, 0, (0, -1)), (3, 0, (2, -1)), (0, 4, (0, 3)), (2, 5, (1, -1)), (2, 99, (1, -1))]


@pytest.mark.parametrize(("first", "last", "expected"), RANGES)
def test_frame_range(blender: ModuleType, first: int, last: int, expected: tuple[int, int]) -> None:
    assert blender.align4d_blender.capture.reference.chosen_frames(first, last, 5) == expected


@pytest.mark.parametrize("fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
@pytest.mark.parametrize("size", [(640, 480), (480, 640), (512, 512), (1920, 800)])
def test_lens_is_that_of_a_render_in_the_videos_shape(blender: ModuleType, fit: str, size: tuple[int, int]) -> None:
    lens = bpy.data.cameras.new("Lens")
    lens.sensor_fit, lens.lens, lens.sensor_width, lens.sensor_height = fit, 42.0, 30.0, 20.0
    render = bpy.context.scene.render
    render.resolution_x, render.resolution_y = size
    frame = np.array(lens.view_frame(scene=bpy.context.scene))
    wanted = 2 * math.atan(np.ptp(frame[:, 1]) / 2 / -frame[0, 2])
    assert blender.align4d_blender.capture.camera.vertical_angle(lens, size[0] / size[1]) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("size", [(96, 24), (24, 96)])
def test_front_view_shows_everything(blender: ModuleType, tmp_path: Path, size: tuple[int, int]) -> None:
    item = add_mesh()
    item.location, item.scale = (5, -3, 2), (3, 1, 0.4)
    bpy.context.view_layer.update()
    bpy.context.scene.align4d.video = str(write_images(tmp_path / "video", width=size[0], height=size[1]))
    bpy.context.scene.align4d.camera = "FRONT"
    spec = blender.align4d_blender.capture.capture.capture(bpy.context, "job", tmp_path / "job", "auto").request.camera
    world_to_camera = Matrix(spec.matrix_world).inverted()
    direction = Matrix(spec.matrix_world).to_quaternion() @ Vector((0, 0, -1))
    assert direction.y == pytest.approx(1, abs=1e-6) and spec.fovy == 49.1 and spec.solve
    tangent = math.tan(math.radians(spec.fovy) / 2)
    corners = [world_to_camera @ (item.matrix_world @ vertex.co) for vertex in item.data.vertices]
    reach = max(max(abs(x) / -z / tangent * size[1] / size[0], abs(y) / -z / tangent) for x, y, z in corners)
    assert 0.5 < reach < 1, "everything is inside the frame, and fills it well"


class View:
    """A 3D view's region, as Blender describes it; there is none without a window."""

    def __init__(self, kind: str) -> None:
        self.view_perspective = kind
        turned = Matrix.Rotation(math.radians(40), 4, "Z") @ Matrix.Rotation(math.radians(70), 4, "X")
        self.view_matrix = (turned @ Matrix.Translation((0, 0, 7))).inverted()
        self.window_matrix = Matrix.Identity(4)
        self.window_matrix[1][1] = 2.5


def view_camera(blender: ModuleType, kind: str) -> tuple[Matrix, float]:
    module = blender.align4d_blender.capture.camera
    bpy.context.scene.align4d.camera = "VIEW"
    context = SimpleNamespace(scene=bpy.context.scene, region_data=View(kind))
    clip = module.Reference(None, 64, 48, 5)
    spec = module.camera_of(context, clip, np.array([-1.0, -1, -1]), np.array([1.0, 1, 1]))
    return Matrix(spec.matrix_world), spec.fovy


def test_current_view(blender: ModuleType) -> None:
    matrix, fovy = view_camera(blender, "PERSP")
    np.testing.assert_allclose(matrix, View("PERSP").view_matrix.inverted(), atol=1e-6)
    assert fovy == pytest.approx(math.degrees(2 * math.atan(1 / 2.5)))


def test_current_view_without_perspective_keeps_its_direction(blender: ModuleType) -> None:
    matrix, fovy = view_camera(blender, "ORTHO")
    assert fovy == 49.1
    np.testing.assert_allclose(matrix.to_3x3(), View("ORTHO").view_matrix.inverted().to_3x3(), atol=1e-6)
    ahead = matrix.to_quaternion() @ Vector((0, 0, -1))
    assert ahead.dot(-matrix.translation.normalized()) == pytest.approx(1, abs=1e-6), "looks at the middle of what is selected"


def test_current_view_through_the_camera(blender: ModuleType) -> None:
    camera = bpy.data.objects.new("Own", bpy.data.cameras.new("Own"))
    bpy.context.scene.collection.objects.link(camera)
    camera.matrix_world = Matrix.Translation((1, 2, 3))
    bpy.context.scene.camera = camera
    assert view_camera(blender, "CAMERA")[0] == camera.matrix_world


def test_scene_camera_is_taken_without_its_scale(blender: ModuleType, tmp_path: Path) -> None:
    add_mesh()
    use_video(tmp_path / "video")
    camera = bpy.data.objects.new("Own", bpy.data.cameras.new("Own"))
    bpy.context.scene.collection.objects.link(camera)
    camera.location, camera.rotation_euler, camera.scale = (1, -5, 2), (1.2, 0, 0.2), (2, 2, 2)
    bpy.context.scene.camera = camera
    bpy.context.scene.align4d.solve_camera = False
    bpy.context.view_layer.update()
    spec = blender.align4d_blender.capture.capture.capture(bpy.context, "job", tmp_path / "job", "auto").request.camera
    np.testing.assert_allclose(spec.matrix_world, camera.matrix_world.normalized(), atol=1e-6)
    assert not spec.solve


def test_a_camera_that_moves_is_taken_frame_by_frame(blender: ModuleType, tmp_path: Path) -> None:
    """From where the motion begins, and as its keyframes have it, whatever frame is shown."""
    add_mesh()
    use_video(tmp_path / "video")
    camera = bpy.data.objects.new("Own", bpy.data.cameras.new("Own"))
    rail = bpy.data.objects.new("Rail", None)
    for item in (camera, rail):
        bpy.context.scene.collection.objects.link(item)
    camera.parent, camera.location = rail, (0, -5, 1)
    bpy.context.scene.camera = camera
    bpy.context.scene.frame_set(11)

    def path() -> tuple[object, ...]:
        bpy.context.view_layer.update()
        name = str(len(list(tmp_path.iterdir())))
        spec = blender.align4d_blender.capture.capture.capture(bpy.context, "job", tmp_path / name, "auto").request.camera
        assert not spec.path or spec.path[0] == spec.matrix_world
        return spec.path

    assert path() == ()
    rail.keyframe_insert("location", frame=1)
    assert path() == ()  # a key that moves nothing
    rail.location = (10, 0, 0)
    rail.keyframe_insert("location", frame=21)
    compat = blender.align4d_blender.compat
    for curve in compat.fcurves(rail):
        for point in curve.keyframe_points:
            point.interpolation = "LINEAR"
    found = np.array(path())
    assert found.shape == (5, 4, 4)
    np.testing.assert_allclose(found[:, :3, 3], [[5 + 0.5 * frame, -5, 1] for frame in range(5)], atol=1e-5)
    assert bpy.context.scene.frame_current == 11


def test_a_shifted_lens_is_noted_not_guessed(blender: ModuleType, tmp_path: Path) -> None:
    add_mesh()
    use_video(tmp_path / "video")
    camera = bpy.data.objects.new("Own", bpy.data.cameras.new("Own"))
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    assert blender.align4d_blender.capture.choices.shift_note(bpy.context) == ""
    camera.data.shift_y = 0.1
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    assert "Shift X and Y of Own are ignored" in blender.align4d_blender.jobs.queue.current().notes[0]
    bpy.context.scene.align4d.camera = "FRONT"
    assert blender.align4d_blender.capture.choices.shift_note(bpy.context) == ""


def test_a_box_holds_for_the_clip_that_it_was_drawn_in(blender: ModuleType, tmp_path: Path) -> None:
    box, settings = blender.align4d_blender.capture.box, bpy.context.scene.align4d
    use_video(tmp_path / "clip")
    assert reference(blender).spec.box == ()
    box.draw_box(bpy.context.scene, (0.75, 0.25), (0.25, 1.5))
    np.testing.assert_allclose(reference(blender).spec.box, (0.25, 0.0, 0.75, 0.75))
    with pytest.raises(Exception, match="no box"):
        box.draw_box(bpy.context.scene, (0.5, 0.5), (0.51, 0.9))
    assert "cut out by the box" in draw(blender) and "Draw Box" not in draw(blender)
    chosen = settings.video
    use_video(tmp_path / "other")
    assert reference(blender).spec.box == ()
    settings.video = chosen
    assert reference(blender).spec.box != ()
    assert bpy.ops.align4d.clear_box() == {"FINISHED"} and reference(blender).spec.box == ()


def test_masks_of_the_artist_s_own_are_an_image_sequence(blender: ModuleType, tmp_path: Path) -> None:
    use_video(tmp_path / "clip")
    write_images(tmp_path / "masks", count=5)
    bpy.context.scene.align4d.masks = str(tmp_path / "masks")
    assert [Path(path).name for path in reference(blender).spec.masks] == [f"frame_{number:04d}.png" for number in range(1, 6)]
    bpy.context.scene.align4d.masks = str(tmp_path / "nowhere" / "a.png")
    with pytest.raises(Exception, match="There is no folder"):
        reference(blender)
