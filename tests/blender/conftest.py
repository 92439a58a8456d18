"""Blender around each test: the BUILT extension, installed the way a user's is, in a Blender with a user folder of its own.

ALIGN4D_EXTENSION_ZIP names a built zip; without it the zip is built here, with Blender's own builder.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

_USER_FOLDER = tempfile.TemporaryDirectory(prefix="align4d-blender-")
if "bpy" not in sys.modules:  # an installed Blender has read this already; scripts/test.py has set it there
    os.environ["BLENDER_USER_RESOURCES"] = _USER_FOLDER.name

import bpy  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
# the protocol, which the fake engine speaks; what the tests of Blender share, and what all do
sys.path[:0] = [str(ROOT / "engine"), str(Path(__file__).parent), str(ROOT / "tests")]
from installation import build, fake_interpreter  # noqa: E402
from scenes import add_mesh, use_video  # noqa: E402

MODULE = "bl_ext.user_default.align4d"


@pytest.fixture(scope="session")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The installed and enabled extension's package."""
    given = os.environ.get("ALIGN4D_EXTENSION_ZIP")
    zip_file = Path(given) if given else build(tmp_path_factory.mktemp("zip"))
    bpy.ops.extensions.package_install_files(filepath=str(zip_file), repo="user_default", enable_on_install=True)
    assert MODULE in bpy.context.preferences.addons, "the extension was not enabled"
    library = sys.modules[f"{MODULE}.align4d_blender"]
    for found in pkgutil.walk_packages(library.__path__, f"{library.__name__}."):
        importlib.import_module(found.name)  # some are imported at their first use only; tests look into all of them
    yield sys.modules[MODULE]
    bpy.ops.preferences.addon_disable(module=MODULE)


@pytest.fixture
def blender(extension: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """An empty scene, the extension, and the fake engine set up; saves nothing outside `tmp_path`."""
    shutil.rmtree(extension.align4d_blender.storage.folders.user_folder("jobs"))  # before a file is opened, which looks there
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert MODULE in bpy.context.preferences.addons
    monkeypatch.setenv("FAKE_ENGINE", "move")
    monkeypatch.setattr(extension.align4d_blender.storage.remembered, "SECONDS", 0.0)  # a test is faster than an artist
    preferences = bpy.context.preferences.addons[MODULE].preferences
    preferences.engine_python = str(fake_interpreter(tmp_path))
    preferences.device = "auto"
    yield extension
    extension.align4d_blender.jobs.queue.shut_down()


@pytest.fixture
def fox(blender: ModuleType, tmp_path: Path) -> bpy.types.Object:
    """A mesh, selected, and a video."""
    use_video(tmp_path / "video")
    return add_mesh("Fox")
