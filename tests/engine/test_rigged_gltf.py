"""The rigged glTF of a finished job: skinned by its own joints, every vertex is where the poses put it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from builders import IDENTITY, Job, box, mesh_arrays
from PIL import Image
from scipy.spatial.transform import Rotation
from test_gltf import parse

from align4d import protocol
from align4d.bake.poses import sparse_weights
from align4d.bake.rigged_gltf import RIGGED, write_rigged
from align4d.cli import main
from align4d.errors import EngineError

FRAMES = 5
KINDS = {5126: np.float32, 5125: np.uint32, 5123: np.uint16}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def read(scene: dict, binary: bytes, index: int) -> np.ndarray:
    accessor = scene["accessors"][index]
    view, width = scene["bufferViews"][accessor["bufferView"]], WIDTHS[accessor["type"]]
    return np.frombuffer(binary, KINDS[accessor["componentType"]], accessor["count"] * width, view["byteOffset"]).reshape(-1, width)


def finished(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """A complete job of a textured box with three parts; returns its vertices and their motion (T, V, 3), both in the world."""
    vertices, triangles = box(1, 2, 3)
    arrays = mesh_arrays(vertices, triangles)
    arrays["corner_uv"] = np.random.default_rng(0).uniform(0, 1, (len(triangles), 3, 2)).astype(np.float32)
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), (200, 100, 50)).save(stream, format="PNG")
    (job.folder / "input").mkdir(parents=True, exist_ok=True)
    (job.folder / "input" / "skin.png").write_bytes(stream.getvalue())
    job.add(arrays, materials=(protocol.MaterialSpec("texture", image="input/skin.png"),))
    protocol.write_json(job.folder / "request.json", job.request())
    rng = np.random.default_rng(1)
    joint = rng.normal(size=(3, 3)).astype(np.float32)
    turn = Rotation.from_rotvec(rng.normal(size=(FRAMES * 3, 3)))
    shift = rng.normal(size=(FRAMES, 3, 3)).astype(np.float32)
    weights = rng.dirichlet(np.ones(3), len(vertices))
    sparse = sparse_weights(weights)
    poses = {
        "parent": np.array([-1, 0, 1], np.int32),
        "joint": joint,
        "rotation": turn.as_quat(scalar_first=True).reshape(FRAMES, 3, 4).astype(np.float32),
        "translation": shift,
        **sparse,
    }
    (job.folder / "output").mkdir(exist_ok=True)
    protocol.write_arrays(job.folder / protocol.POSES, poses)
    camera = protocol.CameraResult(IDENTITY, 49.1, 8, 8, 0.0, 0.0, 0.0, 2.0)
    item = protocol.ObjectResult(job.objects[0].id, "Box", len(vertices), "output/motion_000.pc2")
    protocol.write_json(job.folder / "output" / "result.json", protocol.Result("job", FRAMES, 12.0, (item,), camera, poses=protocol.POSES))
    moved = np.einsum("tkij,vj->tvki", turn.as_matrix().reshape(FRAMES, 3, 3, 3), vertices) + shift[:, None]
    dense = np.zeros_like(weights)
    dense[sparse["point"], sparse["part"]] = sparse["weight"]
    motion = np.einsum("vk,tvki->tvi", dense, moved)
    protocol.write_pc2(job.folder / "output" / "motion_000.pc2", motion.astype(np.float32))
    return vertices, motion


def test_skinning_by_the_file_alone_gives_the_motion(job: Job) -> None:
    vertices, motion = finished(job)
    scene, binary = parse(write_rigged(job.folder))
    primitive = scene["meshes"][0]["primitives"][0]
    position, number, weight = (read(scene, binary, primitive["attributes"][name]) for name in ("POSITION", "JOINTS_0", "WEIGHTS_0"))
    vertex = np.abs(position[:, None] - vertices[None]).sum(-1).argmin(1)
    inverse = read(scene, binary, scene["skins"][0]["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    animation = scene["animations"][0]
    values = {
        (one["target"]["node"], one["target"]["path"]): read(scene, binary, animation["samplers"][one["sampler"]]["output"])
        for one in animation["channels"]
    }
    parents = {child: index for index, node in enumerate(scene["nodes"]) for child in node.get("children", [])}
    for frame in range(FRAMES):
        world = {}
        for index, node in enumerate(scene["nodes"][: 1 + len(inverse)]):
            local = np.eye(4)
            local[:3, :3] = Rotation.from_quat(values[index, "rotation"][frame] if index else node["rotation"]).as_matrix()
            local[:3, 3] = values[index, "translation"][frame] if index else 0
            world[index] = world[parents[index]] @ local if index in parents else local
        joints = np.stack([world[joint] for joint in scene["skins"][0]["joints"]]) @ inverse
        blended = np.einsum("vc,vcij->vij", weight, joints[number])
        found = np.einsum("vij,vj->vi", blended[:, :3, :3], position) + blended[:, :3, 3]
        expected = motion[frame][vertex][:, [0, 2, 1]] * [1, 1, -1]  # Y up
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_texture_and_the_rate_come_along(job: Job) -> None:
    finished(job)
    scene, binary = parse(write_rigged(job.folder))
    times = read(scene, binary, scene["animations"][0]["samplers"][0]["input"])
    np.testing.assert_allclose(times[:, 0], np.arange(FRAMES) / 12, atol=1e-6)
    view = scene["bufferViews"][scene["images"][0]["bufferView"]]
    picture = Image.open(io.BytesIO(binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]))
    assert picture.getpixel((0, 0)) == (200, 100, 50)


def test_a_motion_without_parts_is_said(job: Job, tmp_path: Path) -> None:
    finished(job)
    result = protocol.read_result(job.folder)
    protocol.write_json(job.folder / "output" / "result.json", protocol.Result(result.job, result.frames, result.fps, result.objects, result.camera))
    with pytest.raises(EngineError, match="no parts"):
        write_rigged(job.folder)
    assert not (job.folder / RIGGED).exists()


def test_the_command_line_writes_it_where_it_is_asked_to(job: Job) -> None:
    finished(job)
    result = protocol.read_result(job.folder)
    assert main.main(["-q", "resume", str(job.folder)], lambda *_: result) == 0
    assert not (job.folder / RIGGED).exists()
    assert main.main(["-q", "resume", str(job.folder), "--rigged"], lambda *_: result) == 0
    assert parse(job.folder / RIGGED)[0]["skins"]
