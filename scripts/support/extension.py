"""The extension's zip, made by Blender's own builder, and its installation the way a user's would be."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import tomllib
import zipfile
from pathlib import Path

from . import environments
from .blender import SCRIPTS_IN_BLENDER, Blender
from .console import ScriptError, run_logged

CONTENTS = {"__init__.py", "blender_manifest.toml", "LICENSE", "align4d_blender", "engine", "operators", "panels", "pyproject.toml"}
"""What an artist's zip may hold at its top: the two sides of the product, and the pins that Install Engine installs."""


def build(blender: Blender, zip_file: Path) -> Path:
    """Builds `zip_file` from the checkout. Raises ScriptError where the builder refuses, or packs what no artist needs."""
    zip_file.parent.mkdir(parents=True, exist_ok=True)
    arguments = ["build", "--source-dir", str(environments.ROOT), "--output-filepath", str(zip_file)]
    if blender.program:
        command = [str(blender.executable), "--command", "extension", *arguments]
    else:
        command = [str(blender.executable), str(_builder(blender)), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode or not zip_file.exists():
        raise ScriptError(f"Blender's extension builder failed:\n{answer.stdout}{answer.stderr}")
    with zipfile.ZipFile(zip_file) as archive:
        strangers = sorted({name.split("/")[0] for name in archive.namelist()} - CONTENTS)
    if strangers:
        raise ScriptError(f"The zip holds what no artist needs: {', '.join(strangers)}. Add it to paths_exclude_pattern in blender_manifest.toml.")
    return zip_file


def name_and_version() -> tuple[str, str]:
    """The id and the version in blender_manifest.toml."""
    with open(environments.ROOT / "blender_manifest.toml", "rb") as file:
        manifest = tomllib.load(file)
    return manifest["id"], manifest["version"]


def default_zip() -> Path:
    """Where the zip goes unless a place is given."""
    name, version = name_and_version()
    return environments.ROOT / "dist" / f"{name}-{version}.zip"


def installed(blender: Blender, engine_python: Path) -> Path:
    """A folder of Blender preferences (BLENDER_USER_RESOURCES) in which the checkout's extension is installed, enabled and knows its engine.

    It lies in the cache under a hash of what the zip holds, so the user's own preferences are never touched and nothing is installed twice.
    """
    with tempfile.TemporaryDirectory() as folder:
        zip_file = build(blender, Path(folder) / "align4d.zip")
        place = environments.cache_folder() / f"user-{blender.version}-{_digest(zip_file, engine_python)}"
        if (place / "config" / "userpref.blend").exists():
            return place
        place.mkdir(parents=True, exist_ok=True)
        command = blender.command(SCRIPTS_IN_BLENDER / "install_extension.py", [zip_file, engine_python])
        run_logged(command, f"Installing the extension into Blender {blender.version}", place / "install.log", blender.surroundings(place))
    return place


def _digest(zip_file: Path, engine_python: Path) -> str:
    """A hash of a zip's contents, whatever its dates, and of the engine's interpreter."""
    with zipfile.ZipFile(zip_file) as archive:
        contents = sorted((entry.filename, entry.CRC) for entry in archive.infolist())
    return hashlib.sha256(repr((contents, str(engine_python))).encode()).hexdigest()[:10]


def _builder(blender: Blender) -> Path:
    """blender_ext.py, which bpy brings along."""
    library = blender.executable.parents[1]
    found = sorted(library.rglob("bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if not found:
        raise ScriptError(f"{library} holds no extension builder. Delete the folder and run again.")
    return found[0]
