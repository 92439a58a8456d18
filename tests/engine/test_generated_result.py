"""A job whose mesh the engine made: its output alone holds the object and its motion, for Blender and for other programs."""

from __future__ import annotations

import json
import shutil
import struct

import numpy as np
import pytest
from builders import IDENTITY, Job, box, mesh_arrays

from align4d import protocol
from align4d.bake import write_result
from align4d.generators.asset_object import write_object
from align4d.inputs.asset import load_asset
from align4d.reconstruction.textured_mesh import TexturedMesh

CAMERA = protocol.CameraResult(IDENTITY, 49.1, 512, 512, 10.0, 5.0, 0.0, 2.0)
FRAMES = 3


@pytest.fixture
def finished(job: Job) -> protocol.Result:
    """A generated box that rises, twice as large in the world as in its own space; what is not kept of the folder is gone."""
    vertices, triangles = box(1, 0.5, 0.5)
    uv = np.random.default_rng(0).random((len(triangles), 3, 2)).astype(np.float32)
    texture = np.full((8, 8, 3), (30, 60, 90), np.uint8)
    matrix = tuple(tuple(row) for row in np.diag([2.0, 2.0, 2.0, 1.0]).tolist())
    spec = write_object(TexturedMesh(vertices.astype(np.float32), triangles.astype(np.int32), uv, texture), job.folder, matrix)
    job.objects.append(spec)
    asset = load_asset(job.request(), job.folder)
    positions = np.stack([asset.bake_points + [0, 0, 0.1 * frame] for frame in range(FRAMES)])
    write_result(job.folder, "job", asset, positions, 24.0, CAMERA, generated=spec)
    shutil.rmtree(job.folder / "input")
    return protocol.read_result(job.folder)


def test_the_object_can_be_made_from_the_output(job: Job, finished: protocol.Result) -> None:
    (entry,) = finished.objects
    arrays = protocol.read_arrays(job.folder / entry.mesh)
    assert set(arrays) == set(protocol.MESH_ARRAYS) and entry.vertex_count == len(arrays["vertices"])
    assert (job.folder / entry.image).read_bytes().startswith(b"\x89PNG")
    assert entry.id == protocol.GENERATED and entry.matrix_world[0][0] == 2


def test_its_motion_starts_at_its_own_shape_in_its_own_space(job: Job, finished: protocol.Result) -> None:
    (entry,) = finished.objects
    motion, rest = protocol.read_pc2(job.folder / entry.motion), protocol.read_arrays(job.folder / entry.mesh)["vertices"]
    np.testing.assert_allclose(motion[0], rest, atol=1e-6)
    # the world's longest side is 2: 0.1 of it are 0.2 there, and 0.1 in the object's space
    np.testing.assert_allclose(motion[2] - rest, np.broadcast_to([0, 0, 0.2], rest.shape), atol=1e-6)


def test_gltf_has_one_mesh_for_all_frames(job: Job, finished: protocol.Result) -> None:
    content = (job.folder / finished.objects[0].gltf).read_bytes()
    scene = json.loads(content[20 : 20 + struct.unpack_from("<I", content, 12)[0]])
    assert len(scene["meshes"]) == 1 and len(scene["meshes"][0]["primitives"]) == 1 and len(scene["images"]) == 1
    targets = scene["meshes"][0]["primitives"][0]["targets"]
    assert len(targets) == FRAMES - 1
    last = scene["accessors"][targets[-1]["POSITION"]]
    np.testing.assert_allclose(last["min"], [0, 0.4, 0], atol=1e-6)  # in the world, Y up


def test_an_artists_own_object_needs_none_of_it(job: Job) -> None:
    job.add(mesh_arrays(*box(1, 1, 1)))
    asset = load_asset(job.request(), job.folder)
    result = write_result(job.folder, "job", asset, asset.bake_points[None], 24.0, CAMERA)
    assert (result.objects[0].mesh, result.objects[0].image, result.objects[0].gltf) == ("", "", "")
    assert sorted(path.name for path in (job.folder / "output").iterdir()) == ["motion_000.pc2", "result.json"]
