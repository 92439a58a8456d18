"""What artists have, in every format that carries motion: read back, it is where it was shown, in every frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from fake_engine import FRAMES
from scenes import add_armature, add_mesh, evaluated, local, names, new_material, place, select, use_video

START = 11
STEP = 2
"""Scene frames from one frame of the video to the next."""


def bare() -> list[bpy.types.Object]:
    item = add_mesh("Fox")
    place(item)
    return [item]


def rigged() -> list[bpy.types.Object]:
    """An armature below and above, as importers make it: parent and modifier."""
    item = add_mesh("Fox")
    rig = add_armature(item)
    bpy.context.scene.align4d.form = "CACHE"
    item.parent = rig
    rig.location, rig.scale = (1, 2, 0), (3, 3, 3)
    return [item]


def keyed() -> list[bpy.types.Object]:
    """Shape keys of the artist's own."""
    item = add_mesh("Fox")
    item.shape_key_add(name="Basis")
    key = item.shape_key_add(name="Wide")
    key.data.foreach_set("co", (local(item) * np.array([2, 1, 1])).astype(np.float32).ravel())
    key.value = 0.5
    return [item]


def subdivided() -> list[bpy.types.Object]:
    item = add_mesh("Fox", 1)
    modifier = item.modifiers.new("Subdivision", "SUBSURF")
    modifier.levels, modifier.render_levels = 1, 2
    return [item]


def several() -> list[bpy.types.Object]:
    items = [*rigged(), add_mesh("Wolf", 1)]
    place(items[1])
    return items


def read_gltf(path: Path) -> None:
    bpy.ops.import_scene.gltf(filepath=str(path))


def read_alembic(path: Path) -> None:
    bpy.ops.wm.alembic_import(filepath=str(path), as_background_job=False)


def read_usd(path: Path) -> None:
    bpy.ops.wm.usd_import(filepath=str(path))


def read_fbx(path: Path) -> None:
    bpy.ops.import_scene.fbx(filepath=str(path), anim_offset=0.0)


FORMATS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "gltf": (".glb", read_gltf),
    "alembic": (".abc", read_alembic),
    "usd": (".usdc", read_usd),
    "fbx": (".fbx", read_fbx),
}


@pytest.fixture(params=[bare, rigged, keyed, subdivided, several])
def animated(request: pytest.FixtureRequest, blender: ModuleType, tmp_path: Path) -> list[bpy.types.Object]:
    """Meshes with the fake engine's motion and a material, selected; the file is saved."""
    return animate(request.param, tmp_path)


def animate(kind: Callable[[], list[bpy.types.Object]], tmp_path: Path) -> list[bpy.types.Object]:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.context.scene.frame_start = START
    bpy.context.scene.frame_set(START)
    items = kind()
    for item in items:
        new_material(item)
    use_video(tmp_path / "video")
    select(*items)
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    return items


def shown(items: list[bpy.types.Object], index: int) -> np.ndarray:
    """All vertices in the world at a frame of the video."""
    bpy.context.scene.frame_set(START + STEP * index)
    matrices = [np.array(item.matrix_world, np.float64) for item in items]
    return np.concatenate([evaluated(item) @ m[:3, :3].T + m[:3, 3] for item, m in zip(items, matrices, strict=True)])


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """How far the farthest point of either is from the other; importers reorder and split vertices."""
    distance = np.linalg.norm(one[:, None] - other[None], axis=2)
    return float(max(distance.min(0).max(), distance.min(1).max()))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_brings_back_what_was_shown(animated: list[bpy.types.Object], tmp_path: Path, name: str) -> None:
    motion = [shown(animated, index) for index in range(FRAMES)]
    size = float(np.ptp(motion[0], axis=0).max())
    assert apart(motion[0], motion[-1]) > 0.1 * size, "nothing moves: this test shows nothing"
    before = names()
    ending, read = FORMATS[name]
    assert getattr(bpy.ops.align4d, f"export_{name}")(filepath=str(tmp_path / f"out{ending}")) == {"FINISHED"}
    assert names() == before
    there = set(bpy.data.objects)
    read(tmp_path / f"out{ending}")
    brought = [item for item in bpy.data.objects if item not in there and item.type == "MESH"]
    assert len(brought) == len(animated)
    assert all(item.data.materials and item.data.materials[0].name.startswith("Paint") for item in brought)
    for index, points in enumerate(motion):
        assert apart(points, shown(brought, index)) < 1e-4 * size, index


def test_an_obj_sequence_holds_what_was_shown(animated: list[bpy.types.Object], tmp_path: Path) -> None:
    motion = [shown(animated, index) for index in range(FRAMES)]
    assert bpy.ops.align4d.export_obj(filepath=str(tmp_path / "out.obj")) == {"FINISHED"}
    files = sorted(tmp_path.glob("out*.obj"))
    for index, points in enumerate(motion):
        there = set(bpy.data.objects)
        bpy.ops.wm.obj_import(filepath=str(files[STEP * index]))
        brought = [item for item in bpy.data.objects if item not in there]
        bpy.context.view_layer.update()
        assert apart(points, shown(brought, index)) < 1e-4 * float(np.ptp(points, axis=0).max()), index
        for item in brought:
            bpy.data.objects.remove(item)


def test_baked_shape_keys_go_out_by_blenders_own_fbx(blender: ModuleType, tmp_path: Path) -> None:
    items = animate(bare, tmp_path)
    motion = [shown(items, index) for index in range(FRAMES)]
    assert bpy.ops.align4d.bake_shape_keys() == {"FINISHED"}
    boxes = {"bake_anim_use_nla_strips": False, "bake_anim_use_all_actions": False, "bake_anim_simplify_factor": 0.0}  # as the manual says
    bpy.ops.export_scene.fbx(filepath=str(tmp_path / "out.fbx"), use_selection=True, **boxes)
    there = set(bpy.data.objects)
    read_fbx(tmp_path / "out.fbx")
    brought = [item for item in bpy.data.objects if item not in there and item.type == "MESH"]
    for index, points in enumerate(motion):
        assert apart(points, shown(brought, index)) < 1e-4 * float(np.ptp(points, axis=0).max()), index
