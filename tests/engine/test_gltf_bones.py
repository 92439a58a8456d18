"""A rigged mesh file by the command line: its joints come along as the bones that Blender would have captured."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import gltf_files
import numpy as np
import pytest
from gltf_files import HEADS, bar, right_half

from align4d import protocol
from align4d.cameras.orbit import Orbit
from align4d.inputs.asset import Asset, load_asset
from align4d.inputs.mesh_asset import load_mesh_file
from align4d.inputs.rig import Rig
from align4d.job.make import make_job
from align4d.pipeline.articulation import Articulation
from align4d.pipeline.settings import settings_for


def turned(point: tuple[float, float, float]) -> tuple[float, float, float]:
    """From glTF's axes to Blender's."""
    return point[0], -point[2], point[1]


@pytest.fixture
def asset(tmp_path: Path) -> Asset:
    return load_mesh_file(gltf_files.rigged(tmp_path))


def rig_of(asset: Asset) -> Rig:
    assert asset.rig is not None
    return asset.rig


def test_joints_are_bones_with_heads_parents_and_names(asset: Asset) -> None:
    """Where they stand as they are posed; the skin of the cap, which knows one joint, does not cut it off from the others."""
    rig = rig_of(asset)
    own = {name: bone for bone, name in enumerate(rig.names)}
    (other,) = (name for name in rig.names if not name.startswith("Rig/"))
    assert {*own} == {"Rig/Root", "Rig/Between", "Rig/Tip", other} and other.startswith("Rig") and other.endswith("/Root")
    heads = {"Rig/Root": "Root", "Rig/Between": "Between", "Rig/Tip": "Tip", other: "Other"}
    np.testing.assert_allclose(rig.head, [turned(HEADS[heads[name]]) for name in rig.names], atol=1e-5)
    above = {name: rig.names[parent] if parent >= 0 else "" for name, parent in zip(rig.names, rig.parent, strict=True)}
    assert above == {"Rig/Root": "", "Rig/Between": "Rig/Root", "Rig/Tip": "Rig/Between", other: ""}


def test_weights_of_all_sets_are_the_bones(asset: Asset) -> None:
    rig, half = rig_of(asset), right_half(bar()[0])
    dense = dict(zip(rig.names, rig.weights.toarray().T, strict=True))
    body, cap, other = (item.vertices for item in asset.objects)
    np.testing.assert_allclose(dense["Rig/Tip"][body], half, atol=1e-6)
    np.testing.assert_allclose(dense["Rig/Root"][body], 1 - half, atol=1e-6)
    assert (dense.pop("Rig/Tip")[cap] == 1).all() and not dense["Rig/Between"].any()
    assert not any(column[cap].any() for column in dense.values())
    (alone,) = (name for name, column in dense.items() if column[other].any())
    assert not alone.startswith("Rig/") and (dense[alone][other] == 1).all()


def test_heads_are_in_the_space_of_the_vertices(asset: Asset) -> None:
    """The cap's first corner was bound in the tip's head, and is there however the tip is posed."""
    corner = asset.similarity.invert(asset.vertices[asset.objects[1].vertices.start])
    np.testing.assert_allclose(corner, turned(HEADS["Tip"]), atol=1e-5)


def test_the_mesh_is_cut_at_its_bones_and_turns_about_their_heads(asset: Asset) -> None:
    body = Articulation(asset, settings_for("draft", {}))
    assert body.rigged and body.parts.bones is not None
    part = {rig_of(asset).names[bone]: number for number, bone in enumerate(body.parts.bones)}
    assert len(part) == 3 and "Rig/Between" not in part
    root, tip = part["Rig/Root"], part["Rig/Tip"]
    hanging = tip if body.skeleton.parent[tip] == root else root
    assert body.skeleton.parent[hanging] == root + tip - hanging
    np.testing.assert_allclose(asset.similarity.invert(body.skeleton.joint[hanging]), turned(HEADS["Tip"]), atol=1e-5)


def test_a_job_made_without_blender_has_the_bones(tmp_path: Path) -> None:
    request = make_job(gltf_files.rigged(tmp_path), None, tmp_path / "job", Orbit(), (0, -1, 0.0))
    assert request == protocol.read_request(tmp_path / "job")
    assert len({item.bones for item in request.objects}) == 3 and all((tmp_path / "job" / item.bones).is_file() for item in request.objects)
    assert load_asset(request, tmp_path / "job").rig is not None
    plain = make_job(gltf_files.sparse(tmp_path), None, tmp_path / "plain", Orbit(), (0, -1, 0.0))
    assert [item.bones for item in plain.objects] == [""]


def parts_of(path: Path) -> dict[str, Any]:
    """The JSON of a .glb."""
    content = path.read_bytes()
    found: dict[str, Any] = json.loads(content[20 : 20 + struct.unpack_from("<I", content, 12)[0]])
    return found


def changed(path: Path, **new: object) -> Path:
    """A .glb with other parts in its JSON."""
    content = path.read_bytes()
    text = json.dumps(parts_of(path) | new).encode()
    text += b" " * (-len(text) % 4)
    rest = content[20 + struct.unpack_from("<I", content, 12)[0] :]
    path.write_bytes(struct.pack("<4sIIII", b"glTF", 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A) + text + rest)
    return path


def test_joints_that_the_scene_does_not_show_are_no_bones(tmp_path: Path) -> None:
    path = changed(gltf_files.skinned(tmp_path), scenes=[{"nodes": [0]}])
    assert load_mesh_file(path).rig is None


def test_a_joint_that_is_nowhere_and_moves_nothing_is_in_no_way(tmp_path: Path) -> None:
    """One that hangs on the tip."""
    path = gltf_files.rigged(tmp_path)
    parts = parts_of(path)
    parts["nodes"].append({"name": "Lost", "translation": [float("nan"), 0, 0]})
    parts["nodes"][3]["children"] = [len(parts["nodes"]) - 1]
    parts["skins"][1] = {"joints": [3, len(parts["nodes"]) - 1]}
    rig = rig_of(load_mesh_file(changed(path, nodes=parts["nodes"], skins=parts["skins"])))
    assert "Rig/Lost" in rig.names and np.isfinite(rig.head).all()


def test_bones_without_names_are_told_apart(tmp_path: Path) -> None:
    path = gltf_files.rigged(tmp_path)
    nodes = parts_of(path)["nodes"]
    for node, name in ((0, ""), (1, "Bone"), (2, ""), (3, "Bone")):
        nodes[node]["name"] = name
    names = rig_of(load_mesh_file(changed(path, nodes=nodes))).names
    assert len(names) == 4 and "Armature/Bone" in names and sum(name.startswith("Armature/") for name in names) == 3
