"""The artist's shape keys under a motion: they act on top of it where they were at rest, and are held, with a sentence, where they were not."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
from fake_engine import moved
from scenes import add_mesh, evaluated, local
from test_own_movement import frame_of, generate, go_to


def add_key(item: bpy.types.Object) -> bpy.types.ShapeKey:
    item.shape_key_add(name="Basis")
    key = item.shape_key_add(name="Smile")
    points = local(item)
    points[:4] += (0.1, 0, 0.2)
    key.data.foreach_set("co", points.ravel())
    key.value = 0.0
    return key


def test_shape_keys_act_on_top_of_the_motion(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh("Fox")
    key = add_key(item)
    driver = key.driver_add("value").driver
    driver.type, driver.expression = "SCRIPTED", "min(max((frame - 10) / 4, 0), 1)"
    rest = local(item)
    generate(tmp_path, item)
    go_to(frame_of(0))
    np.testing.assert_allclose(evaluated(item), rest, atol=1e-5)
    go_to(frame_of(4))
    change = np.abs(evaluated(item) - moved(rest, 4)).max(1)
    assert change[:4].min() > 0.1 and change[4:].max() < 1e-5


def test_shape_keys_that_are_on_at_the_capture_are_held(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh("Fox")
    add_key(item).value = 1.0
    rest = evaluated(item)
    notes = generate(tmp_path, item)
    assert "The shape keys of Fox are held as they were at frame 7." in notes
    go_to(frame_of(4))
    np.testing.assert_allclose(evaluated(item), moved(rest, 4), atol=1e-5)


def test_a_motion_with_shape_keys_on_top_can_be_baked(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh("Fox")
    key = add_key(item)
    rest = local(item)
    generate(tmp_path, item)
    key.value = 1.0
    go_to(frame_of(3))
    with_key = evaluated(item)
    assert bpy.ops.align4d.bake_shape_keys() == {"FINISHED"}
    np.testing.assert_allclose(evaluated(item)[4:], moved(rest, 3)[4:], atol=1e-5)
    assert np.abs(evaluated(item) - with_key).max() < 0.15
    item.align4d.muted = False
    np.testing.assert_allclose(evaluated(item), moved(rest, 3), atol=1e-5)
