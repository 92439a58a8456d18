"""Puts the motion of a finished job on the meshes of a .blend, as a point cache, and saves it.

Runs inside a Blender that has the extension installed; arguments: the .blend, the job's folder, where to save. The last line on stdout is
"ALIGN4D " and one JSON object.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import bpy

# an installed Blender does not look for modules beside the script that it runs
sys.path.insert(0, str(Path(__file__).parent))
generate = importlib.import_module("generate")


def main(blend: str, job: str, save_as: str) -> None:
    bpy.ops.preferences.addon_enable(module=generate.EXTENSION)
    bpy.ops.wm.open_mainfile(filepath=blend)
    try:
        put_on(generate.select_meshes(), Path(job))
        bpy.ops.wm.save_as_mainfile(filepath=save_as)
        error = ""
    except (generate.library("errors").UserError, KeyError) as problem:
        error = f"{job} does not belong to {blend}: {problem}"
    print("ALIGN4D " + json.dumps({"error": error}), flush=True)


def put_on(meshes: list[bpy.types.Object], folder: Path) -> None:
    """Raises UserError where the job is damaged or its meshes have other vertices, KeyError where they have other names."""
    delivery, targets = generate.library("result.delivery"), generate.library("capture.targets")
    result = generate.library("result.keyframes").protocol.read_result(folder)
    by_name = {item.name: item for item in meshes}
    found = [by_name[entry.name] for entry in result.objects]
    arrival = delivery.prepare(folder, [target(targets, item, entry) for item, entry in zip(found, result.objects, strict=True)])
    delivery.apply(arrival, None, bpy.context.scene, 1)


def target(targets: Any, item: bpy.types.Object, entry: Any) -> Any:
    """An object as what a motion without modifiers below it goes on."""
    return targets.Target(entry.id, item.name, item.session_uid, len(item.data.vertices), points=entry.vertex_count)


if __name__ == "__main__":
    main(*(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]))
