"""Enables the installed extension in a Blender that has just started, and says how long that took.

Runs inside a Blender that has the extension installed; no arguments.
"""

from __future__ import annotations

import importlib
import json
import sys
import time

import bpy  # noqa: F401  makes Blender's own modules importable

EXTENSION = "bl_ext.user_default.align4d"


def main() -> None:
    addon_utils = importlib.import_module("addon_utils")  # there is no such module before bpy is imported
    loaded = set(sys.modules)
    began, work = time.perf_counter(), time.process_time()
    addon_utils.enable(EXTENSION)
    seconds, processor = time.perf_counter() - began, time.process_time() - work
    new = {name.split(".")[0] for name in set(sys.modules) - loaded}
    print("ALIGN4D " + json.dumps({"seconds": seconds, "processor": processor, "modules": sorted(new), "error": ""}), flush=True)


if __name__ == "__main__":
    main()
