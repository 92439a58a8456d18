"""Turns the motion in an animated .blend into keyframes, and writes where the vertices are before and after.

Runs inside a Blender that has the extension installed; arguments: the .blend, and the .npz to write: `cache` and `keyed`
(T, V, 3) in object space at the motion's frames, `seconds`. The last line on stdout is "ALIGN4D " and one JSON object.
"""

from __future__ import annotations

import importlib
import json
import sys
import time

import bpy
import numpy as np

EXTENSION = "bl_ext.user_default.align4d"


def main(blend: str, out: str) -> None:
    bpy.ops.preferences.addon_enable(module=EXTENSION)
    bpy.ops.wm.open_mainfile(filepath=blend)
    item = next(one for one in bpy.data.objects if one.type == "MESH" and one.align4d.results)
    bpy.ops.object.select_all(action="DESELECT")
    bpy.context.view_layer.objects.active = item
    item.select_set(True)
    playback = importlib.import_module(f"{EXTENSION}.align4d_blender.result.playback")
    result = playback.active(item)
    times = playback.playback(result, bpy.context.scene)
    frames = [times.start + index / times.rate for index in range(result.frames)]
    cache = shown(item, frames)
    began = time.monotonic()
    error = ""
    try:
        bpy.ops.align4d.make_keyframes()
    except RuntimeError as problem:
        error = str(problem)
    seconds = time.monotonic() - began
    np.savez(out, cache=cache, keyed=shown(item, frames), seconds=seconds)
    print("ALIGN4D " + json.dumps({"error": error}), flush=True)


def shown(item: bpy.types.Object, frames: list[float]) -> np.ndarray:
    """(T, V, 3) of the evaluated mesh."""
    rows = []
    for frame in frames:
        bpy.context.scene.frame_set(int(frame // 1), subframe=frame % 1)
        evaluated = item.evaluated_get(bpy.context.evaluated_depsgraph_get())
        mesh = evaluated.to_mesh()
        values = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", values)
        evaluated.to_mesh_clear()
        rows.append(values.reshape(-1, 3))
    return np.stack(rows)


if __name__ == "__main__":
    main(*(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]))
