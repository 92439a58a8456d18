"""The extension comes and goes without leaving anything behind; the panel draws in each state."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import ModuleType

import bpy
from scenes import add_mesh, use_video


def traces(module: str) -> dict[str, object]:
    """All that an extension could leave in Blender."""
    return {
        "types": sorted(name for name in dir(bpy.types) if "ALIGN4D" in name.upper()),
        "operators": sorted(dir(bpy.ops.align4d)),
        "scene": "align4d" in bpy.types.Scene.bl_rna.properties,
        "object": "align4d" in bpy.types.Object.bl_rna.properties,
        "handlers": [
            handler.__name__
            for name in dir(bpy.app.handlers)
            if isinstance(handlers := getattr(bpy.app.handlers, name), list)
            for handler in handlers
            if module in handler.__module__
        ],
    }


def test_register_and_unregister_several_times(blender: ModuleType) -> None:
    registered = traces(blender.__name__)
    assert len(registered["types"]) == 8 and registered["scene"] and registered["object"] and len(registered["handlers"]) == 2
    for _ in range(3):
        blender.unregister()
        gone = traces(blender.__name__)
        assert gone == {"types": [], "operators": [], "scene": False, "object": False, "handlers": []}
        blender.register()
        assert traces(blender.__name__) == registered


def test_disabling_ends_the_engine(blender: ModuleType, tmp_path: Path) -> None:
    add_mesh()
    use_video(tmp_path)
    bpy.ops.align4d.generate()
    process = blender.align4d_blender.jobs._client._process
    assert process.poll() is None, "the engine stays for the next job"
    blender.unregister()
    try:
        assert process.poll() is not None
        time.sleep(0.1)
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("align4d")]
    finally:
        blender.register()


def test_operators_say_what_they_do(blender: ModuleType) -> None:
    for name in ("generate", "cancel", "remove_result"):
        assert getattr(bpy.ops.align4d, name).get_rna_type().description
    assert not bpy.ops.align4d.cancel.poll() and not bpy.ops.align4d.remove_result.poll()
