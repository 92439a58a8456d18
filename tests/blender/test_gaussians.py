"""Gaussians on the timeline: whose files they are, what is shown of them and when, and that neither the .blend nor the extension is needed for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import bpy
import clouds
import numpy as np
import pytest
from fake_engine import FPS, FRAMES
from scenes import add_mesh, place, select, use_video
from shown_points import Shown


def open_sequence(file: Path, **choices: object) -> bpy.types.Object:
    save_where_needed(file.parent)
    assert bpy.ops.align4d.open_gaussians(filepath=str(file), **choices) == {"FINISHED"}
    return bpy.context.object


def save_where_needed(folder: Path) -> None:
    """Before Blender 4.5 Gaussians can be shown in a saved file only."""
    if bpy.app.version < (4, 5, 0) and not bpy.data.filepath:
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"))


def frame_shown(item: bpy.types.Object) -> int:
    """Which frame of `clouds.sequence` is to be seen."""
    return round(float((Shown(item).centers[:, 0] - clouds.cloud()["x"]).mean()) / 0.25)


def refused(blender: ModuleType, file: Path) -> str:
    with pytest.raises(RuntimeError) as caught:
        bpy.ops.align4d.open_gaussians(filepath=str(file))
    assert not bpy.data.objects and not bpy.data.meshes
    return str(caught.value)


def test_each_gaussian_is_shown_where_and_as_its_file_says(blender: ModuleType, tmp_path: Path) -> None:
    item = open_sequence(clouds.sequence(tmp_path))
    for frame in (1, 3, 2):
        bpy.context.scene.frame_set(frame)
        shown, rows = Shown(item), clouds.cloud(frame - 1)
        np.testing.assert_allclose(shown.centers, clouds.centers(rows), atol=1e-6)
        np.testing.assert_allclose(shown.covariances, clouds.covariances(rows), rtol=1e-3, atol=1e-7)
        np.testing.assert_allclose(shown.opacities, clouds.opacities(rows), atol=1e-5)
        colors = 0.5 + 0.28209479177387814 * np.stack([rows[f"f_dc_{i}"] for i in range(3)], 1)
        np.testing.assert_allclose(shown.encoded, colors, atol=1e-4)
        reach = np.sqrt(2 * np.log(np.maximum(255 * clouds.opacities(rows), 1))).clip(max=3)
        largest = np.exp(np.stack([rows[f"scale_{i}"] for i in range(3)])).max(0)
        np.testing.assert_allclose(shown.arrays["radius"], reach * largest, rtol=1e-4)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_colors_change_with_the_side_they_are_seen_from(blender: ModuleType, tmp_path: Path, degree: int) -> None:
    item = open_sequence(clouds.sequence(tmp_path, 1, degree))
    place(item)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    bpy.context.scene.collection.objects.link(camera)
    camera.location, bpy.context.scene.camera = (3, -4, 2), camera
    bpy.context.view_layer.update()
    eye = np.array(item.matrix_world.inverted() @ camera.matrix_world.translation)
    rows = clouds.cloud(0, degree)
    away = clouds.centers(rows) - eye
    expected = harmonics(rows, away / np.linalg.norm(away, axis=1, keepdims=True), degree)
    np.testing.assert_allclose(Shown(item).encoded, np.maximum(expected, 0), atol=2e-4)


def harmonics(rows: np.ndarray, direction: np.ndarray, degree: int) -> np.ndarray:
    """(N, 3) colors of Gaussians seen along unit vectors (N, 3): real spherical harmonics by their definition, not by a table of polynomials."""
    from math import factorial, pi, sqrt

    x, y, z = direction.T.astype(np.float64)
    azimuth = np.arctan2(y, x)
    values = []
    for level in range(degree + 1):
        for order in range(-level, level + 1):
            m = abs(order)
            factor = sqrt((2 * level + 1) / (4 * pi) * factorial(level - m) / factorial(level + m)) * (sqrt(2) if m else 1)
            wave = np.sin(m * azimuth) if order < 0 else np.cos(m * azimuth)
            values.append(factor * legendre(level, m, z) * wave)  # with the Condon-Shortley phase, as splats have it
    count = len(values) - 1
    colors = 0.5 + values[0][:, None] * np.stack([rows[f"f_dc_{i}"] for i in range(3)], 1)
    for index, value in enumerate(values[1:]):
        colors += value[:, None] * np.stack([rows[f"f_rest_{channel * count + index}"] for channel in range(3)], 1)
    return colors


def legendre(level: int, m: int, z: np.ndarray) -> np.ndarray:
    """The associated Legendre polynomial with the Condon-Shortley phase, by its recurrence."""
    before, now = np.zeros_like(z), np.ones_like(z)
    for k in range(m):
        now = -(2 * k + 1) * np.sqrt(1 - z * z) * now
    for k in range(m, level):
        before, now = now, ((2 * k + 1) * z * now - (k + m) * before) / (k - m + 1)
    return now


@pytest.mark.parametrize(("start", "fps", "base", "rate"), [(1, 24, 1.0, 24.0), (11, 30, 1.001, 30 / 1.001), (0, 24, 1.0, 12.0)])
def test_files_follow_the_timeline(blender: ModuleType, tmp_path: Path, start: int, fps: int, base: float, rate: float) -> None:
    scene = bpy.context.scene
    scene.frame_start, scene.render.fps, scene.render.fps_base = start, fps, base
    item = open_sequence(clouds.sequence(tmp_path, first=8), fps=rate)
    per_file = fps / base / rate
    shown = []
    for frame in (start - 5, start, *(round(start + index * per_file) for index in range(4)), start + 40):
        scene.frame_set(frame)
        shown.append(frame_shown(item))
    assert shown == [0, 0, 0, 1, 2, 3, 3]


def test_one_file_a_frame_unless_said_otherwise_and_a_later_start(blender: ModuleType, tmp_path: Path) -> None:
    bpy.context.scene.render.fps = 30
    item = open_sequence(clouds.sequence(tmp_path))
    item.align4d_gaussians.start = 10
    if bpy.app.version < (4, 5, 0):
        assert bpy.ops.align4d.bake_gaussians() == {"FINISHED"}
    shown = []
    for frame in (9, 10, 11, 12):
        bpy.context.scene.frame_set(frame)
        shown.append(frame_shown(item))
    assert shown == [0, 0, 1, 2]


@pytest.mark.parametrize(
    ("names", "chosen", "found"),
    [
        (["a9.ply", "a10.ply", "a11.ply"], "a10.ply", ["a9.ply", "a10.ply", "a11.ply"]),
        (["t_0000.ply", "t_0005.ply", "t_0010.ply"], "t_0010.ply", ["t_0000.ply", "t_0005.ply", "t_0010.ply"]),
        (["point_cloud.ply"], "point_cloud.ply", ["point_cloud.ply"]),
        (["f01.ply", "f02.ply", "other03.ply", "f02.png"], "f01.ply", ["f01.ply", "f02.ply"]),
        (["café {1}_01v.ply", "café {1}_02v.ply"], "café {1}_01v.ply", ["café {1}_01v.ply", "café {1}_02v.ply"]),
    ],
)
def test_what_belongs_together(blender: ModuleType, tmp_path: Path, names: list[str], chosen: str, found: list[str]) -> None:
    folder = tmp_path / "some folder {0}"
    for index, name in enumerate(names):
        clouds.write(folder / name, clouds.cloud(index))
    files = blender.align4d_blender.gaussians.files.sequence_of(folder / chosen)
    assert [files.path(index) for index in range(files.count)] == [folder / name for name in found]
    item = open_sequence(folder / chosen)
    bpy.context.scene.frame_set(1)
    np.testing.assert_allclose(Shown(item).centers, clouds.centers(clouds.cloud()), atol=1e-6)


@pytest.mark.skipif(bpy.app.version >= (4, 5, 0), reason="nodes read the files themselves")
def test_before_4_5_the_file_has_to_be_saved(blender: ModuleType, tmp_path: Path) -> None:
    assert "has not been saved. Save the file first" in refused(blender, clouds.sequence(tmp_path))


def test_a_gap_is_named(blender: ModuleType, tmp_path: Path) -> None:
    first = clouds.sequence(tmp_path)
    (tmp_path / "frame_0002.ply").unlink()
    assert "frame_0002.ply is missing" in refused(blender, first)


def test_what_holds_no_gaussians_is_refused(blender: ModuleType, tmp_path: Path) -> None:
    good = clouds.cloud()
    mesh = clouds.write(tmp_path / "mesh.ply", good[["x", "y", "z"]].copy())
    assert "holds no Gaussians: it lacks f_dc_0" in refused(blender, mesh)
    text = tmp_path / "text.ply"
    text.write_text("ply\nformat ascii 1.0\nelement vertex 0\nend_header\n")
    assert "in text form" in refused(blender, text)
    cut = clouds.write(tmp_path / "cut.ply", good)
    cut.write_bytes(cut.read_bytes()[:-5])
    assert "is cut short" in refused(blender, cut)
    assert "is not there" in refused(blender, tmp_path / "none1.ply")
    assert "cannot be read" in refused(blender, tmp_path / "none.ply")
    (tmp_path / "picture.ply").write_bytes(b"\x89PNG\r\n\x1a\n" * 20)
    assert "is not a PLY file" in refused(blender, tmp_path / "picture.ply")


def test_big_endian_doubles_and_faces_behind_the_vertices_are_read(blender: ModuleType, tmp_path: Path) -> None:
    rows = clouds.cloud()
    item = open_sequence(clouds.write(tmp_path / "big.ply", rows, "big", "element face 0\nproperty list uchar int vertex_indices"))
    np.testing.assert_allclose(Shown(item).centers, clouds.centers(rows), atol=1e-6)


def test_the_blend_stays_small_and_both_can_be_moved(blender: ModuleType, tmp_path: Path) -> None:
    """A machine without the extension opens the moved folder and sees every frame."""
    home = tmp_path / "höme"
    for frame in range(3):
        clouds.write(home / "clip" / f"frame_{frame:04d}.ply", clouds.cloud(frame, count=MANY))
    bpy.ops.wm.save_as_mainfile(filepath=str(home / "scene.blend"))
    open_sequence(home / "clip" / "frame_0000.ply")
    bpy.ops.wm.save_mainfile()
    assert (home / "scene.blend").stat().st_size < 1_000_000 < MANY * 14 * 4  # nodes alone fill 0.5 MB in an uncompressed .blend
    home.rename(tmp_path / "elsewhere")
    assert shown_elsewhere(tmp_path / "elsewhere" / "scene.blend", tmp_path) == [0, 1, 2]


MANY = 20_000
ELSEWHERE = """
import sys
import bpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[-1])
assert not hasattr(bpy.types.Object, "align4d_gaussians")
for frame in (1, 2, 3):
    bpy.context.scene.frame_set(frame)
    places = [one.object.data.points[0].co.x for one in bpy.context.evaluated_depsgraph_get().object_instances if one.object.type == "POINTCLOUD"]
    print("SHOWN", *places)
"""


def shown_elsewhere(blend: Path, folder: Path) -> list[int]:
    """Which frames of the clouds a Blender without the extension shows at frames 1, 2, 3 of a .blend."""
    script = folder / "elsewhere.py"
    script.write_text(ELSEWHERE)
    program = [bpy.app.binary_path, "--background", "--factory-startup", "--python", str(script), "--"]
    command = program if bpy.app.binary_path else [sys.executable, str(script)]
    surroundings = {**os.environ, "BLENDER_USER_RESOURCES": str(folder / "nobody")}
    answer = subprocess.run([*command, str(blend)], capture_output=True, text=True, timeout=300, env=surroundings)
    places = [line.split()[1:] for line in answer.stdout.splitlines() if line.startswith("SHOWN")]
    assert len(places) == 3 and all(places), answer.stdout + answer.stderr
    return [round((float(place[0]) - float(clouds.cloud(count=MANY)["x"][0])) / 0.25) for place in places]


def test_saving_elsewhere_and_saving_a_copy_keep_the_files(blender: ModuleType, tmp_path: Path) -> None:
    item = open_sequence(clouds.sequence(tmp_path / "clips" / "run"))
    name = item.name
    for target, copy in ((tmp_path / "one" / "a.blend", False), (tmp_path / "two" / "deep" / "b.blend", False), (tmp_path / "c.blend", True)):
        target.parent.mkdir(parents=True, exist_ok=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(target), copy=copy)
        assert not blender.align4d_blender.gaussians.sequence_object.missing(bpy.data.objects[name])
        bpy.context.scene.frame_set(3)
        assert frame_shown(bpy.data.objects[name]) == 2
    assert bpy.data.filepath == str(tmp_path / "two" / "deep" / "b.blend")
    for blend in (tmp_path / "one" / "a.blend", tmp_path / "two" / "deep" / "b.blend", tmp_path / "c.blend"):
        bpy.ops.wm.open_mainfile(filepath=str(blend))
        bpy.context.scene.frame_set(2)
        assert frame_shown(bpy.data.objects[name]) == 1


def test_files_that_are_gone_are_said_and_come_back(blender: ModuleType, tmp_path: Path) -> None:
    item = open_sequence(clouds.sequence(tmp_path / "clip"))
    assert blender.align4d_blender.gaussians.sequence_object.missing(item) is None
    shutil.move(tmp_path / "clip", tmp_path / "away")
    assert blender.align4d_blender.gaussians.sequence_object.missing(item) == tmp_path / "clip" / "frame_0000.ply"
    shutil.move(tmp_path / "away", tmp_path / "clip")
    assert blender.align4d_blender.gaussians.sequence_object.missing(item) is None


def test_cycles_is_given_enough_bounces_and_the_view_transform_is_the_artists_choice(blender: ModuleType, tmp_path: Path) -> None:
    scene = bpy.context.scene
    before = scene.view_settings.view_transform
    open_sequence(clouds.sequence(tmp_path))
    assert scene.cycles.transparent_max_bounces == 1024 and scene.cycles.min_transparent_bounces == 32
    assert scene.view_settings.view_transform == before != "Standard"
    assert bpy.ops.align4d.standard_view() == {"FINISHED"} and scene.view_settings.view_transform == "Standard"
    assert not bpy.ops.align4d.standard_view.poll()


def test_a_second_sequence_shares_nodes_and_material_but_not_files(blender: ModuleType, tmp_path: Path) -> None:
    first = open_sequence(clouds.sequence(tmp_path / "one", 1))
    clouds.write(tmp_path / "two" / "cloud.ply", clouds.cloud(3))
    second = open_sequence(tmp_path / "two" / "cloud.ply")
    assert (frame_shown(first), frame_shown(second)) == (0, 3)
    assert len(bpy.data.materials) == 1 and len(bpy.data.node_groups) == 2


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
    scene.frame_start = 11
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


def test_registering_again_leaves_one_of_each(blender: ModuleType) -> None:
    def traces() -> list[str]:
        handlers = (*bpy.app.handlers.save_pre, *bpy.app.handlers.save_post, *bpy.app.handlers.save_post_fail)
        return [*(f"{one.__module__}.{one.__name__}" for one in handlers), str("align4d_gaussians" in bpy.types.Object.bl_rna.properties)]

    before = traces()
    assert sum("gaussians.paths" in one for one in before) == 3
    blender.unregister()
    assert not any("gaussians.paths" in one or one == "True" for one in traces())
    blender.register()
    assert traces() == before


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
