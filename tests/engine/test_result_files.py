"""Results as other programs write them: animated glTF against its closed form, Gaussians as PLY."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from align4d_lab.evaluation.gltf_motion import read_animated_gltf
from align4d_lab.evaluation.read_result import read_result
from align4d_lab.metrics.mesh_picture import PictureCamera
from align4d_lab.metrics.motion import TrueView

from align4d.errors import EngineError
from align4d.protocol.ply import HARMONIC, NEEDED

TRIANGLE = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
FLOAT, BYTE = 5126, 5121


class Glb:
    """A .glb in the making."""

    def __init__(self) -> None:
        self.data = b""
        self.views: list[dict[str, int]] = []
        self.accessors: list[dict[str, object]] = []

    def add(self, values: np.ndarray, kind: str) -> int:
        """Index of a new accessor."""
        raw = np.ascontiguousarray(values).tobytes()
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(raw)})
        self.data += raw + b"\0" * (-len(raw) % 4)
        component = FLOAT if values.dtype == np.float32 else BYTE
        self.accessors.append({"bufferView": len(self.views) - 1, "componentType": component, "count": len(values), "type": kind})
        return len(self.accessors) - 1

    def write(self, path: Path, **content: object) -> Path:
        """The file; `content` are the other parts of its JSON."""
        whole = {"asset": {"version": "2.0"}, "accessors": self.accessors, "bufferViews": self.views, "buffers": [{"byteLength": len(self.data)}]}
        text = json.dumps(whole | content).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(self.data), 0x004E4942) + self.data
        path.write_bytes(b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks)
        return path


def animated(path: Path, target: str, values: np.ndarray, mode: str = "LINEAR", node: dict[str, object] | None = None) -> Path:
    """A triangle whose node is animated over one second."""
    file = Glb()
    position = file.add(TRIANGLE, "VEC3")
    times = file.add(np.array([0, 1], np.float32), "SCALAR")
    kinds = {"translation": "VEC3", "scale": "VEC3", "rotation": "VEC4", "weights": "SCALAR"}
    sampler = {"input": times, "output": file.add(values.astype(np.float32), kinds[target]), "interpolation": mode}
    primitive: dict[str, object] = {"attributes": {"POSITION": position}}
    if target == "weights":
        primitive["targets"] = [{"POSITION": file.add(np.array([[0, 0, 1], [0, 0, 2], [0, 0, 3]], np.float32), "VEC3")}]
    animation = {"samplers": [sampler], "channels": [{"sampler": 0, "target": {"node": 0, "path": target}}]}
    return file.write(path, nodes=[{"mesh": 0, **(node or {})}], meshes=[{"primitives": [primitive]}], animations=[animation])


def in_blender(points: np.ndarray) -> np.ndarray:
    """glTF's Y is Blender's Z, its Z Blender's -Y."""
    return points @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float64)


def middle(path: Path) -> np.ndarray:
    """(3, 3) positions half a second in."""
    moving = read_animated_gltf(path, 2.0)
    assert moving.frames == 3 and moving.fps == 2
    return moving.vertices[1]


def test_nodes_move_turn_and_grow_as_gltf_says(tmp_path: Path) -> None:
    straight = middle(animated(tmp_path / "a.glb", "translation", np.array([[0, 0, 0], [2, 4, 6]])))
    np.testing.assert_allclose(straight, in_blender(TRIANGLE + [1, 2, 3]), atol=1e-6)
    held = middle(animated(tmp_path / "b.glb", "translation", np.array([[0, 0, 0], [2, 4, 6]]), "STEP"))
    np.testing.assert_allclose(held, in_blender(TRIANGLE), atol=1e-6)
    tangents = np.array([[0, 0, 0], [0, 0, 0], [8, 0, 0], [0, 0, 0], [2, 0, 0], [0, 0, 0]])
    curved = middle(animated(tmp_path / "c.glb", "translation", tangents, "CUBICSPLINE"))
    np.testing.assert_allclose(curved, in_blender(TRIANGLE + [0.125 * 8 + 0.5 * 2, 0, 0]), atol=1e-6)
    quarter = np.array([[0, 0, 0, 1], [0, 0, np.sin(np.pi / 4), np.cos(np.pi / 4)]])
    turned = middle(animated(tmp_path / "d.glb", "rotation", quarter))
    half = np.sqrt(0.5)
    np.testing.assert_allclose(turned, in_blender(np.array([[0, 0, 0], [half, half, 0], [-half, half, 0]])), atol=1e-6)
    grown = middle(animated(tmp_path / "e.glb", "scale", np.array([[1, 1, 1], [3, 1, 1]]), node={"translation": [5, 0, 0]}))
    np.testing.assert_allclose(grown, in_blender(TRIANGLE * [2, 1, 1] + [5, 0, 0]), atol=1e-6)


def test_morph_targets(tmp_path: Path) -> None:
    morphed = middle(animated(tmp_path / "a.glb", "weights", np.array([[0], [1]])))
    np.testing.assert_allclose(morphed, in_blender(TRIANGLE + np.array([[0, 0, 0.5], [0, 0, 1], [0, 0, 1.5]])), atol=1e-6)


def test_a_skin_follows_its_joints_alone(tmp_path: Path) -> None:
    file = Glb()
    bind = np.tile(np.eye(4, dtype=np.float32).ravel(), (2, 1))
    bind[1, 12:15] = [-1, 0, 0]  # the second joint rests at x = 1; stored column by column
    attributes = {
        "POSITION": file.add(TRIANGLE, "VEC3"),
        "JOINTS_0": file.add(np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]], np.uint8), "VEC4"),
        "WEIGHTS_0": file.add(np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0.5, 0.5, 0, 0]], np.float32), "VEC4"),
    }
    skin = {"joints": [1, 2], "inverseBindMatrices": file.add(bind, "MAT4")}
    sampler = {"input": file.add(np.array([0, 1], np.float32), "SCALAR"), "output": file.add(np.array([[1, 0, 0], [1, 4, 0]], np.float32), "VEC3")}
    animation = {"samplers": [sampler], "channels": [{"sampler": 0, "target": {"node": 2, "path": "translation"}}]}
    nodes = [{"mesh": 0, "skin": 0, "translation": [9, 9, 9]}, {"children": [2]}, {"translation": [1, 0, 0]}]
    path = file.write(tmp_path / "a.glb", nodes=nodes, meshes=[{"primitives": [{"attributes": attributes}]}], skins=[skin], animations=[animation])
    np.testing.assert_allclose(middle(path), in_blender(np.array([[0, 0, 0], [1, 2, 0], [0, 2, 0]])), atol=1e-6)


def test_damaged_and_still_files_are_refused(tmp_path: Path) -> None:
    whole = animated(tmp_path / "a.glb", "translation", np.zeros((2, 3)))
    for length in (0, 11, 40, len(whole.read_bytes()) - 8):
        (tmp_path / "cut.glb").write_bytes(whole.read_bytes()[:length])
        with pytest.raises(EngineError) as refused:
            read_animated_gltf(tmp_path / "cut.glb", 0)
        assert refused.value.code == "gltf_unreadable"
    with pytest.raises(EngineError, match="has no animation"):
        read_animated_gltf(Glb().write(tmp_path / "still.glb"), 0)
    away = {"buffers": [{"uri": "../secret.bin", "byteLength": 36}], "bufferViews": [{"buffer": 0, "byteLength": 36}]}
    file = Glb()
    file.add(TRIANGLE, "VEC3")
    animation = {"samplers": [{"input": 0, "output": 0}], "channels": [{"sampler": 0, "target": {"node": 0, "path": "scale"}}]}
    with pytest.raises(EngineError, match="outside"):
        read_animated_gltf(file.write(tmp_path / "b.glb", animations=[animation], nodes=[{}], **away), 0)


def write_splats(path: Path, center: tuple[float, float, float]) -> None:
    """One opaque red Gaussian, as 3D Gaussian splatting writes it."""
    values = dict.fromkeys(NEEDED, 0.0)
    values.update(zip("xyz", center, strict=True))
    values |= {"opacity": 9.0, "rot_0": 1.0, "f_dc_0": 0.5 / HARMONIC, "f_dc_1": -0.5 / HARMONIC, "f_dc_2": -0.5 / HARMONIC}
    values |= {f"scale_{axis}": float(np.log(0.1)) for axis in range(3)}
    head = "ply\nformat binary_little_endian 1.0\ncomment nothing\nelement vertex 1\n" + "".join(f"property float {name}\n" for name in values)
    path.write_bytes((head + "end_header\n").encode() + np.array(list(values.values()), "<f4").tobytes())


def test_gaussians_as_a_sequence_of_ply(tmp_path: Path) -> None:
    for frame in range(3):
        write_splats(tmp_path / f"frame_{frame}.ply", (0.2 * frame, 0.0, 0.0))
    moving = read_result(tmp_path, None, 12.0, torch.device("cpu")).moving
    assert moving.frames == 3 and moving.fps == 12
    camera = PictureCamera(TrueView(0, 0, 2.0, 49.1, np.zeros(3)).world_to_camera(), 49.1, (64, 64))
    columns = [(moving.draw(frame, camera)[..., 1] < 128).any(axis=0).nonzero()[0].mean() for frame in range(3)]
    assert columns[0] == pytest.approx(31.5, abs=1)
    assert columns[2] - columns[0] == pytest.approx(0.4 * 32 / np.tan(np.radians(49.1 / 2)) / 2, abs=1.5)
