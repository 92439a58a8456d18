"""The examples that come with the project."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from scenes import evaluated

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_keyed_rig_plays_by_its_own_file_alone(blender: ModuleType) -> None:
    bpy.ops.wm.open_mainfile(filepath=str(EXAMPLES / "barbarian_keyed.blend"))
    item = next(one for one in bpy.data.objects if one.type == "MESH")
    assert [modifier.type for modifier in item.modifiers] == ["ARMATURE"] and not item.align4d.results
    scene, shapes = bpy.context.scene, []
    for frame in (scene.frame_start, (scene.frame_start + scene.frame_end) // 2):
        scene.frame_set(frame)
        shapes.append(evaluated(item))
    assert np.abs(shapes[1] - shapes[0]).max() > 0.05 * np.ptp(shapes[0], axis=0).max()
    outside = [path for path in bpy.utils.blend_paths(absolute=False, packed=False, local=False) if not path.startswith("//")]
    assert not outside and all(image.packed_file for image in bpy.data.images if image.source == "FILE")


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.blend")), ids=lambda example: example.stem)
def test_an_example_opens_in_the_oldest_blender(blender: ModuleType, example: Path) -> None:
    bpy.ops.wm.open_mainfile(filepath=str(example))
    assert tuple(bpy.data.version)[:2] <= (4, 2)
