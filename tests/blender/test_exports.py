"""Exports, each read back and compared with the motion; and the scene that stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import clouds
import numpy as np
import pytest
from fake_engine import FPS, FRAMES, moved
from scenes import add_mesh, evaluated, local, names, new_material, place, select, use_video
from shown_points import Shown

START = 11
STEP = 2
"""Scene frames from one frame of the video to the next: 24 / FPS."""
LAST = START + STEP * (FRAMES - 1)


@pytest.fixture
def animated(blender: ModuleType, tmp_path: Path) -> bpy.types.Object:
    """A mesh somewhere in the scene with the fake engine's motion on it, selected beside another object; the file is saved."""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert bpy.context.scene.render.fps == STEP * FPS
    bpy.context.scene.frame_start = START
    bpy.context.scene.frame_set(START)
    item = add_mesh("Fox")
    new_material(item)
    place(item)
    use_video(tmp_path / "video")
    bpy.context.scene.align4d.gaussians = True
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    select(item)
    return item


def world(item: bpy.types.Object, points: np.ndarray) -> np.ndarray:
    matrix = np.array(item.matrix_world, np.float64)
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def expected(item: bpy.types.Object) -> list[np.ndarray]:
    """The motion in the world, frame by frame of the video."""
    return [world(item, moved(local(item), index)) for index in range(FRAMES)]


def imported(before: set[bpy.types.Object]) -> bpy.types.Object:
    """The mesh that an import has brought."""
    (item,) = [one for one in bpy.data.objects if one not in before and one.type == "MESH"]
    return item


def assert_moves(item: bpy.types.Object, motion: list[np.ndarray], tolerance: float = 1e-4) -> None:
    """The object shows the motion in the world at each frame of the video. Its vertices may be in another order, or split."""
    for index, points in enumerate(motion):
        bpy.context.scene.frame_set(START + STEP * index)
        shown = world(item, evaluated(item))
        distance = np.linalg.norm(shown[:, None] - points[None], axis=2)
        assert distance.min(1).max() < tolerance and distance.min(0).max() < tolerance, index


def state() -> object:
    """What an export must not change."""
    scene = bpy.context.scene
    selected = {item.name for item in bpy.context.selected_objects}
    hidden = {item.name: (item.hide_viewport, item.hide_get()) for item in scene.objects}
    ranges = scene.frame_start, scene.frame_end, scene.frame_current, scene.frame_subframe
    return names(), selected, bpy.context.view_layer.objects.active.name, hidden, ranges, bpy.context.scene.name


def import_gltf(path: Path) -> None:
    bpy.ops.import_scene.gltf(filepath=str(path))


def import_alembic(path: Path) -> None:
    bpy.ops.wm.alembic_import(filepath=str(path), as_background_job=False)


def import_usd(path: Path) -> None:
    bpy.ops.wm.usd_import(filepath=str(path))


FORMATS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "gltf": (".glb", import_gltf),
    "alembic": (".abc", import_alembic),
    "usd": (".usdc", import_usd),
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats_that_carry_motion_bring_it_back(animated: bpy.types.Object, tmp_path: Path, name: str) -> None:
    ending, read = FORMATS[name]
    bpy.context.scene.frame_set(START + 3, subframe=0.25)
    before, motion = state(), expected(animated)
    assert getattr(bpy.ops.align4d, f"export_{name}")(filepath=str(tmp_path / f"füchse{ending}")) == {"FINISHED"}
    assert state() == before
    there = set(bpy.data.objects)
    read(tmp_path / f"füchse{ending}")
    assert_moves(imported(there), motion)


def test_gltf_has_a_morph_target_a_frame_and_the_material(animated: bpy.types.Object, tmp_path: Path) -> None:
    bpy.ops.align4d.export_gltf(filepath=str(tmp_path / "fox.gltf"), frame_start=START, frame_end=START + 3)
    assert sorted(path.name for path in tmp_path.glob("fox*")) == ["fox.bin", "fox.gltf"]
    there = set(bpy.data.objects)
    import_gltf(tmp_path / "fox.gltf")
    item = imported(there)
    assert len(item.data.shape_keys.key_blocks) == 1 + 3
    assert item.data.materials[0].name.startswith("Paint")


def test_gltf_follows_an_object_that_moves_itself(animated: bpy.types.Object, tmp_path: Path) -> None:
    for frame, x in ((START, 0.0), (LAST, 4.0)):
        animated.location.x = x
        animated.keyframe_insert("location", frame=frame)
    motion = []
    for index in range(FRAMES):
        bpy.context.scene.frame_set(START + STEP * index)
        motion.append(world(animated, moved(local(animated), index)))
    before = state()
    bpy.ops.align4d.export_gltf(filepath=str(tmp_path / "fox.glb"))
    assert state() == before
    there = set(bpy.data.objects)
    import_gltf(tmp_path / "fox.glb")
    assert_moves(imported(there), motion, 1e-3)


@pytest.mark.parametrize("kind", ["MDD", "PC2"])
def test_point_caches_play_on_the_bare_mesh(animated: bpy.types.Object, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"fox.{kind.lower()}"
    before, rest = state(), local(animated)
    assert getattr(bpy.ops.align4d, f"export_{kind.lower()}")(filepath=str(path.with_suffix(""))) == {"FINISHED"}
    assert state() == before
    bare = bpy.data.objects.new("Bare", animated.data.copy())
    bpy.context.scene.collection.objects.link(bare)
    cache = bare.modifiers.new("Cache", "MESH_CACHE")
    cache.cache_format, cache.filepath, cache.frame_start = kind, str(path), START
    for index in range(FRAMES):
        bpy.context.scene.frame_set(START + STEP * index)
        np.testing.assert_allclose(evaluated(bare), moved(rest, index), atol=1e-5)


def test_several_objects_get_a_point_cache_each(animated: bpy.types.Object, tmp_path: Path) -> None:
    other = add_mesh("Other / one", subdivisions=1)
    select(animated, other)
    assert bpy.ops.align4d.export_pc2(filepath=str(tmp_path / "both.pc2"), frame_start=START, frame_end=START + 1) == {"FINISHED"}
    sizes = {path.name: path.stat().st_size for path in tmp_path.glob("both*")}
    assert sizes == {"both_Fox.pc2": 32 + 2 * 12 * len(local(animated)), "both_Other___one.pc2": 32 + 2 * 12 * len(local(other))}


def test_obj_sequence(animated: bpy.types.Object, tmp_path: Path) -> None:
    before, motion = state(), expected(animated)
    (tmp_path / "obj").mkdir()
    assert bpy.ops.align4d.export_obj(filepath=str(tmp_path / "obj" / "fox.obj")) == {"FINISHED"}
    assert state() == before
    files = sorted((tmp_path / "obj").glob("*.obj"))
    assert len(files) == LAST - START + 1
    for index in range(FRAMES):
        there = set(bpy.data.objects)
        bpy.ops.wm.obj_import(filepath=str(files[STEP * index]))
        item = imported(there)
        bpy.context.view_layer.update()
        np.testing.assert_allclose(world(item, local(item)), motion[index], atol=1e-4)
        bpy.data.objects.remove(item)


def test_gaussians_come_out_as_they_stand_in_the_scene(animated: bpy.types.Object, tmp_path: Path) -> None:
    before = state()
    assert bpy.ops.align4d.export_gaussians(filepath=str(tmp_path / "out.ply")) == {"FINISHED"}
    assert state() == before
    assert bpy.ops.align4d.open_gaussians(filepath=str(tmp_path / "out_0002.ply"), fps=FPS) == {"FINISHED"}
    matrix = np.array(animated.matrix_world, np.float64)
    for index in range(FRAMES):
        bpy.context.scene.frame_set(START + STEP * index)
        shown, rows = Shown(bpy.context.object), clouds.cloud(index)
        np.testing.assert_allclose(shown.centers, world(animated, clouds.centers(rows)), atol=1e-5)
        covariances = matrix[:3, :3] @ clouds.covariances(rows) @ matrix[:3, :3].T
        np.testing.assert_allclose(shown.covariances, covariances, rtol=1e-2, atol=1e-5)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_colors_turn_with_the_gaussians(blender: ModuleType, tmp_path: Path, degree: int) -> None:
    """A turned sequence and its export look the same from the same camera."""
    assert bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend")) == {"FINISHED"}
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    bpy.context.scene.collection.objects.link(camera)
    camera.location, bpy.context.scene.camera = (2, -3, 1), camera
    bpy.ops.align4d.open_gaussians(filepath=str(clouds.sequence(tmp_path / "in", 1, degree)))
    first = bpy.context.object
    first.rotation_euler, first.location, first.scale = (0.5, -1.1, 2.0), (0.2, 0.4, -0.3), (1.7, 1.7, 1.7)
    bpy.context.view_layer.update()
    here = Shown(first)
    assert bpy.ops.align4d.export_gaussians(filepath=str(tmp_path / "turned.ply")) == {"FINISHED"}
    bpy.ops.align4d.open_gaussians(filepath=str(tmp_path / "turned_0000.ply"))
    there = Shown(bpy.context.object)
    np.testing.assert_allclose(there.centers, world(first, here.centers), atol=1e-5)
    np.testing.assert_allclose(there.encoded, here.encoded, atol=1e-3)
    np.testing.assert_allclose(there.opacities, here.opacities, atol=1e-5)


def test_a_mesh_whose_vertices_come_and_go_is_refused_by_point_caches(animated: bpy.types.Object, tmp_path: Path) -> None:
    build = animated.modifiers.new("Build", "BUILD")
    build.frame_start, build.frame_duration = START, 8
    for name in ("mdd", "pc2"):
        with pytest.raises(RuntimeError, match="has .* vertices in frame"):
            getattr(bpy.ops.align4d, f"export_{name}")(filepath=str(tmp_path / f"fox.{name}"))
    assert not list(tmp_path.glob("fox*"))


def test_a_hidden_mesh_is_exported_too(animated: bpy.types.Object, tmp_path: Path) -> None:
    motion = expected(animated)
    bpy.ops.align4d.show_result_as(what="GAUSSIANS")
    before = state()
    assert bpy.ops.align4d.export_alembic(filepath=str(tmp_path / "fox.abc")) == {"FINISHED"}
    assert state() == before and animated.hide_viewport
    there = set(bpy.data.objects)
    import_alembic(tmp_path / "fox.abc")
    assert_moves(imported(there), motion)


def test_a_folder_that_is_not_there_is_said(animated: bpy.types.Object, tmp_path: Path) -> None:
    for name in ("gltf", "alembic", "usd", "fbx", "obj", "mdd", "pc2", "gaussians"):
        with pytest.raises(RuntimeError, match="nowhere is no folder"):
            getattr(bpy.ops.align4d, f"export_{name}")(filepath=str(tmp_path / "nowhere" / f"fox.{name}"))


def test_nothing_to_export(blender: ModuleType) -> None:
    for name in ("gltf", "alembic", "usd", "fbx", "obj", "mdd", "pc2", "gaussians"):
        assert not getattr(bpy.ops.align4d, f"export_{name}").poll()
