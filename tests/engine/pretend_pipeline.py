"""A pipeline that does nothing but report, fail or wait: what the server's and the command line's tests run in its place.

As a program it is the server, or with `cli` as its first argument the command line, around that pipeline. What it does is
named by the file `act` in the job folder.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from align4d import protocol
from align4d.errors import EngineError
from align4d.job.checkpoint import Checkpoint
from align4d.job.reporting import Reporter

WALK_STEPS, WALK_POINTS = 60, 50_000
IDENTITY = tuple(tuple(float(row == column) for column in range(4)) for row in range(4))


def run(folder: Path, report: Reporter) -> protocol.Result:
    """Does what JOB/act says."""
    act = (folder / "act").read_text().strip() if (folder / "act").exists() else ""
    report.stage("look", 0, 2)
    if act == "chatter":
        print("a library prints")
        os.system("echo a library prints from C")
    if act == "kill once":
        (folder / "act").unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    if act == "bug":
        raise KeyError("no such thing")
    if act == "refuse":
        raise EngineError("video_empty", "The video shows no object.", "Choose another one.")
    if act == "full":
        raise OSError(errno.ENOSPC, "No space left on device")
    if act == "memory":
        raise MemoryError
    if act == "name":
        report.warn("name", f"Look at {folder}.")
    if act == "walk":
        return walk(folder, report)
    report.warn("cut", "The object is cut by the border.")
    report.stage("move", 1, 2)
    try:
        for step in range(600 if act == "long" else 3):
            report.check_cancelled()
            report.progress(step + 1, 600, float("nan") if step == 0 else 0.5)
            time.sleep(0.02)
    except BaseException:
        (folder / "checkpoint").write_text("written")
        raise
    camera = protocol.CameraResult(IDENTITY, 49.1, 8, 8, 0.0, 0.0, 0.0, 2.0)
    result = protocol.Result("job-1", 1, 24.0, (), camera, notes=("A note.",))
    (folder / "output").mkdir(exist_ok=True)
    protocol.write_json(folder / "output" / "result.json", result)
    return result


def walk(folder: Path, report: Reporter) -> protocol.Result:
    """Many small steps, each from the one before and each kept; whoever is killed on the way has to end with the same motion."""
    checkpoint = Checkpoint(folder / "work", {}, lambda sentence: report.warn("made_anew", sentence))
    stored = checkpoint.load("walk")
    state = stored["state"] if stored else np.zeros((WALK_POINTS, 3), np.float32)
    for step in range(int(stored["step"]) if stored else 0, WALK_STEPS):
        report.check_cancelled()
        state = np.sin(state + np.arange(WALK_POINTS, dtype=np.float32)[:, None] * (step + 1))
        checkpoint.save("walk", {"state": state, "step": np.array(step + 1)})
        report.progress(step + 1, WALK_STEPS)
    (folder / "output").mkdir(exist_ok=True)
    protocol.write_pc2(folder / "output" / "motion_000.pc2", np.repeat(state[None], 4, axis=0))
    camera = protocol.CameraResult(IDENTITY, 49.1, 8, 8, 0.0, 0.0, 0.0, 2.0)
    result = protocol.Result("job-1", 4, 24.0, (protocol.ObjectResult("a", "A", WALK_POINTS, "output/motion_000.pc2"),), camera)
    protocol.write_json(folder / "output" / "result.json", result)
    return result


if __name__ == "__main__":
    if sys.argv[1:2] == ["cli"]:
        from align4d.cli import main

        sys.exit(main.main(sys.argv[2:], run))
    from align4d import server

    sys.exit(server.main(sys.argv[1:], run))
