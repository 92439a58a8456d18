"""Opens sequences of Gaussians and times how fast Blender brings another frame of them up to date, without drawing.

Runs inside a Blender that has the extension installed; arguments: a folder, then the first .ply file of each sequence. Before Blender 4.5 the
.blend is saved in that folder. The last line on stdout is "ALIGN4D " and one JSON object: file -> opening [s]; of the frames' times [ms] the
wall-clock and the processor's, which other programs on the machine do not lengthen.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import bpy


def main(folder: str, *files: str) -> None:
    bpy.ops.preferences.addon_enable(module="bl_ext.user_default.align4d")
    print("ALIGN4D " + json.dumps({"error": "", "timings": {file: scrub(Path(folder), Path(file)) for file in files}}), flush=True)


def scrub(folder: Path, file: Path) -> dict[str, Any]:
    """Every frame in order, as when it is played for the first time; then all of them again, in another order."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scrub.blend"))
    began = time.perf_counter()
    bpy.ops.align4d.open_gaussians(filepath=str(file))
    opened = time.perf_counter() - began
    frames = list(range(1, len(list(file.parent.glob("*.ply"))) + 1))
    bpy.context.evaluated_depsgraph_get()
    first = [update(frame) for frame in frames]
    random.Random(0).shuffle(frames)
    return {"opening": opened, "first": first, "again": [update(frame) for frame in frames]}


def update(frame: int) -> tuple[float, float]:
    """Milliseconds by the clock, and of all cores together."""
    began, busy = time.perf_counter(), time.process_time()
    bpy.context.scene.frame_set(frame)
    return 1e3 * (time.perf_counter() - began), 1e3 * (time.process_time() - busy)


if __name__ == "__main__":
    main(*(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]))
