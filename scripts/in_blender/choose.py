"""Opens a .blend, makes the choices that an artist would make in the panel, and saves it.

Runs inside a Blender that has the extension installed; argument: a JSON file, see `support.generation.ArtistChoices`.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import bpy

# an installed Blender does not look for modules beside the script that it runs
sys.path.insert(0, str(Path(__file__).parent))
generate = importlib.import_module("generate")


def main(order_file: str) -> None:
    order = json.loads(Path(order_file).read_text(encoding="utf-8"))
    bpy.ops.wm.read_userpref()
    bpy.ops.wm.open_mainfile(filepath=order["scene"])
    settings = bpy.context.scene.align4d
    for name in ("video", "preset", "seed", "overrides"):
        setattr(settings, name, order[name])
    generate.library("runtime.preferences").get().device = order["device"]
    bpy.ops.wm.save_userpref()
    bpy.ops.wm.save_as_mainfile(filepath=order["save_as"])


if __name__ == "__main__":
    main(*(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]))
