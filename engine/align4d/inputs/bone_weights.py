"""The artist's own skinning weights: which bones move each vertex of the meshes, where the artist has rigged them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, vstack

from ..protocol import BONE_ARRAYS, ObjectSpec, inside
from .mesh_file import invalid, read_stored


def load_bone_weights(specs: tuple[ObjectSpec, ...], counts: list[int], folder: Path) -> tuple[csr_matrix | None, tuple[str, ...]]:
    """(V, K) float32 of all objects' vertices and bones, and the K bones' names; None where no object has any.

    A bone is known by its name: objects on one armature share its bones.

    Args:
        specs: the request's objects.
        counts: number of vertices of each.
        folder: of the job.

    Raises:
        EngineError: "mesh_missing", "mesh_unreadable", "mesh_invalid".
        ProtocolError: where they would lie outside of the folder.
    """
    read = [_read(spec, count, folder) if spec.bones else None for spec, count in zip(specs, counts, strict=True)]
    names = sorted({str(name) for arrays in read if arrays for name in arrays["names"]})
    if not names:
        return None, ()
    number = {name: index for index, name in enumerate(names)}
    blocks = []
    for arrays, count in zip(read, counts, strict=True):
        if arrays is None:
            blocks.append(csr_matrix((count, len(names)), dtype=np.float32))
            continue
        columns = np.array([number[str(name)] for name in arrays["names"]], np.int64)[arrays["bone"]]
        blocks.append(csr_matrix((arrays["weight"].astype(np.float32), (arrays["vertex"], columns)), shape=(count, len(names))))
    return vstack(blocks).tocsr(), tuple(names)


def _read(spec: ObjectSpec, count: int, folder: Path) -> dict[str, np.ndarray]:
    arrays = read_stored(spec, inside(folder, spec.bones), "bone weights")
    right = all(name in arrays and arrays[name].ndim == 1 and arrays[name].dtype.kind == kind for name, kind in BONE_ARRAYS.items())
    if not right or not _fits(arrays, count):
        raise invalid(spec, "its bone weights are other arrays, or of other vertices")
    return arrays


def _fits(arrays: dict[str, np.ndarray], count: int) -> bool:
    vertex, bone, weight = (arrays[name] for name in ("vertex", "bone", "weight"))
    if not len(vertex) == len(bone) == len(weight):
        return False
    inside = all(((index >= 0) & (index < limit)).all() for index, limit in ((vertex, count), (bone, len(arrays["names"]))))
    return bool(inside and np.isfinite(weight).all() and (weight >= 0).all())
