"""Variations: the same job with other seeds, each a result of its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import ModuleType

import bpy
import pytest
from fake_engine import FRAMES
from scenes import add_mesh, evaluated, played, use_video
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
