"""Variations: the same job with other seeds and presets, each a result of its own, and all of them side by side."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from fake_engine import FRAMES
from scenes import add_mesh, evaluated, names, played, select, use_video
from test_result import go_to


@pytest.fixture
def animated(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bpy.types.Object:
    monkeypatch.setenv("FAKE_ENGINE", "correctable")
    item = add_mesh()
    use_video(tmp_path / "video")
    bpy.context.scene.align4d.seed = 4
    bpy.context.scene.frame_set(1)
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    return item


def seeds(blender: ModuleType, item: bpy.types.Object) -> list[int]:
    protocol = blender.engine.align4d.protocol
    folders = [Path(bpy.path.abspath(result.motion)).parents[1] for result in item.align4d.results]
    return [protocol.read_request(folder).seed for folder in folders]


def test_each_variation_is_a_result_with_a_seed_of_its_own(blender: ModuleType, animated: bpy.types.Object) -> None:
    assert bpy.ops.align4d.variations(count=2) == {"FINISHED"}
    assert bpy.ops.align4d.variations(count=1) == {"FINISHED"}
    assert seeds(blender, animated) == [4, 5, 6, 7]
    assert all(f"seed {seed}" in result.name for seed, result in zip((5, 6, 7), animated.align4d.results[1:], strict=True))
    one = blender.engine.align4d.protocol.read_pc2(played(animated)).copy() + 1
    blender.engine.align4d.protocol.write_pc2(Path(bpy.path.abspath(animated.align4d.results[1].motion)), one)
    animated.align4d.active = 1  # a click on the list
    go_to(FRAMES - 1)
    assert abs(evaluated(animated) - one[-1]).max() < 1e-5


def test_other_presets_are_variations_too(blender: ModuleType, animated: bpy.types.Object) -> None:
    assert bpy.ops.align4d.variations(count=0, draft=True) == {"FINISHED"}
    assert seeds(blender, animated) == [4, 4] and "draft" in animated.align4d.results[1].name
    request = blender.engine.align4d.protocol.read_request(played(animated).parents[1])
    assert request.preset == "draft" and not request.settings


def instances(item: bpy.types.Object) -> list[np.ndarray]:
    """World positions of the vertices of each copy that the scene shows beside an object."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    found = []
    for one in depsgraph.object_instances:
        if one.is_instance and one.object.type == "MESH":
            matrix, mesh = np.array(one.matrix_world), one.object.data
            places = np.array([vertex.co for vertex in mesh.vertices])
            found.append(places @ matrix[:3, :3].T + matrix[:3, 3])
    return found


def test_all_stand_side_by_side_and_one_is_chosen_with_a_click(blender: ModuleType, animated: bpy.types.Object) -> None:
    assert bpy.ops.align4d.variations(count=2) == {"FINISHED"}
    protocol, before = blender.engine.align4d.protocol, names()
    for height, result in enumerate(animated.align4d.results):
        file = Path(bpy.path.abspath(result.motion))
        protocol.write_pc2(file, protocol.read_pc2(file).copy() + [0, 0, height])
    animated.align4d.active = 0
    go_to(2)
    assert bpy.ops.align4d.all_side_by_side() == {"FINISHED"}
    bpy.context.view_layer.update()
    own = evaluated(animated) @ np.array(animated.matrix_world)[:3, :3].T + np.array(animated.matrix_world)[:3, 3]
    rise = np.array(animated.matrix_world)[:3, 2]
    shown = sorted(instances(animated), key=lambda one: one[:, 0].mean())
    assert len(shown) == 2
    for number, one in enumerate(shown, 1):
        shift = one - own - number * rise
        np.testing.assert_allclose(shift, np.broadcast_to([shift[0, 0], 0, 0], shift.shape), atol=1e-4)
        assert shift[0, 0] > number * np.ptp(own[:, 0])
    second = next(one for one in bpy.data.objects if one.align4d.job == animated.align4d.results[2].job and one.type == "EMPTY")
    select(second)
    assert bpy.ops.align4d.use_this_one() == {"FINISHED"}
    assert bpy.context.object == animated and animated.align4d.active == 2 and names() == before and not instances(animated)


def test_variations_survive_undo_save_and_load(blender: ModuleType, animated: bpy.types.Object, tmp_path: Path) -> None:
    assert bpy.ops.align4d.variations(count=2) == {"FINISHED"}
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.align4d.all_side_by_side() == {"FINISHED"}
    bpy.ops.ed.undo_push(message="side by side")
    assert len(instances(animated)) == 2
    bpy.ops.ed.undo()
    assert not instances(bpy.data.objects["Mesh"])
    bpy.ops.ed.redo()
    assert len(instances(bpy.data.objects["Mesh"])) == 2
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    item = bpy.data.objects["Mesh"]
    assert seeds(blender, item) == [4, 5, 6] and len(instances(item)) == 2
    job = item.align4d.results[0].job
    select(next(one for one in bpy.data.objects if one.align4d.job == job and one.type == "EMPTY"))
    assert bpy.ops.align4d.use_this_one() == {"FINISHED"} and item.align4d.active == 0 and not instances(item)


def test_what_is_shown_beside_goes_with_its_result(animated: bpy.types.Object) -> None:
    before = names()
    assert bpy.ops.align4d.variations(count=1) == {"FINISHED"}
    assert bpy.ops.align4d.all_side_by_side() == {"FINISHED"} and bpy.ops.align4d.all_side_by_side() == {"FINISHED"}
    assert not bpy.data.collections.get(animated.align4d.results[0].name)
    assert bpy.ops.align4d.all_side_by_side() == {"FINISHED"}
    animated.align4d.active = 0
    assert bpy.ops.align4d.remove_result() == {"FINISHED"}
    animated.align4d.active = 0
    assert bpy.ops.align4d.remove_result() == {"FINISHED"}
    assert not [item for item in bpy.data.objects if item.type == "EMPTY" and item.name not in before["objects"]]
    with pytest.raises(RuntimeError, match="poll"):
        bpy.ops.align4d.all_side_by_side()


def test_what_would_not_be_a_variation_is_refused(blender: ModuleType, animated: bpy.types.Object) -> None:
    protocol, folder = blender.engine.align4d.protocol, played(animated).parents[1]
    request = protocol.read_request(folder)
    for changes, words in (({"corrects": "other"}, "is a correction"), ({"video": protocol.VideoSpec()}, "were generated")):
        protocol.write_json(folder / "request.json", dataclasses.replace(request, **changes))
        with pytest.raises(RuntimeError, match=words):
            bpy.ops.align4d.variations(count=1)
    protocol.write_json(folder / "request.json", request)
    (folder / "input").rename(folder / "gone")
    with pytest.raises(RuntimeError, match="was not kept"):
        bpy.ops.align4d.variations(count=1)
    assert len(list(folder.parent.iterdir())) == 1  # no folder of a job that never was
