"""Both processes together: the built extension in a Blender of its own preferences, and the real engine with tiny settings.

ALIGN4D_EXTENSION_ZIP names the built zip, ALIGN4D_ENGINE_PYTHON the engine's interpreter; `scripts/test.py` sets both.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

if "bpy" not in sys.modules:  # an installed Blender runs already, in the user folder that scripts/test.py gave it
    _USER_FOLDER = tempfile.TemporaryDirectory(prefix="align4d-end-to-end-", ignore_cleanup_errors=True)
    os.environ["BLENDER_USER_RESOURCES"] = _USER_FOLDER.name  # before bpy is imported: it reads this once

import bpy

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "engine"), str(Path(__file__).parent)]  # the protocol; what the tests share
MODULE = "bl_ext.user_default.align4d"

from tiny import TINY  # noqa: E402


@pytest.fixture(scope="session")
def engine_python() -> Path:
    """The interpreter of the engine's environment."""
    return Path(os.environ["ALIGN4D_ENGINE_PYTHON"])


@pytest.fixture(scope="session")
def extension(engine_python: Path) -> Iterator[ModuleType]:
    """The installed and enabled extension, which knows its engine."""
    bpy.ops.extensions.package_install_files(filepath=os.environ["ALIGN4D_EXTENSION_ZIP"], repo="user_default", enable_on_install=True)
    bpy.context.preferences.addons[MODULE].preferences.engine_python = str(engine_python)
    bpy.context.preferences.addons[MODULE].preferences.device = "cpu"
    yield sys.modules[MODULE]
    bpy.ops.preferences.addon_disable(module=MODULE)


@pytest.fixture
def fox(extension: ModuleType, tmp_path: Path) -> bpy.types.Object:
    """The example's mesh in a copy of its scene, selected, with tiny settings; its video is tmp_path/fox.mp4, not yet chosen."""
    shutil.copy(ROOT / "examples" / "fox.blend", tmp_path / "fox.blend")
    shutil.copy(ROOT / "examples" / "fox.mp4", tmp_path / "fox.mp4")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "fox.blend"))
    mesh = next(item for item in bpy.context.scene.objects if item.type == "MESH")
    bpy.ops.object.select_all(action="DESELECT")
    mesh.select_set(True)
    bpy.context.view_layer.objects.active = mesh
    settings = bpy.context.scene.align4d
    settings.preset, settings.last, settings.overrides = "draft", 3, json.dumps(TINY)
    return mesh
