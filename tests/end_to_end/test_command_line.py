"""The command line, without Blender: from a .glb and a movie to motion, also when the job is killed on the way."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import bpy
import numpy as np
import pytest
from tiny import TINY, shown

from align4d.protocol import read_completed, read_pc2, read_result

ROOT = Path(__file__).resolve().parents[2]


class CommandLine:
    """`python -m align4d` of the checkout, in the engine's environment."""

    def __init__(self, python: Path) -> None:
        self.python = python

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        surroundings = {**os.environ, "PYTHONPATH": str(ROOT / "engine"), "PYTHONIOENCODING": "utf-8"}
        command = [str(self.python), "-m", "align4d", *(str(word) for word in words)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", env=surroundings)

    def run(self, *words: str | Path) -> tuple[int, str]:
        process = self.start(*words)
        output = process.communicate(timeout=300)[0]
        return process.returncode, output


@pytest.fixture(scope="module")
def align4d(engine_python: Path) -> CommandLine:
    return CommandLine(engine_python)


@pytest.fixture(scope="module")
def glb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's mesh as other programs would give it."""
    path = tmp_path_factory.mktemp("glb") / "fox.glb"
    bpy.ops.wm.open_mainfile(filepath=str(ROOT / "examples" / "fox.blend"))
    bpy.ops.export_scene.gltf(filepath=str(path), export_cameras=False, export_animations=False)
    return path


def words(glb: Path, out: Path) -> list[str | Path]:
    """The command of a short job."""
    start = bpy.context.scene.camera.matrix_world.translation
    azimuth = float(np.degrees(np.arctan2(start.x, -start.y)))
    elevation = float(np.degrees(np.arcsin(start.z / start.length)))
    overrides: list[str | Path] = [word for name, value in TINY.items() for word in ("--set", f"{name}={value}")]
    view: list[str | Path] = [f"--azimuth={azimuth}", f"--elevation={elevation}", "--device=cpu", "--preset=draft", "--last=3"]
    return ["generate", "--mesh", glb, "--video", ROOT / "examples" / "fox.mp4", "--out", out, *view, *overrides]


def test_from_a_glb_to_motion_and_again_after_a_kill(align4d: CommandLine, glb: Path, tmp_path: Path) -> None:
    code, output = align4d.run(*words(glb, tmp_path / "whole"))
    assert code == 0, output
    result = read_result(tmp_path / "whole")
    motion = read_pc2(tmp_path / "whole" / result.objects[0].motion)
    assert motion.shape == (3, result.objects[0].vertex_count, 3) and np.isfinite(motion).all()
    assert np.abs(motion[2] - motion[0]).max() > 0.005

    process = align4d.start(*words(glb, tmp_path / "killed"))
    try:
        wait_for(tmp_path / "killed" / "work", process)
    finally:
        process.kill()
        process.communicate()
    assert not (tmp_path / "killed" / "output" / "result.json").exists()
    code, output = align4d.run("resume", tmp_path / "killed", "--rigged")
    assert code == 0, output
    again = read_result(tmp_path / "killed")
    resumed = read_pc2(tmp_path / "killed" / again.objects[0].motion)
    assert np.abs(resumed - motion).max() < 1e-5
    assert again.camera == result.camera
    assert_rigged(tmp_path / "killed", resumed, again.fps)


def assert_rigged(folder: Path, motion: np.ndarray, fps: float) -> None:
    """Blender reads bones and an action from the job's .glb, and they show the motion (T, V, 3) as near as bones of found parts can."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.scene.render.fps = round(fps)
    bpy.ops.import_scene.gltf(filepath=str(folder / "output" / "rigged.glb"))
    mesh = next(item for item in bpy.data.objects if item.type == "MESH" and item.find_armature())
    world, size = np.array(read_completed(folder).objects[0].matrix_world), float(np.ptp(motion[0], axis=0).max())
    for frame, points in enumerate(motion):
        there, placed = shown(mesh, frame), np.array(mesh.matrix_world)
        found, expected = (one @ matrix[:3, :3].T + matrix[:3, 3] for one, matrix in ((there, placed), (points, world)))
        apart = np.linalg.norm(found[:, None] - expected[None], axis=-1)
        assert apart.min(0).mean() < 0.005 * size and apart.min(1).mean() < 0.005 * size
    bpy.ops.wm.open_mainfile(filepath=str(ROOT / "examples" / "fox.blend"))


def wait_for(work: Path, process: subprocess.Popen[str]) -> None:
    """Until the job has its first checkpoint of the tracking, or has ended."""
    limit = time.monotonic() + 300
    while not list(work.glob("tracking*")) and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)
    assert process.poll() is None, process.communicate()[0]


def test_wrong_input_gets_a_sentence_and_no_traceback(align4d: CommandLine, glb: Path, tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(bytes(5000))
    command = words(glb, tmp_path / "job")
    command[command.index("--video") + 1] = tmp_path / "noise.mp4"
    code, output = align4d.run(*command)
    assert code == 1 and "noise.mp4" in output and "Traceback" not in output
    command = words(tmp_path / "nothing.glb", tmp_path / "job2")
    code, output = align4d.run(*command)
    assert code == 1 and "nothing.glb" in output and "Traceback" not in output
