"""Limits of bones: what the request says of them, whatever pose the armature is in and wherever it stands."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix
from scenes import use_video
from test_armature_action import add_limb


def captured(blender: ModuleType, folder: Path) -> dict[str, np.ndarray] | None:
    found = blender.align4d_blender.capture.capture.capture(bpy.context, "job", folder, "auto").request.objects[0].limits
    return blender.engine.align4d.protocol.read_arrays(folder / found) if found else None


def limit(rig: Any, bone: str, axis: str, ends: tuple[float, float], space: str = "LOCAL") -> Any:
    constraint = rig.pose.bones[bone].constraints.new("LIMIT_ROTATION")
    constraint.owner_space = space
    setattr(constraint, f"use_limit_{axis}", True)
    setattr(constraint, f"min_{axis}", ends[0])
    setattr(constraint, f"max_{axis}", ends[1])
    return constraint


def stands(rig: Any, bone: str) -> Matrix:
    """How a bone is turned in the world."""
    bpy.context.view_layer.update()
    return (rig.matrix_world @ rig.pose.bones[bone].matrix).to_quaternion().to_matrix()


def test_bones_say_how_far_they_may_turn(blender: ModuleType, tmp_path: Path) -> None:
    _, rig = add_limb(mode="XYZ")
    use_video(tmp_path / "video")
    assert captured(blender, tmp_path / "free") is None
    limit(rig, "bone1", "x", (-0.5, 0.2))
    bone = rig.pose.bones["bone2"]
    bone.use_ik_limit_x, bone.ik_min_x, bone.ik_max_x, bone.lock_ik_z = True, -2.0, 0.1, True
    limit(rig, "bone3", "y", (-0.1, 0.1)).mute = True
    arrays = captured(blender, tmp_path / "limited")
    assert arrays is not None and arrays["names"].tolist() == [f"Armature/bone{index}" for index in range(4)]
    assert arrays["parent"].tolist() == [-1, 0, 1, 2] and arrays["bone"].tolist() == [1, 2] and arrays["against_parent"].all()
    np.testing.assert_allclose(arrays["low"], [[-0.5, -math.inf, -math.inf], [-2, -math.inf, 0]], atol=1e-6)
    np.testing.assert_allclose(arrays["high"], [[0.2, math.inf, math.inf], [0.1, math.inf, 0]], atol=1e-6)


@pytest.mark.parametrize(("space", "order"), [("LOCAL", "XYZ"), ("LOCAL", "YZX"), ("WORLD", "XYZ"), ("POSE", "ZXY"), ("LOCAL_WITH_PARENT", "XYZ")])
def test_the_angles_are_those_that_the_constraint_sees(blender: ModuleType, tmp_path: Path, space: str, order: str) -> None:
    """After any turn of the bones they are what Blender finds in the constraint's own space: read in one pose, used in another."""
    _, rig = add_limb(mode=order if space == "LOCAL" else "XYZ")
    use_video(tmp_path / "video")
    constraint = limit(rig, "bone2", "z", (-1.0, 3.0), space)
    if space != "LOCAL":
        constraint.euler_order = order
    rig.pose.bones["bone1"].rotation_euler, rig.pose.bones["bone2"].rotation_euler = (0.3, -0.2, 0.4), (0.1, 0.2, -0.1)
    arrays = captured(blender, tmp_path / "limited")
    assert arrays is not None
    before = {name: stands(rig, name) for name in ("bone1", "bone2")}
    rig.pose.bones["bone1"].rotation_euler, rig.pose.bones["bone2"].rotation_euler = (-0.2, 0.5, 0.1), (0.7, -0.4, 0.2)
    turned = {name: stands(rig, name) @ old.inverted() for name, old in before.items()}
    relative = turned["bone1"].inverted() @ turned["bone2"] if arrays["against_parent"][0] else turned["bone2"]
    # their scale goes: the rig is scaled
    frame, stand = (Matrix(arrays[name][0].tolist()).to_quaternion().to_matrix() for name in ("frame", "stand"))
    pose, rest = rig.pose.bones["bone2"].matrix, rig.data.bones["bone2"].matrix_local
    seen = {
        "LOCAL": lambda: Euler((0.7, -0.4, 0.2), order),
        "WORLD": lambda: stands(rig, "bone2").to_euler(order),
        "POSE": lambda: pose.to_euler(order),
        "LOCAL_WITH_PARENT": lambda: (rest.inverted() @ pose).to_euler(order),
    }[space]()
    np.testing.assert_allclose((frame.transposed() @ relative @ stand).to_euler(order), seen, atol=1e-5)
    assert ["XYZ"[axis] for axis in arrays["axes"][0]] == list(order) and arrays["high"][0][order.index("Z")] == 3.0


def test_a_limit_needs_no_stand_in(blender: ModuleType) -> None:
    _, rig = add_limb()
    limit(rig, "bone1", "x", (-0.5, 0.2))
    assert blender.align4d_blender.capture.armatures.constrained_bones(rig) == []
