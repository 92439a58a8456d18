"""A result without a mesh of the artist's: the object is made from the job's output alone, moves, and goes with its result."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from fake_engine import FPS, FRAMES, moved
from scenes import evaluated
from test_result import go_to

from align4d import protocol

CORNERS = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], np.float32)
TRIANGLES = np.array([(0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2)], np.int32)
UV = np.linspace(0, 1, 24, dtype=np.float32).reshape(4, 3, 2)
PLACE = ((2.0, 0.0, 0.0, 5.0), (0.0, 2.0, 0.0, 0.0), (0.0, 0.0, 2.0, -1.0), (0.0, 0.0, 0.0, 1.0))


@pytest.fixture
def job(blender: ModuleType, tmp_path: Path) -> Path:
    """The folder of a finished job, as it is kept: output only, and the request."""
    folder = tmp_path / "job"
    (folder / "output").mkdir(parents=True)
    protocol.write_arrays(
        folder / "output" / "generated.npz",
        {
            "vertices": CORNERS,
            "triangles": TRIANGLES,
            "material": np.zeros(4, np.int32),
            "corner_normal": np.zeros((4, 3, 3), np.float32),
            "corner_uv": UV,
            "corner_color": np.ones((4, 3, 4), np.float32),
            "bake_vertices": CORNERS,
        },
    )
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[..., 0], pixels[..., 3] = 200, 255
    blender.align4d_blender.capture.png.write_png(folder / "output" / "generated.png", pixels)
    protocol.write_pc2(folder / "output" / "motion_000.pc2", np.stack([moved(CORNERS, frame) for frame in range(FRAMES)]))
    files = {"motion": "output/motion_000.pc2", "mesh": "output/generated.npz", "image": "output/generated.png"}
    entry = protocol.ObjectResult("generated", "Frog", 4, **files, matrix_world=PLACE)
    camera = protocol.CameraResult(PLACE, 49.1, 64, 48, 0.0, 0.0, 0.0, 2.0)
    video = protocol.VideoSpec(images=(str(folder / "output" / "generated.png"),) * FRAMES, fps=FPS)
    request = protocol.Request("job", (), video, protocol.CameraSpec(PLACE))
    protocol.write_json(folder / "request.json", request)
    protocol.write_json(folder / "output" / "result.json", protocol.Result("job", FRAMES, FPS, (entry,), camera))
    return folder


def receive(blender: ModuleType, job: Path) -> bpy.types.Object:
    timeline = blender.align4d_blender.result.delivery
    made = timeline.apply(timeline.prepare(job, ()), None, bpy.context.scene, bpy.context.scene.frame_start)
    assert len(made) == 1
    return made[0]


def test_object_is_made_and_moves(blender: ModuleType, job: Path) -> None:
    item = receive(blender, job)
    assert item.name == "Frog" and [list(row) for row in item.matrix_world] == [list(row) for row in PLACE]
    for frame in range(FRAMES):
        go_to(frame)
        np.testing.assert_allclose(evaluated(item), moved(CORNERS, frame), atol=1e-5)


def test_one_uv_map_and_one_packed_texture(blender: ModuleType, job: Path) -> None:
    item = receive(blender, job)
    uv = np.empty(24, np.float32)
    assert len(item.data.uv_layers) == 1 and len(item.data.materials) == 1
    item.data.uv_layers[0].uv.foreach_get("vector", uv)
    np.testing.assert_allclose(uv.reshape(4, 3, 2), UV)
    images = [node.image for node in item.data.materials[0].node_tree.nodes if node.type == "TEX_IMAGE"]
    assert len(images) == 1 and images[0].packed_file
    np.testing.assert_allclose(images[0].pixels[:4], (200 / 255, 0, 0, 1), atol=1e-6)


def test_what_was_made_can_be_captured_for_the_next_job(blender: ModuleType, job: Path, tmp_path: Path) -> None:
    item = receive(blender, job)
    look = blender.align4d_blender.capture.materials.look_of(item.data.materials[0])
    assert look.kind == "texture"


def test_goes_with_its_result(blender: ModuleType, job: Path) -> None:
    item = receive(blender, job)
    assert item.align4d.job == "job"
    blender.align4d_blender.result.results.take_off("job")
    left = [list(one) for one in (bpy.data.objects, bpy.data.meshes, bpy.data.materials, bpy.data.images)]
    assert left[:3] == [[], [], []] and not [image for image in left[3] if image.name == "Frog"]


@pytest.mark.parametrize("damaged", ["generated.npz", "generated.png", "motion_000.pc2"])
def test_incomplete_results_change_nothing(blender: ModuleType, job: Path, damaged: str) -> None:
    (job / "output" / damaged).unlink()
    with pytest.raises(Exception, match="again|cannot|No such"):
        receive(blender, job)
    assert not bpy.data.objects and not bpy.data.meshes


def test_another_number_of_vertices_is_refused(blender: ModuleType, job: Path) -> None:
    protocol.write_pc2(job / "output" / "motion_000.pc2", np.zeros((FRAMES, 5, 3), np.float32))
    with pytest.raises(Exception, match="not complete"):
        receive(blender, job)
    assert not bpy.data.objects
