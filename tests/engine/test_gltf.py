"""The glTF of a generated mesh: one mesh, one topology, one texture, a morph target for every frame after the first."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from align4d.bake.gltf import write_gltf

TRIANGLES = np.array([(0, 1, 2), (0, 2, 3)], np.int32)
UV = np.array([[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)], [(0.5, 0.5), (1.0, 1.0), (0.0, 1.0)]], np.float32)
"""The first vertex has two UVs: a seam."""
FRAMES = 4


@pytest.fixture
def motion() -> np.ndarray:
    rest = np.array([(0, 0, 0), (1, 0, 0), (1, 0, 2), (0, 0, 2)], np.float64)
    return np.stack([rest + frame * np.array([(0.1, 0, 0), (0, 0.2, 0), (0, 0, 0.3), (0, 0, 0)]) for frame in range(FRAMES)])


@pytest.fixture
def file(tmp_path: Path, motion: np.ndarray) -> Path:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), (10, 200, 30)).save(stream, format="PNG")
    write_gltf(tmp_path / "frog.glb", "Frog", TRIANGLES, UV, stream.getvalue(), motion, 8.0)
    return tmp_path / "frog.glb"


def parse(path: Path) -> tuple[dict[str, Any], bytes]:
    content = path.read_bytes()
    magic, version, length = struct.unpack_from("<III", content)
    assert magic == 0x46546C67 and version == 2 and length == len(content)
    size, kind = struct.unpack_from("<II", content, 12)
    assert kind == 0x4E4F534A and size % 4 == 0
    binary_size, binary_kind = struct.unpack_from("<II", content, 20 + size)
    assert binary_kind == 0x004E4942 and 28 + size + binary_size == length
    return json.loads(content[20 : 20 + size]), content[28 + size :]


def read(scene: dict[str, Any], binary: bytes, index: int) -> np.ndarray:
    accessor = scene["accessors"][index]
    view = scene["bufferViews"][accessor["bufferView"]]
    width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}[accessor["type"]]
    kind = {5126: np.float32, 5125: np.uint32}[accessor["componentType"]]
    values = np.frombuffer(binary, kind, accessor["count"] * width, view["byteOffset"])
    return values.reshape(-1, width) if width > 1 else values


def test_one_topology_one_texture_and_a_target_for_every_frame(file: Path) -> None:
    scene, _ = parse(file)
    assert [len(scene[name]) for name in ("meshes", "nodes", "materials", "textures", "images", "animations")] == [1] * 6
    (primitive,) = scene["meshes"][0]["primitives"]
    assert len(primitive["targets"]) == FRAMES - 1
    counts = {scene["accessors"][target["POSITION"]]["count"] for target in primitive["targets"]}
    assert counts == {scene["accessors"][primitive["attributes"]["POSITION"]]["count"]} == {5}  # 4 vertices, one of them on a seam


def test_every_frame_is_the_motion_in_gltf_axes(file: Path, motion: np.ndarray) -> None:
    scene, binary = parse(file)
    (primitive,) = scene["meshes"][0]["primitives"]
    rest, index = read(scene, binary, primitive["attributes"]["POSITION"]), read(scene, binary, primitive["indices"])
    for frame in range(FRAMES):
        moved = rest if frame == 0 else rest + read(scene, binary, primitive["targets"][frame - 1]["POSITION"])
        wanted = motion[frame][TRIANGLES.ravel()]
        np.testing.assert_allclose(moved[index], np.stack([wanted[:, 0], wanted[:, 2], -wanted[:, 1]], 1), atol=1e-6)


def test_uv_runs_downwards_as_in_gltf(file: Path) -> None:
    scene, binary = parse(file)
    (primitive,) = scene["meshes"][0]["primitives"]
    uv = read(scene, binary, primitive["attributes"]["TEXCOORD_0"])[read(scene, binary, primitive["indices"])]
    np.testing.assert_allclose(uv, np.stack([UV.reshape(-1, 2)[:, 0], 1 - UV.reshape(-1, 2)[:, 1]], 1))


def test_each_target_is_fully_on_at_its_own_frame(file: Path) -> None:
    scene, binary = parse(file)
    (animation,) = scene["animations"]
    sampler = animation["samplers"][0]
    np.testing.assert_allclose(read(scene, binary, sampler["input"]), np.arange(FRAMES) / 8.0)
    weights = read(scene, binary, sampler["output"]).reshape(FRAMES, FRAMES - 1)
    np.testing.assert_array_equal(weights, np.eye(FRAMES)[:, 1:])
    assert animation["channels"][0]["target"] == {"node": 0, "path": "weights"}


def test_accessors_lie_inside_and_bounds_are_true(file: Path) -> None:
    scene, binary = parse(file)
    assert scene["buffers"][0]["byteLength"] <= len(binary)
    for view in scene["bufferViews"]:
        assert view["byteOffset"] % 4 == 0 and view["byteOffset"] + view["byteLength"] <= len(binary)
    for number, accessor in enumerate(scene["accessors"]):
        if "min" in accessor:
            values = read(scene, binary, number).reshape(accessor["count"], -1)
            np.testing.assert_array_equal(accessor["min"], values.min(axis=0))
            np.testing.assert_array_equal(accessor["max"], values.max(axis=0))


def test_another_reader_sees_mesh_and_texture(file: Path) -> None:
    (mesh,) = trimesh.load_scene(file).geometry.values()
    assert len(mesh.faces) == 2 and mesh.visual.material.baseColorTexture.getpixel((0, 0))[:3] == (10, 200, 30)
