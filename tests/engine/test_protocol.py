"""What both processes rely on: messages, requests, results and point caches survive the journey, or are refused with words."""

from __future__ import annotations

import dataclasses
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from builders import IDENTITY, Job, box, mesh_arrays

from align4d import protocol


def full_request() -> protocol.Request:
    """A request with something in every field."""
    material = protocol.MaterialSpec("texture", (0.1, 0.2, 0.3, 1.0), "input/a.png")
    item = protocol.ObjectSpec("id", "Füchsin", "input/mesh.npz", IDENTITY, (material, protocol.MaterialSpec()))
    video = protocol.VideoSpec("", ("/a/1.png", "/a/2.png"), 1, 5, 23.976)
    return protocol.Request("job", (item,), video, protocol.CameraSpec(IDENTITY, 35.0, False), "draft", {"a.b": [1, 2.5, "x"]}, 3, "cpu", "reference")


def test_a_request_survives_the_journey(tmp_path: Path) -> None:
    request = full_request()
    protocol.write_json(tmp_path / "request.json", request)
    assert protocol.read_request(tmp_path) == request


def test_unknown_fields_are_ignored_and_whole_numbers_may_stand_for_fractions(tmp_path: Path) -> None:
    data = dataclasses.asdict(full_request()) | {"from_the_future": 1}
    data["camera"]["fovy"] = 35
    (tmp_path / "request.json").write_text(json.dumps(data))
    assert protocol.read_request(tmp_path).camera.fovy == 35.0


@pytest.mark.parametrize(
    "change", [{"protocol": 2}, {"protocol": None}, {"seed": "three"}, {"objects": {}}, {"video": [1]}, {"camera": {"matrix_world": [[1.0]]}}]
)
def test_what_does_not_follow_the_protocol_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    (tmp_path / "request.json").write_text(json.dumps(dataclasses.asdict(full_request()) | change))
    with pytest.raises(protocol.ProtocolError, match="Update|again"):
        protocol.read_request(tmp_path)


def test_a_missing_or_broken_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(protocol.ProtocolError, match="again"):
        protocol.read_result(tmp_path)
    (tmp_path / "request.json").write_text('{"job": "j')
    with pytest.raises(protocol.ProtocolError, match="again"):
        protocol.read_request(tmp_path)


def test_messages_are_one_line_whatever_they_say() -> None:
    line = protocol.encode({"event": "warning", "message": "zwei\nZeilen “ü”"})
    assert line.count("\n") == 1 and line.endswith("\n")
    assert protocol.decode(line)["message"] == "zwei\nZeilen “ü”"
    with pytest.raises(ValueError):
        protocol.encode({"event": "progress", "loss": float("nan")})


def test_pc2_is_what_blender_reads(tmp_path: Path) -> None:
    motion = np.random.default_rng(0).normal(size=(3, 5, 3)).astype(np.float32)
    protocol.write_pc2(tmp_path / "motion.pc2", motion[:, ::-1])
    data = (tmp_path / "motion.pc2").read_bytes()
    assert struct.unpack_from("<12siiffi", data) == (b"POINTCACHE2\0", 1, 5, 0.0, 1.0, 3)
    np.testing.assert_array_equal(np.frombuffer(data, "<f4", offset=32).reshape(3, 5, 3), motion[:, ::-1])
    np.testing.assert_array_equal(protocol.read_pc2(tmp_path / "motion.pc2"), motion[:, ::-1])


def test_a_cut_point_cache_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "motion.pc2"
    protocol.write_pc2(path, np.zeros((2, 4, 3), np.float32))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(protocol.ProtocolError, match="cut short"):
        protocol.read_pc2(path)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), protocol.replacing(path, "w") as file:
        file.write("new")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "mesh.npz", vertices=np.array([{"evil": 1}], object))
    with pytest.raises(ValueError, match="pickled"):
        protocol.read_arrays(tmp_path / "mesh.npz")


def test_meshes_survive_the_journey(job: Job) -> None:
    arrays = mesh_arrays(*box(1, 2, 3))
    job.add(arrays)
    read = protocol.read_arrays(job.folder / job.objects[0].mesh)
    assert set(read) == set(protocol.MESH_ARRAYS)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == protocol.MESH_ARRAYS[name][0]


def test_the_protocol_imports_numpy_and_the_standard_library_only() -> None:
    program = "import sys; before = set(sys.modules); from align4d import protocol; print(*(set(sys.modules) - before))"
    environment = os.environ | {"PYTHONPATH": str(Path(protocol.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "torch" not in loaded
    assert {name for name in loaded if not name.startswith("_")} - sys.stdlib_module_names <= {"numpy", "align4d"}


def test_numbers_in_names_count_by_their_value() -> None:
    names = ["frame_10.png", "frame_9.png", "10.png", "b2.png", "frame_².png", "frame_09b.png"]
    ordered = [path.name for path in protocol.natural_order(Path(name) for name in names)]
    assert ordered == ["10.png", "b2.png", "frame_9.png", "frame_09b.png", "frame_10.png", "frame_².png"]
