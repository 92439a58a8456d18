"""The extension comes and goes without leaving anything behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import bpy
import pytest
from scenes import add_mesh, use_video

LATE = {"filecmp", "gpu_extras.batch", "numpy", "queue", "shutil", "subprocess", "tempfile", "textwrap", "traceback", "uuid"}
"""What nothing needs before a click, and what a Blender that has just started has not imported by itself."""

OURS_LATE = {"queue", "record", "choices", "results", "saving", "command_line"}
"""Modules of the library that only a job, a result, a save or an open panel needs."""

LOOK = """
import importlib, json, sys, types
import bpy
name = sys.argv[-1]
addon_utils = importlib.import_module("addon_utils")
assert addon_utils.enable(name)
ours = [module for key, module in sys.modules.items() if key == name or key.startswith(name + ".")]
held = {value.__name__ for module in ours for value in vars(module).values() if isinstance(value, types.ModuleType)}
names, registered = [one.__name__ for one in ours], hasattr(bpy.types, "ALIGN4D_PT_generate")
print("SAID " + json.dumps({"modules": names, "registered": registered, "held": sorted(held), "drawing": "gpu_extras.batch" in sys.modules}))
"""


def _ticking(library: ModuleType) -> tuple[Any, ...]:
    """What has a timer."""
    return library.jobs.queue, library.jobs.plan.question, library.capture.clip_report.question, library.runtime.setup, library.runtime.models


def traces(module: str) -> dict[str, object]:
    """All that an extension could leave in Blender."""
    from bl_ui import space_view3d

    library = sys.modules[f"{module}.align4d_blender"]
    return {
        "types": sorted(name for name in dir(bpy.types) if "ALIGN4D" in name.upper()),
        "operators": sorted(dir(bpy.ops.align4d)),
        "scene": "align4d" in bpy.types.Scene.bl_rna.properties,
        "object": "align4d" in bpy.types.Object.bl_rna.properties,
        "menu": [draw.__module__ for draw in space_view3d.VIEW3D_MT_object._dyn_ui_initialize() if module in draw.__module__],
        "handlers": [
            handler.__name__
            for name in dir(bpy.app.handlers)
            if isinstance(handlers := getattr(bpy.app.handlers, name), list)
            for handler in handlers
            if module in handler.__module__
        ],
        "timers": [repr(one) for one in _ticking(library) if bpy.app.timers.is_registered(one._tick)],
        "commands": len(library.registration.handlers._commands),
        "listeners": len(library.jobs.queue.on_end) + len(library.jobs.queue.on_change) + len(library.runtime.models.on_change),
        "threads": sorted(thread.name for thread in threading.enumerate() if "align4d" in thread.name),
    }


def test_register_and_unregister_twenty_times(blender: ModuleType, tmp_path: Path) -> None:
    add_mesh()
    use_video(tmp_path)
    # panels that were drawn and jobs that ran before have attached what they need, which is gone with them
    blender.unregister()
    blender.register()
    registered = traces(blender.__name__)
    assert len(registered["types"]) > 20 and registered["scene"] and registered["object"] and len(registered["menu"]) == 1
    assert len(registered["handlers"]) == 16 and registered["commands"] == 1
    for count in range(20):
        if count % 5 == 0:
            bpy.ops.align4d.generate()  # an engine, a thread and a result are there
            blender.align4d_blender.jobs.queue.watch()
        blender.unregister()
        gone = traces(blender.__name__)
        assert not any(gone.values()), gone
        blender.register()
        assert traces(blender.__name__) == registered


@pytest.mark.skipif(bool(bpy.app.binary_path), reason="PyPI's bpy alone is a Python that can be started anew")
def test_blender_starts_without_what_only_a_click_needs(blender: ModuleType) -> None:
    """numpy alone takes longer than all of the extension; PyPI's bpy imports it by itself, a Blender program does not."""
    answer = subprocess.run([sys.executable, "-c", LOOK, blender.__name__], capture_output=True, text=True)
    said = json.loads(next(line for line in answer.stdout.splitlines() if line.startswith("SAID "))[5:])
    assert said["registered"] and not [one for one in said["modules"] if one.split(".")[-1] in OURS_LATE]
    assert not LATE & {*said["held"], *(["gpu_extras.batch"] if said["drawing"] else [])}


def test_disabling_ends_the_engine(blender: ModuleType, tmp_path: Path) -> None:
    add_mesh()
    use_video(tmp_path)
    bpy.ops.align4d.generate()
    process = blender.align4d_blender.runtime.running.client._process
    assert process.poll() is None, "the engine stays for the next job"
    blender.unregister()
    try:
        assert process.poll() is not None
        time.sleep(0.1)
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("align4d")]
    finally:
        blender.register()


def test_every_operator_and_property_says_what_it_is(blender: ModuleType) -> None:
    """In an artist's words, as the tooltip; F3 goes by the names."""
    for name in dir(bpy.ops.align4d):
        rna = getattr(bpy.ops.align4d, name).get_rna_type()
        assert rna.description and not rna.description.endswith("."), name
        assert rna.name and rna.name[0].isupper(), name
    groups = [bpy.types.Scene.bl_rna.properties["align4d"].fixed_type, bpy.types.Object.bl_rna.properties["align4d"].fixed_type]
    for group in (*groups, bpy.types.Object.bl_rna.properties["align4d"].fixed_type.properties["results"].fixed_type):
        for item in group.properties:
            assert item.identifier in {"rna_type", "name"} or item.description, item.identifier
    assert not bpy.ops.align4d.cancel.poll() and not bpy.ops.align4d.remove_result.poll() and not bpy.ops.align4d.resume.poll()


def test_a_dropped_video_becomes_the_reference(blender: ModuleType, tmp_path: Path) -> None:
    handler = bpy.types.ALIGN4D_FH_video
    assert handler.poll_drop(SimpleNamespace(area=SimpleNamespace(type="VIEW_3D")))
    assert not handler.poll_drop(SimpleNamespace(area=SimpleNamespace(type="SEQUENCE_EDITOR")))
    assert not handler.poll_drop(SimpleNamespace(area=None))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "fox.blend"))
    settings = bpy.context.scene.align4d
    settings.first, settings.last = 3, 9
    assert bpy.ops.align4d.use_video(filepath=str(tmp_path / "füchse" / "fox 1.mp4")) == {"FINISHED"}
    assert settings.video == f"//füchse{os.sep}fox 1.mp4" and (settings.first, settings.last) == (0, 0), "the range was another clip's"


def test_presets_keep_the_choices(blender: ModuleType) -> None:
    settings = bpy.context.scene.align4d
    settings.preset, settings.seed, settings.solve_camera = "draft", 7, False
    assert bpy.ops.align4d.preset_add(name="quick look") == {"FINISHED"}
    settings.preset, settings.seed, settings.solve_camera = "artist", 0, True
    files = [path for folder in bpy.utils.preset_paths("align4d") for path in Path(folder).glob("*.py")]
    assert bpy.ops.script.execute_preset(filepath=str(files[0]), menu_idname="ALIGN4D_PT_presets") == {"FINISHED"}
    assert (settings.preset, settings.seed, settings.solve_camera) == ("draft", 7, False)
    assert bpy.ops.align4d.preset_add(name=files[0].stem, remove_name=True) == {"FINISHED"}
