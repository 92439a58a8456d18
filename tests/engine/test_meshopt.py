"""Buffers that meshoptimizer's own encoder (1.3.0) wrote of the values below, and what is said of damaged ones."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from gltf_files import INT, SHORT, Glb

from align4d.inputs.gltf_file import GltfFile
from align4d.inputs.gltf_import import read_gltf
from align4d.inputs.meshopt import unpacked
from align4d.protocol import UserError

SAMPLES = json.loads((Path(__file__).parent / "meshopt_samples.json").read_text())
MANY, FEW = np.arange(300), np.arange(40)
POSITIONS = np.stack([MANY * 7 % 1000, MANY * MANY % 977, MANY, 0 * MANY], 1)
FLOATS = np.stack([np.sin(FEW / 9) * 3, FEW * 0.25, FEW * FEW - 1000.0], 1)


def packed(name: str) -> bytes:
    return base64.b64decode(SAMPLES[name]["data"])


def sample(name: str, kind: str) -> np.ndarray:
    """(count, width) values of a sample."""
    entry = SAMPLES[name]
    content = unpacked(packed(name), entry["count"], entry["stride"], entry["mode"], entry["filter"])
    return np.frombuffer(content, kind).reshape(entry["count"], -1)


@pytest.mark.parametrize("name", ["positions", "positions v1"])
def test_attributes_over_several_blocks(name: str) -> None:
    assert (sample(name, "<u2") == POSITIONS).all()


def test_attributes_that_hardly_shrink() -> None:
    number = np.arange(40 * 12)
    assert (sample("random", "u1").ravel() == (number**3 >> 3) % 256).all()
    np.testing.assert_allclose(sample("floats v1", "<f4"), FLOATS, rtol=1e-6)


@pytest.mark.parametrize(("name", "kind", "most"), [("octahedral", "i1", 127), ("octahedral 16", "<i2", 32767)])
def test_octahedral_filter(name: str, kind: str, most: int) -> None:
    angle, height = FEW * 0.1, (FEW % 41 - 20) / 20.5
    around = np.sqrt(1 - height**2)
    unit = np.stack([np.cos(angle) * around, np.sin(angle) * around, height], 1)
    np.testing.assert_allclose(sample(name, kind)[:, :3] / most, unit, atol=2 / min(most, 2047))


def test_quaternion_filter() -> None:
    true = np.stack([1 + 0 * FEW, FEW % 5 - 2, FEW % 7 - 3, FEW % 3 - 1], 1)
    cosine = (sample("quaternion", "<i2") / 32767 * true).sum(1) / np.linalg.norm(true, axis=1)
    np.testing.assert_allclose(np.abs(cosine), 1, atol=1e-4)


def test_exponential_filter() -> None:
    np.testing.assert_allclose(sample("exponential", "<f4"), FLOATS, atol=1000 / 2**13)


@pytest.mark.parametrize(("name", "kind", "most"), [("color", "u1", 255), ("color 16", "<u2", 65535)])
def test_color_filter(name: str, kind: str, most: int) -> None:
    true = np.stack([FEW % 4 / 3, FEW % 5 / 4, FEW % 7 / 6, FEW % 3 / 2], 1)
    np.testing.assert_allclose(sample(name, kind) / most, true, atol=0.01)


def triangles() -> np.ndarray:
    """(F, 3): a grid, and others that have nothing to do with each other."""
    corner = (15 * np.arange(19)[:, None] + np.arange(14)).reshape(-1, 1)
    grid = (corner + [0, 1, 15, 15, 1, 16]).reshape(-1, 3)
    return np.concatenate([grid, np.arange(30)[:, None] * [37, 91, 13] % 300])


def test_triangles_and_indices() -> None:
    found, true = sample("triangles", "<u4").reshape(-1, 3), triangles()
    turned = np.stack([np.roll(found, step, axis=1) for step in range(3)])  # an encoder may begin a triangle at any of its corners
    assert (turned == true).all(axis=2).any(axis=0).all()
    number = np.arange(200)
    assert (sample("indices", "<u2").ravel() == np.where(number % 2, 1000 + 3 * number, number * number % 53)).all()


def compressed(folder: Path, extension: str = "EXT_meshopt_compression", **changes: object) -> Path:
    """A file as gltfpack writes it: positions in 16 bits, and a buffer that is not there."""
    glb = Glb()
    name = "positions" if extension.startswith("EXT") else "positions v1"
    shape = {"attributes": {"POSITION": glb.accessor(POSITIONS[:, :3], SHORT)}, "indices": glb.accessor(triangles().ravel(), INT)}
    for view, sampled in zip(glb.json["bufferViews"][:], (name, "triangles"), strict=True):
        entry = SAMPLES[sampled]
        source = glb.json["bufferViews"][glb.view(packed(sampled))]
        rules = {"count": entry["count"], "byteStride": entry["stride"], "mode": entry["mode"], **changes}
        view.update(buffer=1, byteOffset=0, extensions={extension: {**source, **rules}})
    del glb.json["bufferViews"][2:]
    glb.json["extensionsRequired"] = [extension, "KHR_mesh_quantization"]
    glb.node(mesh=glb.mesh(shape), scale=[0.001] * 3)
    return glb.write(folder / "packed.glb")


@pytest.mark.parametrize("extension", ["EXT_meshopt_compression", "KHR_meshopt_compression"])
def test_a_compressed_file_is_read(tmp_path: Path, extension: str) -> None:
    (mesh,) = read_gltf(compressed(tmp_path, extension), print)
    used = np.unique(triangles())
    np.testing.assert_allclose(mesh.vertices, POSITIONS[used, :3])
    assert len(mesh.triangles) == len(triangles()) and mesh.matrix[0, 0] == 0.001


@pytest.mark.parametrize(
    "changes", [{"count": 10**9}, {"mode": "other"}, {"byteStride": 7}, {"byteLength": 40}, {"count": -3}, {"filter": "none"}], ids=str
)
def test_a_damaged_buffer_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    file = GltfFile(compressed(tmp_path, **changes))
    with pytest.raises(UserError) as caught:
        file.accessor(0)
    assert caught.value.code == "gltf_unreadable"


@pytest.mark.parametrize("name", [*SAMPLES])
def test_every_cut_is_noticed(name: str) -> None:
    entry, whole = SAMPLES[name], packed(name)
    for length in range(0, len(whole), max(1, len(whole) // 20)):
        with pytest.raises((ValueError, IndexError, KeyError)):
            unpacked(whole[:length], entry["count"], entry["stride"], entry["mode"], entry["filter"])
