"""Files that only Blender reads (FBX), through an installed Blender: the same objects, vertices, pose and bones as its own import of the file."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from ..child import ENGINE_FOLDER, find_program, run_program
from ..errors import EngineError
from ..protocol import MaterialSpec, natural_order
from ..protocol.srgb import linear_to_srgb
from .foreign import LONGEST_REASON
from .image_file import open_image
from .imported import ImportedBones, ImportedMesh, Tell, multiplied, not_beside

LONGEST = 300.0
"""Seconds for one file."""

SCRIPT = ENGINE_FOLDER / "in_blender" / "dump_meshes.py"


def read_through_blender(path: Path, tell: Tell) -> list[ImportedMesh]:
    """The meshes of a file, in Blender's axes. `tell`: as for `import_mesh`.

    Raises:
        EngineError: "mesh_needs_blender" where no Blender is found; "mesh_unreadable" where it cannot read the file.
    """
    blender = find_blender()
    if blender is None:
        raise EngineError(
            "mesh_needs_blender",
            f"{path.name} is a file of the kind {path.suffix}, which Blender reads, and no Blender is found here.",
            "Import it into Blender and animate it there, or export it as .glb.",
        )
    with tempfile.TemporaryDirectory() as folder:
        words: list[str | Path] = [blender, "--background", "--factory-startup", "--python", SCRIPT, "--", path.resolve(), folder]
        try:
            done = run_program(words, Path(folder), LONGEST)
        except subprocess.TimeoutExpired as error:
            raise _unreadable(path, f"it takes more than {LONGEST:.0f} s") from error
        listing = Path(folder) / "meshes.json"
        if not listing.is_file():
            raise _unreadable(path, _last_error(done.stdout + done.stderr))
        found = json.loads(listing.read_text("utf-8"))
        for name in found["missing"]:
            tell(not_beside(path, name))
        return [_mesh(Path(folder), number, entry) for number, entry in enumerate(found["meshes"])]


def find_blender() -> Path | None:
    """A Blender in the folders of PATH, or where its installers put it: the newest."""
    if found := find_program("blender"):
        return found
    if sys.platform == "win32":
        folders, inside = (Path(os.environ.get("PROGRAMFILES", r"C:\Program Files")) / "Blender Foundation").glob("*"), "blender.exe"
    else:
        folders, inside = Path("/Applications").glob("Blender*.app"), "Contents/MacOS/Blender"
    return next((folder / inside for folder in reversed(natural_order(folders)) if (folder / inside).is_file()), None)


def _mesh(folder: Path, number: int, entry: dict[str, Any]) -> ImportedMesh:
    with np.load(folder / f"{number}.npz") as arrays:
        one = {name: arrays[name] for name in arrays.files}
    slots = entry["slots"] or [{"color": None, "picture": ""}]
    materials, images = [], []
    for slot in slots:
        image = None
        if slot["picture"]:
            with open_image(folder / slot["picture"]) as picture:
                image = multiplied(picture, np.ones(3))
        color = None if slot["color"] is None else linear_to_srgb(np.array(slot["color"]).clip(0, 1)).tolist()
        materials.append(MaterialSpec("texture") if image else MaterialSpec("flat", base_color=(*color, 1.0)) if color else MaterialSpec())
        images.append(image)
    colors = np.ones((len(one["normals"]), 4))
    size = len(one["vertices"]), len(one["names"])
    weights = csr_matrix((one["weight"], (one["vertex"], one["bone"])), shape=size, dtype=np.float32)
    return ImportedMesh(
        entry["name"],
        np.array(entry["matrix"]),
        one["vertices"],
        one["triangles"],
        one["normals"],
        one["uv"],
        colors,
        materials,
        images,
        one["slot"],
        one["corners"],
        ImportedBones(tuple(one["names"].tolist()), one["parent"], one["head"], weights),
    )


def _last_error(said: str) -> str:
    """The last exception in what Blender has said."""
    errors = re.findall(r"^\w*(?:Error|Exception)\b.*", said, re.MULTILINE)
    return errors[-1] if errors else "it does not say why"


def _unreadable(path: Path, why: str) -> EngineError:
    return EngineError("mesh_unreadable", f"Blender cannot read {path.name} ({why[:LONGEST_REASON].rstrip('. ')}).", "Export it again, or as .glb.")
