"""Opens a .blend and works on its job until it is done, or until whoever watches kills this Blender.

Runs inside a Blender that has the extension installed; arguments: BLEND start|resume. Lines on stdout that start with "ALIGN4D " tell the
engine's process id, how far the job is, and at the end its state and folder.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

import bpy

# an installed Blender does not look for modules beside the script that it runs
sys.path.insert(0, str(Path(__file__).parent))
generate = importlib.import_module("generate")


def main(blend: str, what: str) -> None:
    bpy.ops.wm.read_userpref()
    bpy.ops.wm.open_mainfile(filepath=blend)
    jobs = generate.library("jobs.queue")
    if what == "start":
        generate.select_meshes()
        job = jobs.start(bpy.context)
        bpy.ops.wm.save_mainfile()
    else:
        job = jobs.current()
        if job.ended:
            jobs.resume_job(job)
    client = generate.library("runtime.running").client
    generate.send({"engine": client._process.pid if client else 0})
    while not job.ended:
        if jobs.step():
            generate.send({"stage": job.stage, "fraction": job.fraction})
        time.sleep(0.02)
    bpy.ops.wm.save_mainfile()
    generate.send({"state": job.state, "error": str(job.error or ""), "folder": str(job.folder)})


if __name__ == "__main__":
    main(*(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]))
