"""A pipeline that does nothing but report, fail or wait: what the server's and the command line's tests run in its place.

As a program it is the server, or with `cli` as its first argument the command line, around that pipeline. What it does is
named by the file `act` in the job folder.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path

from align4d import protocol
from align4d.errors import EngineError
from align4d.progress import Reporter

IDENTITY = tuple(tuple(float(row == column) for column in range(4)) for row in range(4))


def run(folder: Path, report: Reporter) -> protocol.Result:
    """Does what JOB/act says."""
    act = (folder / "act").read_text().strip() if (folder / "act").exists() else ""
    report.stage("look", 0, 2)
    if act == "chatter":
        print("a library prints")
        os.system("echo a library prints from C")
    if act == "bug":
        raise KeyError("no such thing")
    if act == "refuse":
        raise EngineError("video_empty", "The video shows no object.", "Choose another one.")
    if act == "full":
        raise OSError(errno.ENOSPC, "No space left on device")
    if act == "memory":
        raise MemoryError
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


if __name__ == "__main__":
    if sys.argv[1:2] == ["cli"]:
        from align4d import cli

        sys.exit(cli.main(sys.argv[2:], run))
    from align4d import server

    sys.exit(server.main(sys.argv[1:], run))
