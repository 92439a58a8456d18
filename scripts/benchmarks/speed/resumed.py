"""Jobs through the engine that PYTHONPATH names, one after the other in this process: `python resumed.py FOLDER...`.

Leaves elapsed.json in each job folder: the seconds from `align4d resume` to its end. Knows no more of the engine than that command, so that
every commit's engine can be run.
"""

from __future__ import annotations

import json
import runpy
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ELAPSED = "elapsed.json"


def main(jobs: Sequence[str]) -> int:
    """Resumes each job; the exit code of the first that fails, otherwise 0."""
    for job in jobs:
        sys.argv = ["align4d", "resume", job]
        began = time.perf_counter()
        try:
            runpy.run_module("align4d", run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            if ended.code:
                return int(ended.code)
        (Path(job) / ELAPSED).write_text(json.dumps(time.perf_counter() - began))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
