"""Does what an artist does: opens a .blend, selects the meshes, gives the video, presses Generate 4D, saves.

Runs inside a Blender that has the extension installed; argument: a JSON file, see `support.generation.ArtistChoices`. Every line
on stdout that starts with "ALIGN4D " carries one JSON object: {"stage", "fraction"} on the way, the report at the end.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import bpy
from mathutils import Matrix, Vector

EXTENSION = "bl_ext.user_default.align4d"


def main(order_file: str) -> None:
    order = json.loads(Path(order_file).read_text(encoding="utf-8"))
    bpy.ops.wm.read_userpref()
    bpy.ops.wm.open_mainfile(filepath=order["scene"])
    meshes = select_meshes()
    if order["camera_offset"]:
        turn_camera(bpy.context.scene.camera, center_of(meshes), order["camera_offset"])
    settings = bpy.context.scene.align4d
    for name in ("video", "preset", "seed", "overrides"):
        setattr(settings, name, order[name])
    settings.start_at = "SCENE"
    if order["box"]:
        settings.box, settings.boxed = order["box"], settings.video
    library("runtime.preferences").get().device = order["device"]
    library("capture.capture").capture(bpy.context, "capture", Path(order["capture"]), order["device"])
    report = press()
    if not report["error"]:
        bpy.ops.wm.save_as_mainfile(filepath=order["save_as"])
    send(report)


def library(name: str) -> Any:
    """A module of the installed extension's own library."""
    return importlib.import_module(f"{EXTENSION}.align4d_blender.{name}")


def select_meshes() -> list[bpy.types.Object]:
    """Selects every mesh of the scene, and nothing else."""
    bpy.ops.object.select_all(action="DESELECT")
    meshes = [item for item in bpy.context.scene.objects if item.type == "MESH"]
    for item in meshes:
        item.select_set(True)
    bpy.context.view_layer.objects.active = meshes[0]
    return meshes


def center_of(meshes: list[bpy.types.Object]) -> Vector:
    """Center of the box around the meshes, in world space."""
    corners = [item.matrix_world @ Vector(corner) for item in meshes for corner in item.bound_box]
    low, high = (Vector([limit(corner[axis] for corner in corners) for axis in range(3)]) for limit in (min, max))
    return (low + high) / 2


def turn_camera(camera: bpy.types.Object, center: Vector, degrees: float) -> None:
    """Moves the camera around `center`: azimuth and elevation both `degrees` off, the distance and the aim kept."""
    matrix = camera.matrix_world
    lift = Matrix.Rotation(math.radians(-degrees), 4, matrix.col[0].to_3d())
    turn = Matrix.Rotation(math.radians(degrees), 4, "Z")
    camera.matrix_world = Matrix.Translation(center) @ turn @ lift @ Matrix.Translation(-center) @ matrix
    bpy.context.view_layer.update()


def press() -> dict[str, Any]:
    """Presses the button and waits; returns the report."""
    jobs = library("jobs.queue")
    jobs.on_change.append(lambda job: send({"stage": job.stage, "fraction": job.fraction}))
    started = time.monotonic()
    error = ""
    try:
        bpy.ops.align4d.generate()
    except RuntimeError as problem:
        error = str(problem)
    seconds = time.monotonic() - started
    job = jobs.current()
    done = job is not None and job.state == "done"
    return {"seconds": seconds, "error": error or ("" if done else "The job did not finish."), "job_folder": str(job.folder) if job else ""}


def send(message: dict[str, Any]) -> None:
    """One message to the process that waits."""
    print("ALIGN4D " + json.dumps(message), flush=True)


if __name__ == "__main__":
    main(*(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]))
