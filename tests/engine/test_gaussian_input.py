"""A .ply of Gaussians as an asset: read as others write it, told from a mesh, refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from align4d.errors import EngineError
from align4d.inputs import gaussian_file
from align4d.inputs.gaussian_file import holds_gaussians, read_gaussians
from align4d.protocol.ply import HARMONIC, NEEDED


def write(path: Path, columns: dict[str, np.ndarray], kind: str = "binary_little_endian", types: str = "float") -> Path:
    count = len(next(iter(columns.values())))
    properties = [f"property {types} {name}" for name in columns]
    lines = ["ply", f"format {kind} 1.0", "comment of some program", f"element vertex {count}", *properties, "end_header"]
    table = np.stack(list(columns.values()), axis=1).astype("<f4" if types == "float" else "<f8")
    path.write_bytes("\n".join(lines).encode() + b"\n" + table.tobytes())
    return path


def columns(count: int = 5) -> dict[str, np.ndarray]:
    numbers = np.random.default_rng(0).normal(0, 1, (count, 24))
    names = [*NEEDED[:3], "nx", "ny", "nz", *NEEDED[3:6], *(f"f_rest_{index}" for index in range(6)), *NEEDED[6:]]
    return {name: numbers[:, index] for index, name in enumerate(names)}


@pytest.mark.parametrize("types", ["float", "double"])
def test_it_is_read_after_activation(tmp_path: Path, types: str) -> None:
    stored = columns()
    found = read_gaussians(write(tmp_path / "a.ply", stored, types=types))
    np.testing.assert_allclose(found.means[:, 1], stored["y"], rtol=1e-6)
    np.testing.assert_allclose(found.scales[:, 2], np.exp(stored["scale_2"]), rtol=1e-5)
    np.testing.assert_allclose(found.opacities, 1 / (1 + np.exp(-stored["opacity"])), rtol=1e-5)
    np.testing.assert_allclose(found.colors[:, 0], np.clip(0.5 + HARMONIC * stored["f_dc_0"], 0, 1), atol=1e-6)
    turn = np.stack([stored[f"rot_{index}"] for index in range(4)], 1)
    np.testing.assert_allclose(found.quats, turn / np.linalg.norm(turn, axis=1, keepdims=True), rtol=1e-5)


def test_big_endian_files_are_read_too(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ply", columns())
    little = read_gaussians(path)
    head, end, body = path.read_bytes().partition(b"end_header\n")
    path.write_bytes(head.replace(b"little", b"big") + end + np.frombuffer(body, "<f4").astype(">f4").tobytes())
    assert read_gaussians(path).means.equal(little.means)


def test_a_mesh_is_no_file_of_gaussians(tmp_path: Path) -> None:
    trimesh.creation.box().export(tmp_path / "box.ply")
    assert not holds_gaussians(tmp_path / "box.ply")
    assert holds_gaussians(write(tmp_path / "a.ply", columns()))
    assert not holds_gaussians(tmp_path / "nothing.ply")
    (tmp_path / "text.ply").write_text("hello")
    assert not holds_gaussians(tmp_path / "text.ply")


def test_what_is_no_number_is_left_out(tmp_path: Path) -> None:
    stored = columns()
    stored["x"][1] = np.nan
    stored["scale_0"][2] = np.inf
    assert read_gaussians(write(tmp_path / "a.ply", stored)).count == 3


def test_broken_files_are_sentences(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.ply", columns())
    content = whole.read_bytes()
    stored = columns()
    del stored["opacity"]
    cases = {
        "cut short": content[:-10],
        "not a PLY file": b"obj" + content,
        "lacks opacity": write(tmp_path / "less.ply", stored).read_bytes(),
        "in text form": content.replace(b"binary_little_endian", b"ascii"),
        "no Gaussian has": content.replace(b"property float nx", b"property list uchar int nx"),
        "a property twice": content.replace(b"float ny", b"float nx"),
        "begin with its vertices": content.replace(b"element vertex 5", b"element face 5"),
    }
    for reason, damaged in cases.items():
        (tmp_path / "bad.ply").write_bytes(damaged)
        with pytest.raises(EngineError) as caught:
            read_gaussians(tmp_path / "bad.ply")
        assert caught.value.code == "gaussians_unreadable" and reason in caught.value.message, reason


def test_a_count_that_the_memory_cannot_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaussian_file, "MOST", 4)
    with pytest.raises(EngineError) as caught:
        read_gaussians(write(tmp_path / "a.ply", columns()))
    assert caught.value.code == "gaussians_empty" and f"{gaussian_file.MOST:,}" in caught.value.advice
