"""A mesh file as the engine would get it from a job."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from ..protocol import CameraSpec, Request, VideoSpec
from .asset import Asset, load_asset
from .mesh_import import import_mesh

log = logging.getLogger(__name__)


def load_mesh_file(path: Path) -> Asset:
    """All objects of a .glb, .obj, .ply, ... file, normalized. Raises EngineError, see `import_mesh` and `load_asset`."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "input").mkdir()
        objects = import_mesh(path, Path(folder), log.warning)
        return load_asset(Request("", objects, VideoSpec(), CameraSpec(objects[0].matrix_world)), Path(folder))
