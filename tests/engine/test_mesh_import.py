"""Mesh files by the command line: what is in them, and what is said of those that cannot be read."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import gltf_files
import numpy as np
import pytest
from gltf_files import BLUE, FACES, GREEN, QUAD, QUAD_UV, RED, WHITE, Glb, quad

from align4d import protocol
from align4d.cameras.orbit import Orbit
from align4d.errors import EngineError
from align4d.inputs import through_blender
from align4d.inputs.asset import Asset
from align4d.inputs.colors import colors_at
from align4d.inputs.mesh_asset import load_mesh_file
from align4d.inputs.mesh_import import import_mesh
from align4d.job.make import make_job


def world(asset: Asset) -> np.ndarray:
    """(V, 3) of an asset, in Blender's axes."""
    return asset.similarity.invert(asset.vertices)


def turned(points: np.ndarray) -> np.ndarray:
    """From glTF's axes to Blender's."""
    return points[:, [0, 2, 1]] * [1, -1, 1]


def shown(asset: Asset) -> np.ndarray:
    """(F, 3) uint8 colors in the middle of each triangle."""
    count = len(asset.triangles)
    return np.rint(255 * colors_at(asset, np.arange(count), np.full((count, 3), 1 / 3, np.float32))).astype(int)


def test_a_skinned_mesh_stands_where_its_joints_are(tmp_path: Path) -> None:
    """Not where its node is: small, and lying on its back."""
    asset = load_mesh_file(gltf_files.skinned(tmp_path))
    expected = np.add(QUAD, [[0, 0, 0], [0, 0.25, 0], [0, 0.5, 0], [0, 0, 0]])
    np.testing.assert_allclose(world(asset), turned(expected), atol=1e-5)


def test_sparse_values_count(tmp_path: Path) -> None:
    assert world(load_mesh_file(gltf_files.sparse(tmp_path)))[2] == pytest.approx([2, 0, 4])


def test_normalized_uvs_and_textures_that_are_moved(tmp_path: Path) -> None:
    """The triangles show the picture's right lower and left upper parts: white, red, and what lies between."""
    plain = shown(load_mesh_file(gltf_files.textured(tmp_path)))
    below, above = plain
    assert below.tolist() == list(WHITE) and above.tolist() == list(RED)
    moved = shown(load_mesh_file(gltf_files.textured(tmp_path, offset=[0.5, 0.0])))
    assert moved.tolist() == [list(BLUE), list(GREEN)]
    quarter = shown(load_mesh_file(gltf_files.textured(tmp_path, rotation=np.pi / 2)))  # (u, v) -> (v, -u)
    assert quarter.tolist() == [list(GREEN), list(BLUE)]
    small = shown(load_mesh_file(gltf_files.textured(tmp_path, scale=[0.5, 0.5])))
    assert small.tolist() == [list(RED), list(RED)]


def test_vertex_colors_beside_a_material_are_shown(tmp_path: Path) -> None:
    asset = load_mesh_file(gltf_files.colored(tmp_path))
    corners = asset.corner_color[0, :, :3]
    np.testing.assert_allclose(corners, [[0.735, 0, 0], [0, 1, 0], [0, 0, 1]], atol=0.01)  # half of linear red is 0.735
    assert asset.materials[0].kind == "attribute"


def test_fans_and_strips_are_faces(tmp_path: Path) -> None:
    asset = load_mesh_file(gltf_files.fan_and_strip(tmp_path))
    assert [item.name for item in asset.objects] == ["Fan", "Strip"] and len(asset.triangles) == 4
    corners = asset.vertices[asset.triangles]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (cross[:, 1] < 0).all()  # all face Blender's front


def test_the_primitives_of_a_mesh_are_one_object(tmp_path: Path) -> None:
    asset = load_mesh_file(gltf_files.primitives(tmp_path))
    assert [item.name for item in asset.objects] == ["Two"] and len(asset.vertices) == 8
    assert [tuple(np.rint(255 * one.base_color)) for one in asset.materials] == [RED, BLUE]
    assert asset.material.tolist() == [0, 0, 1, 1]
    scaled = np.concatenate([np.add(QUAD, [0, 0, 0.5]), np.add(QUAD, [0, 2, 1])]) * [1, -2, 1]
    np.testing.assert_allclose(world(asset), turned(scaled @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])), atol=1e-5)


def test_the_newest_blender_is_found_where_installers_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("PROGRAMFILES", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "win32")
    assert through_blender.find_blender() is None
    for version in ("4.2", "4.10", "3.6"):
        program = tmp_path / "Blender Foundation" / f"Blender {version}" / "blender.exe"
        program.parent.mkdir(parents=True)
        program.touch()
    found = through_blender.find_blender()
    assert found is not None and found.parent.name == "Blender 4.10"


def test_a_folder_that_cannot_be_written_to_is_no_damaged_mesh(tmp_path: Path) -> None:
    path = gltf_files.sparse(tmp_path)
    with pytest.raises(EngineError) as caught:
        import_mesh(path, tmp_path / "absent", print)
    assert caught.value.code == "cannot_write"


def draco(folder: Path, packed: bytes) -> Path:
    """A file that is compressed with Draco."""
    glb = Glb()
    shape = quad(glb)
    for accessor in glb.json["accessors"]:
        del accessor["bufferView"]
    shape["extensions"] = {"KHR_draco_mesh_compression": {"bufferView": glb.view(packed), "attributes": {"POSITION": 0}}}
    glb.json["extensionsRequired"] = ["KHR_draco_mesh_compression"]
    glb.node(mesh=glb.mesh(shape))
    return glb.write(folder / "packed.glb")


def test_draco_is_unpacked(tmp_path: Path) -> None:
    DracoPy = pytest.importorskip("DracoPy")  # not in environments that are older than the dependency
    packed = DracoPy.encode(QUAD, FACES.reshape(-1, 3).astype(np.uint32), preserve_order=True, quantization_bits=16)
    found = world(load_mesh_file(draco(tmp_path, packed)))
    assert sorted(map(tuple, found.round(3).tolist())) == sorted(map(tuple, turned(QUAD).round(3).tolist()))
    assert refused(draco(tmp_path, packed[:40]), "gltf_unreadable")


def test_draco_without_its_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "DracoPy", None)
    assert "DracoPy is not installed" in refused(draco(tmp_path, b"DRACO"), "mesh_compressed")


def refused(path: Path, code: str) -> str:
    """The sentence of the refusal."""
    with pytest.raises(EngineError) as caught:
        import_mesh(path, path.parent, print)
    assert caught.value.code == code and caught.value.advice
    return caught.value.message


def test_what_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    glb = Glb()
    glb.node(mesh=glb.mesh(quad(glb)))
    glb.json["extensionsRequired"] = ["EXT_secret_compression"]
    assert "EXT_secret_compression" in refused(glb.write(tmp_path / "packed.glb"), "mesh_compressed")
    (tmp_path / "figure.fbx").write_bytes(b"Kaydara FBX Binary")
    monkeypatch.setattr(through_blender, "find_blender", lambda: None)
    assert "no Blender is found" in refused(tmp_path / "figure.fbx", "mesh_needs_blender")
    (tmp_path / "old.gltf").write_text(json.dumps({"asset": {"version": "1.0"}, "nodes": {"one": {}}}))
    assert refused(tmp_path / "old.gltf", "mesh_empty")
    glb = Glb()
    glb.node(mesh=glb.mesh(quad(glb, [0, 1, 9])))
    assert refused(glb.write(tmp_path / "damaged.glb"), "gltf_unreadable")


def test_files_that_are_not_beside_the_mesh_are_told(tmp_path: Path) -> None:
    """Nobody's other files are read, and the artist hears of it; the mesh is still there, in one color."""
    folder = tmp_path / "mesh"
    folder.mkdir()
    for name in (tmp_path / "outside.png", folder / "two words.png"):
        name.write_bytes(gltf_files.png(gltf_files.PICTURE))
    told: list[str] = []
    for name, expected in (("../outside.png", 1), ("gone.png", 2), ("two%20words.png", 2)):
        glb = Glb()
        shape = quad(glb, material=glb.material((1, 0, 0, 1), picture=True))
        shape["attributes"]["TEXCOORD_0"] = glb.accessor(QUAD_UV)
        glb.json["images"] = [{"uri": name}]
        glb.node(mesh=glb.mesh(shape))
        (item,) = import_mesh(glb.write(folder / "figure.glb"), made(tmp_path), told.append)
        assert len(told) == expected and item.materials[0].kind == ("texture" if "two" in name else "flat")
    assert "../outside.png, which figure.glb names, is not in the file's folder" in told[0]
    (folder / "paint.mtl").write_text("newmtl paint\nmap_Kd ../outside.png\n")
    (folder / "figure.obj").write_text("mtllib paint.mtl\nmtllib ../gone.mtl\nusemtl paint\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    import_mesh(folder / "figure.obj", made(tmp_path), told.append)
    assert [sentence.split(",")[0] for sentence in told[2:]] == ["../outside.png", "../gone.mtl"]
    request = make_job(folder / "figure.obj", None, tmp_path / "job", Orbit(), (0, -1, 0.0))
    assert request.notes == tuple(told[2:]) == protocol.read_request(tmp_path / "job").notes


def made(folder: Path) -> Path:
    """A job's folder that meshes can be written into."""
    (folder / "new" / "input").mkdir(parents=True, exist_ok=True)
    return folder / "new"


OBJ = """mtllib colors.mtl
o Front
v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
v 9 9 9
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl picture
f 1/1 2/2 3/3 4/4
usemtl paint
f -5 -4 -3
o Back
v 0 0 -1
f 1 3 6
"""


def test_an_obj_has_the_objects_of_the_file_and_light_gray_without_a_material(tmp_path: Path) -> None:
    (tmp_path / "mesh.obj").write_text(OBJ)
    (tmp_path / "colors.mtl").write_text("newmtl picture\nmap_Kd -s 1 1 1 picture.png\nnewmtl paint\nKd 0.5 0 0\n")
    (tmp_path / "picture.png").write_bytes(gltf_files.png(gltf_files.PICTURE))
    asset = load_mesh_file(tmp_path / "mesh.obj")
    assert [(item.name, item.points.stop - item.points.start) for item in asset.objects] == [("Front", 4), ("Back", 3)]
    np.testing.assert_allclose(world(asset)[:4], turned(np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])), atol=1e-6)
    assert shown(asset).tolist() == [list(WHITE), list(RED), [188, 0, 0], [188, 0, 0]]
    (tmp_path / "plain.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    assert shown(load_mesh_file(tmp_path / "plain.obj")).tolist() == [[204, 204, 204]]
    (tmp_path / "outside.obj").write_text("mtllib ../colors.mtl\nusemtl paint\n" + "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    assert shown(load_mesh_file(tmp_path / "outside.obj")).tolist() == [[204, 204, 204]]
