"""What comes along of the bones that move a mesh: their names, parents and heads, and how much each moves each vertex."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from scenes import add_armature, add_mesh, local, place, select
from test_capture import arrays_of, capture, check_shapes

from align4d import protocol


def bones_of(request: protocol.Request, folder: Path) -> tuple[list[str], np.ndarray]:
    """Names of the bones, and the weights (V, K)."""
    arrays = protocol.read_arrays(folder / request.objects[0].bones)
    assert {name: array.dtype.kind for name, array in arrays.items()} == {name: kind for name, (kind, _) in protocol.BONE_ARRAYS.items()}
    check_shapes(arrays, {name: shape for name, (_, shape) in protocol.BONE_ARRAYS.items()})
    weights = np.zeros((len(arrays_of(request, folder)["vertices"]), len(arrays["names"])), np.float32)
    weights[arrays["vertex"], arrays["bone"]] = arrays["weight"]
    return [str(name) for name in arrays["names"]], weights


@pytest.mark.parametrize("subdivided", [False, True])
def test_bone_weights_come_along(blender: ModuleType, tmp_path: Path, subdivided: bool) -> None:
    item = add_mesh()
    height = local(item)[:, 2]
    rig = add_armature(item)
    item.vertex_groups.new(name="no bone").add([0], 1.0, "REPLACE")
    if subdivided:
        item.modifiers.new("Subdivision", "SUBSURF").levels = 1
    names, weights = bones_of(*capture(blender, tmp_path))
    assert names == [f"{rig.name}/lower", f"{rig.name}/upper"]
    wanted = (height - height.min()) / np.ptp(height)
    np.testing.assert_allclose(weights[: len(height), 1], wanted, atol=1e-6 if not subdivided else 0.2)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-4)


def add_bone(rig: bpy.types.Object, name: str, above: str, below: str = "") -> None:
    """A bone with a head of its own, between two others where asked."""
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bones = rig.data.edit_bones
    bone = bones.new(name)
    bone.head, bone.tail, bone.parent = (0.2, -0.3, len(bones)), (0.2, 0.4, len(bones)), bones[above]
    if below:
        bones[below].parent = bone
    bpy.ops.object.mode_set(mode="OBJECT")


def test_bones_come_along_as_they_stand(blender: ModuleType, tmp_path: Path) -> None:
    """Two armatures, posed, mirrored, in places of their own, on an object elsewhere: heads are where objects that are tied to them are."""
    item = add_mesh()
    rig, other = add_armature(item), add_armature(item)
    add_bone(rig, "control", "lower", below="upper")
    add_bone(rig, "unused", "upper")
    rig.data.bones["control"].use_deform = other.data.bones["lower"].use_deform = False
    rig.pose.bones["control"].rotation_mode, rig.pose.bones["control"].rotation_euler = "XYZ", (0.4, -0.5, 0.9)
    place(other)
    place(item)
    rig.location, rig.rotation_euler, rig.scale = (-0.4, 0.6, 0.1), (0.2, -0.5, 1.1), (1.3, -0.8, 0.6)
    wanted = [f"{rig.name}/lower", f"{rig.name}/upper", f"{rig.name}/unused", f"{other.name}/upper"]
    tied = []
    for armature, bone in (name.split("/") for name in wanted):
        tied.append(bpy.data.objects.new("Tied", None))
        bpy.context.scene.collection.objects.link(tied[-1])
        constraint = tied[-1].constraints.new("COPY_LOCATION")
        constraint.target, constraint.subtarget = bpy.data.objects[armature], bone
    select(item)
    request, folder = capture(blender, tmp_path)
    names, _ = bones_of(request, folder)
    arrays, matrix = protocol.read_arrays(folder / request.objects[0].bones), np.array(request.objects[0].matrix_world)
    assert names == wanted and arrays["parent"].tolist() == [-1, 0, 1, -1]
    places = [one.matrix_world.translation for one in tied]
    np.testing.assert_allclose(arrays["head"] @ matrix[:3, :3].T + matrix[:3, 3], places, atol=1e-5)


def test_a_bone_at_no_position_that_moves_nothing_stops_nothing(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    rig = add_armature(item)
    add_bone(rig, "unused", "upper")
    rig.pose.bones["unused"].location = (math.nan, 0, 0)
    select(item)
    request, folder = capture(blender, tmp_path)
    assert np.isfinite(protocol.read_arrays(folder / request.objects[0].bones)["head"]).all()


def test_groups_without_bones_are_no_bones(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    rig = add_armature(item)
    rig.data.bones["upper"].use_deform = rig.data.bones["lower"].use_deform = False
    request, _ = capture(blender, tmp_path)
    assert request.objects[0].bones == ""
    item.modifiers.clear()
    request, _ = capture(blender, tmp_path / "again")
    assert request.objects[0].bones == ""
