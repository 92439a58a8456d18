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
from scenes import place
from shown_points import Shown, frame_shown, save_where_needed


def open_sequence(file: Path, **choices: object) -> bpy.types.Object:
    save_where_needed(file.parent)
    assert bpy.ops.align4d.open_gaussians(filepath=str(file), **choices) == {"FINISHED"}
    return bpy.context.object


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
