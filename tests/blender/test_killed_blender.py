"""Blender is killed while a job runs, of a motion or a correction: the engine leaves, and another Blender that opens the file goes on there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import bpy
import pytest
from scenes import add_mesh, use_video
from test_keyframes import write_poses

PATIENCE = 30.0
SCRIPT = """
import importlib, json, sys, time
import bpy
module, engine, blend, what = sys.argv[-4:]
bpy.ops.preferences.addon_enable(module=module)
bpy.context.preferences.addons[module].preferences.engine_python = engine
bpy.ops.wm.open_mainfile(filepath=blend)
jobs = importlib.import_module(module + ".align4d_blender.jobs.queue")
running = importlib.import_module(module + ".align4d_blender.runtime.running")
if what == "start":
    bpy.context.view_layer.objects.active.select_set(True)
    job = jobs.start(bpy.context)
elif what == "solve":
    hand = importlib.import_module(module + ".align4d_blender.jobs.hand")
    job = hand.solve_around_pins(bpy.data.objects["Fox"])
else:
    job = jobs.current()
    print("SAID " + json.dumps({"state": job.state}), flush=True)
    jobs.resume_job(job)
while not job.ended:
    if jobs.step() and running.client:
        print("SAID " + json.dumps({"stage": job.stage, "engine": running.client._process.pid}), flush=True)
    time.sleep(0.01)
fox = bpy.data.objects["Fox"]
found = {"modifier": "Align4D" in fox.modifiers, "results": len(fox.align4d.results), "pins": len(fox.align4d.results[0].pins)}
print("SAID " + json.dumps({"state": job.state, "notes": job.notes, **found}), flush=True)
"""


def start(blender: ModuleType, folder: Path, blend: Path, what: str, mode: str) -> subprocess.Popen[str]:
    """A Blender of its own, in the same user folder, on the same file."""
    if bpy.app.binary_path:
        pytest.skip("an installed Blender takes scripts in another way")
    script = folder / "script.py"
    script.write_text(SCRIPT)
    engine = bpy.context.preferences.addons[blender.__name__].preferences.engine_python
    command = [sys.executable, str(script), blender.__name__, engine, str(blend), what]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=os.environ | {"FAKE_ENGINE": mode})


def heard(process: subprocess.Popen[str]) -> dict[str, object]:
    """The next message of such a Blender."""
    for line in process.stdout or ():
        if line.startswith("SAID "):
            return dict(json.loads(line[5:]))
    raise AssertionError("it ended without a word")


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


@pytest.mark.skipif(sys.platform == "win32", reason="looks for processes the way of POSIX")
def test_blender_is_killed(blender: ModuleType, tmp_path: Path) -> None:
    use_video(tmp_path / "video")
    add_mesh("Fox")
    blend = tmp_path / "fox.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    message = killed_and_resumed(blender, tmp_path, blend, "start")
    assert message["modifier"]


@pytest.mark.skipif(sys.platform == "win32", reason="looks for processes the way of POSIX")
def test_blender_is_killed_while_frames_are_solved_around_a_pose(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "correctable")
    use_video(tmp_path / "video")
    item = add_mesh("Fox")
    bpy.ops.align4d.generate()
    write_poses(blender, item)
    bpy.ops.align4d.keep_pose()
    blend = tmp_path / "fox.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    message = killed_and_resumed(blender, tmp_path, blend, "solve")
    assert message["results"] == 2 and message["pins"] == 1


def killed_and_resumed(blender: ModuleType, folder: Path, blend: Path, what: str) -> dict[str, object]:
    """What the second Blender says at the end."""
    first = start(blender, folder, blend, what, "slow")
    message = heard(first)
    while message["stage"] != "Moving":
        message = heard(first)
    first.kill()
    first.wait()
    end = time.monotonic() + PATIENCE
    while alive(int(str(message["engine"]))):
        assert time.monotonic() < end, "the engine outlives its Blender"
        time.sleep(0.05)
    second = start(blender, folder, blend, "resume", "correctable")
    assert heard(second)["state"] == "interrupted"
    message = heard(second)
    while "state" not in message:
        message = heard(second)
    second.wait()
    assert message["state"] == "done" and "Went on where it was." in list(message["notes"])  # type: ignore[call-overload]
    return message
