"""Turns the motion in an animated .blend into keyframes in every way that the panel offers, and writes where the vertices are each time.

Runs inside a Blender that has the extension installed; arguments: the .blend, and the .npz to write. (T, V, 3) in world space at the motion's
frames: `cache`, `keyed`, `fewer` (fewer keys), `held` (contacts held), `loop`; and `keys` (2,) how many there are of all and of fewer, `slide`
(2,) of the contacts before and after, `made` whether the armature is a made one, `own` and `automatic` (B,) how far edges stretch where joints
are bent, by these weights and by Blender's own, `seconds`. The last line on stdout is "ALIGN4D " and one JSON object.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import bpy
import numpy as np

# an installed Blender does not look for modules beside the script that it runs
sys.path.insert(0, str(Path(__file__).parent))
bending = importlib.import_module("bending")

EXTENSION = "bl_ext.user_default.align4d"
FEWER = 0.2
"""Percent of the size that the surface may be off for fewer keys."""


def main(blend: str, out: str) -> None:
    bpy.ops.preferences.addon_enable(module=EXTENSION)
    bpy.ops.wm.open_mainfile(filepath=blend)
    item = next(one for one in bpy.data.objects if one.type == "MESH" and one.align4d.results)
    bpy.ops.object.select_all(action="DESELECT")
    bpy.context.view_layer.objects.active = item
    item.select_set(True)
    result = library("result.playback").active(item)
    library("result.keyframes").unmake(item)
    error, arrays = "", {}
    try:
        arrays = measured(item, result)
    except RuntimeError as problem:
        error = str(problem)
    np.savez(out, **arrays)
    print("ALIGN4D " + json.dumps({"error": error}), flush=True)


def library(name: str) -> Any:
    """A module of the installed extension's own library."""
    return importlib.import_module(f"{EXTENSION}.align4d_blender.{name}")


def measured(item: bpy.types.Object, result: Any) -> dict[str, Any]:
    """All arrays. Raises RuntimeError where the motion cannot become keyframes."""
    arrays: dict[str, Any] = {"cache": shown(item, result)}
    began = time.monotonic()
    bpy.ops.align4d.make_keyframes()
    arrays["seconds"] = time.monotonic() - began
    rig = library("capture.armatures").armature_of(item)
    arrays["keyed"], keys = shown(item, result), [count_keys(rig)]
    arrays["fewer"] = made_again(item, result, tolerance=FEWER)
    arrays["keys"] = np.array([*keys, count_keys(rig)])
    arrays["loop"] = made_again(item, result, tolerance=0.0, loop=True)
    arrays["held"] = made_again(item, result, loop=False, contacts=True)
    arrays["slide"] = slide(item, rig, result, arrays)
    arrays["made"] = library("result.made_armature").of(item) is not None
    if arrays["made"]:
        made_again(item, result, contacts=False)
        arrays["own"], arrays["automatic"] = bending.stretches(item, rig)
    return arrays


def made_again(item: bpy.types.Object, result: Any, **choices: Any) -> np.ndarray:
    """What is shown with other choices of the clean-up."""
    for name, value in choices.items():
        setattr(result, name, value)
    bpy.ops.align4d.make_keyframes()
    return shown(item, result)


def count_keys(rig: bpy.types.Object) -> int:
    return sum(len(curve.keyframe_points) for curve in library("compat").fcurves(rig))


def slide(item: bpy.types.Object, rig: bpy.types.Object, result: Any, arrays: dict[str, Any]) -> np.ndarray:
    """How far contacts move from frame to frame, of the size: as keyed, and as held; empty without contacts."""
    contacts, names = library("result.contacts"), [bone.name for bone in rig.data.bones]
    groups = [group.name for group in item.vertex_groups if group.name in names]
    weights = np.zeros((len(item.data.vertices), len(names)))
    found = library("capture.slices").whole(library("capture.bone_weights").group_weights(item.data, groups))
    for group, (there, values) in zip(groups, found, strict=True):
        weights[there, names.index(group)] = values
    owner, up = contacts.owners(weights), np.array([0.0, 0.0, 1.0])
    found = [contacts.contact_of(arrays["cache"], owner, up, names.index(one.name), one.first - 1, one.last - 1) for one in result.standing]
    found = [one for one in found if len(one.points)]
    size = float(np.ptp(arrays["cache"][0], axis=0).max())
    return np.array([contacts.sliding(arrays[name], found) / size for name in ("keyed", "held")] if found else [])


def shown(item: bpy.types.Object, result: Any) -> np.ndarray:
    """(T, V, 3) of the evaluated mesh, world space."""
    times = library("result.playback").playback(result, bpy.context.scene)
    rows = []
    for index in range(result.frames):
        frame = times.start + index / times.rate
        bpy.context.scene.frame_set(int(frame // 1), subframe=frame % 1)
        evaluated = item.evaluated_get(bpy.context.evaluated_depsgraph_get())
        mesh = evaluated.to_mesh()
        values = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", values)
        matrix = np.array(evaluated.matrix_world)
        evaluated.to_mesh_clear()
        rows.append(values.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3])
    return np.stack(rows)


if __name__ == "__main__":
    main(*(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]))
