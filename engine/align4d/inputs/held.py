"""What the artist holds of the meshes: vertices that stay where they are, or as high as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..protocol import HELD_ARRAYS, ObjectSpec, inside
from .mesh_file import invalid, read_stored


def load_held(specs: tuple[ObjectSpec, ...], counts: list[int], folder: Path) -> np.ndarray | None:
    """(V, 2) float32 in [0, 1] of all objects' vertices, how firmly each is held in its place and at its height; None where nothing is.

    Args:
        specs: the request's objects.
        counts: number of vertices of each.
        folder: of the job.

    Raises:
        EngineError: "mesh_missing", "mesh_unreadable", "mesh_invalid".
        ProtocolError: where a file would lie outside of the folder.
    """
    if not any(spec.held for spec in specs):
        return None
    return np.concatenate([_read(spec, count, folder) for spec, count in zip(specs, counts, strict=True)])


def _read(spec: ObjectSpec, count: int, folder: Path) -> np.ndarray:
    if not spec.held:
        return np.zeros((count, 2), np.float32)
    arrays = read_stored(spec, inside(folder, spec.held), "held vertices")
    columns = [arrays.get(name, np.empty(0)) for name in HELD_ARRAYS]
    if any(column.shape != (count,) or column.dtype.kind != "f" or not ((column >= 0) & (column <= 1)).all() for column in columns):
        raise invalid(spec, "its held vertices are other arrays, or of other vertices")
    return np.stack(columns, 1).astype(np.float32)
