"""Files that only Blender reads (FBX), through an installed Blender that turns them into glTF."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..child import find_program, run_program
from ..errors import EngineError

LONGEST = 300.0
"""Seconds for one file."""

_SCRIPT = """
import sys
import bpy
source, target = sys.argv[-2:]
bpy.ops.wm.read_factory_settings(use_empty=True)
(bpy.ops.wm.fbx_import if hasattr(bpy.ops.wm, "fbx_import") else bpy.ops.import_scene.fbx)(filepath=source)
bpy.ops.export_scene.gltf(filepath=target, export_animations=False)
"""


@contextmanager
def as_gltf(path: Path) -> Iterator[Path]:
    """The file as a .glb that is gone again afterwards.

    Raises:
        EngineError: "mesh_needs_blender" where no Blender is found; "mesh_unreadable" where it cannot read the file.
    """
    blender = find_program("blender")
    if blender is None:
        raise EngineError(
            "mesh_needs_blender",
            f"{path.name} is a file of the kind {path.suffix}, which Blender reads, and no Blender is found here.",
            "Import it into Blender and animate it there, or export it as .glb.",
        )
    with tempfile.TemporaryDirectory() as folder:
        script, target = Path(folder) / "convert.py", Path(folder) / "converted.glb"
        script.write_text(_SCRIPT, encoding="utf-8")
        words: list[str | Path] = [blender, "--background", "--factory-startup", "--python", script, "--", path.resolve(), target]
        try:
            run_program(words, Path(folder), LONGEST)
        except subprocess.TimeoutExpired as error:
            raise _unreadable(path) from error
        if not target.is_file():
            raise _unreadable(path)
        yield target


def _unreadable(path: Path) -> EngineError:
    return EngineError("mesh_unreadable", f"Blender cannot read {path.name}.", "Export it again, or as .glb.")
