"""A mesh file as the engine would get it from a job."""

from __future__ import annotations

import tempfile
from pathlib import Path

from align4d.inputs.asset import Asset, load_asset
from align4d.inputs.mesh_import import import_mesh
from align4d.protocol import CameraSpec, Request, VideoSpec


def load_mesh_file(path: Path) -> Asset:
    """All objects of a .glb, .obj, .ply, ... file, normalised. Raises EngineError, see `import_mesh` and `load_asset`."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "input").mkdir()
        objects = import_mesh(path, Path(folder))
        return load_asset(Request("", objects, VideoSpec(), CameraSpec(objects[0].matrix_world)), Path(folder))
