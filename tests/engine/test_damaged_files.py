"""Damaged files that once ended in something other than a sentence, each as small as it can be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from align4d_lab.datasets.x4d.layout import Item
from align4d_lab.datasets.x4d.manifest import write_manifest
from align4d_lab.evaluation.gltf_motion import read_animated_gltf
from align4d_lab.evaluation.truth_file import read_truth
from builders import IDENTITY, Job, box, mesh_arrays, moving_square
from PIL import Image

from align4d import protocol
from align4d.errors import EngineError
from align4d.inputs.asset import load_asset
from align4d.inputs.images import load_picture
from align4d.inputs.mesh_asset import load_mesh_file
from align4d.inputs.video import load_clip
from align4d.models.store import ModelStore


def code_of(read: Callable[[], object]) -> str:
    with pytest.raises(EngineError) as caught:
        read()
    assert caught.value.message.endswith(".") and caught.value.advice
    return caught.value.code


def test_a_face_of_vertices_that_are_not_there(tmp_path: Path) -> None:
    header = "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\nelement face 1\n"
    text = header + "property list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 9\n"
    (tmp_path / "mesh.ply").write_text(text)
    assert code_of(lambda: load_mesh_file(tmp_path / "mesh.ply")) == "mesh_unreadable"


def test_a_texture_that_is_cut(tmp_path: Path) -> None:
    Image.effect_noise((64, 64), 90).save(tmp_path / "skin.png")
    (tmp_path / "skin.png").write_bytes((tmp_path / "skin.png").read_bytes()[:900])
    (tmp_path / "m.mtl").write_text("newmtl skin\nmap_Kd skin.png\n")
    corners = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\n"
    (tmp_path / "m.obj").write_text(f"mtllib m.mtl\nusemtl skin\n{corners}f 1/1 2/2 3/3\n")
    assert code_of(lambda: load_mesh_file(tmp_path / "m.obj")) == "mesh_unreadable"


def test_a_movie_of_a_codec_that_nobody_knows(write_movie: Any) -> None:
    path = write_movie(moving_square(3)[..., :3])
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    assert code_of(lambda: load_clip(protocol.VideoSpec(path=str(path)))) == "video_unreadable"


@pytest.mark.parametrize("start", [b"DDS |\0\0\0", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", b"%!PS-Adobe-3.0", b""], ids=repr)
def test_other_formats_named_as_pictures(tmp_path: Path, start: bytes) -> None:
    (tmp_path / "picture.png").write_bytes(start + bytes(200))
    assert code_of(lambda: load_picture(tmp_path / "picture.png")) == "image_unreadable"


@pytest.mark.parametrize(
    "change",
    [
        lambda request: request["objects"][0].update(matrix_world=[[1.0], *map(list, IDENTITY[1:])]),
        lambda request: request.update(settings="fast"),
        lambda request: request.update(settings=[]),
        lambda request: request.update(seed=10**30),
        lambda request: request.update(seed=True),
        lambda request: request.update(preset=["artist"]),
        lambda request: request["camera"].update(fovy=float("nan")),
        lambda request: request["camera"].update(fovy=10**400),
        lambda request: request["objects"][0].update(mesh=3),
    ],
    ids=range(9),
)
def test_a_request_of_other_values(job: Job, change: Callable[[dict[str, Any]], None]) -> None:
    job.add(mesh_arrays(*box(1, 2, 3)))
    job.write()
    content = json.loads((job.folder / "request.json").read_text())
    change(content)
    (job.folder / "request.json").write_text(json.dumps(content))
    assert code_of(lambda: load_asset(protocol.read_request(job.folder), job.folder)) in ("protocol", "mesh_invalid")


def test_a_request_that_is_nested_deeply(tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text("[" * 100_000)
    assert code_of(lambda: protocol.read_request(tmp_path)) == "protocol"


def test_choices_of_models_that_are_none(tmp_path: Path) -> None:
    from align4d.generators.catalog import cards

    (tmp_path / "models.json").write_text(json.dumps({"folders": {card.id: {"a": 1} for card in cards()}, "accepted": [1]}))
    store = ModelStore(tmp_path)
    assert not any(store.chosen_folder(card) for card in cards())


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"vertices", None], ids=repr)
def test_a_truth_that_is_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "truth.npz"
    if content is None:
        np.savez(path, vertices=np.full((3, 8, 3), np.nan), azimuth=np.zeros(2), elevation=0, distance=2, fovy=40)
    else:
        path.write_bytes(content)
    assert code_of(lambda: read_truth(path)) == "truth_unreadable"


@pytest.mark.parametrize("part", [{"nodes": [1]}, {"nodes": [{"mesh": 0, "children": 3}]}, {"animations": [{"channels": 1, "samplers": 2}]}], ids=str)
def test_a_moving_gltf_of_other_parts(tmp_path: Path, part: dict[str, Any]) -> None:
    tree = {"asset": {"version": "2.0"}, "animations": [{"channels": [], "samplers": []}], "nodes": [{"mesh": 0}], "meshes": [], **part}
    (tmp_path / "moving.gltf").write_text(json.dumps(tree))
    assert code_of(lambda: read_animated_gltf(tmp_path / "moving.gltf", 24.0)) in ("gltf_unreadable", "mesh_empty")


def test_one_damaged_item_does_not_stop_a_dataset(tmp_path: Path) -> None:
    sound = {"id": "b", "driven_by": "prompt", "text": "a fox", "given": "", "name": "fox", "origin": "", "license": "", "seed": 0}
    for name, content in (("a", "{"), ("b", json.dumps(sound)), ("c", json.dumps({**sound, "seed": "one"}))):
        folder = tmp_path / "items" / name
        folder.mkdir(parents=True)
        (folder / "source.json").write_text(content)
    manifest = write_manifest(tmp_path)
    assert [entry["id"] for entry in manifest["unfinished"]] == ["b"]
    assert [(entry["id"], entry["code"]) for entry in manifest["quarantined"]] == [("a", "source_damaged"), ("c", "source_damaged")]
    record = {"made_by": {}, "seed": 0, "files": {"/etc/passwd": "", "../../../etc/passwd": ""}}
    (tmp_path / "items" / "b" / "text.json").write_text(json.dumps(record))
    assert Item(tmp_path / "items" / "b").record("text") is None
