"""The extension's zip, and an interpreter that is the fake engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parents[2]


def build(folder: Path) -> Path:
    """The extension's zip, from the checkout."""
    builder = Path(bpy.utils.system_resource("SCRIPTS")) / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    zip_file = folder / "align4d.zip"
    command = [sys.executable, str(builder), "build", "--source-dir", str(ROOT), "--output-filepath", str(zip_file)]
    subprocess.run(command, check=True, capture_output=True)
    return zip_file


def fake_interpreter(folder: Path) -> Path:
    """A program that runs the fake engine, whatever its arguments."""
    script = Path(__file__).with_name("fake_engine.py")
    if sys.platform == "win32":
        program = folder / "python.cmd"
        program.write_text(f'@"{sys.executable}" "{script}" %*\n')
    else:
        program = folder / "python"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
        program.chmod(0o755)
    return program
