"""The artist's own rig: which bones move each vertex of the meshes, where these bones begin, and which hangs on which."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, vstack

from ..errors import EngineError
from ..protocol import BONE_ARRAYS, ObjectSpec, inside
from .mesh_file import fits, invalid, read_stored, world_matrix


@dataclass(frozen=True)
class Rig:
    """Attributes:
    names: of the K bones, with their armature's.
    weights: (V, K) float32, how much each bone moves a vertex of all objects.
    head: (K, 3) float64 in the world, where each bone begins: it turns about that.
    parent: (K,) int64, the nearest of the bones above each, -1 for none.
    """

    names: tuple[str, ...]
    weights: csr_matrix
    head: np.ndarray
    parent: np.ndarray


def load_rig(specs: tuple[ObjectSpec, ...], counts: list[int], folder: Path) -> Rig | None:
    """The bones of all objects; None where no object has any.

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
        return None
    number = {name: index for index, name in enumerate(names)}
    head, parent, blocks = np.zeros((len(names), 3)), np.full(len(names), -1), []
    for spec, arrays, count in zip(specs, read, counts, strict=True):
        if arrays is None:
            blocks.append(csr_matrix((count, len(names)), dtype=np.float32))
            continue
        own, matrix = np.array([number[str(name)] for name in arrays["names"]], np.int64), world_matrix(spec)
        head[own] = arrays["head"] @ matrix[:3, :3].T + matrix[:3, 3]
        parent[own] = np.where(arrays["parent"] < 0, -1, own[arrays["parent"]])
        blocks.append(csr_matrix((arrays["weight"].astype(np.float32), (arrays["vertex"], own[arrays["bone"]])), shape=(count, len(names))))
    return Rig(tuple(names), vstack(blocks).tocsr(), head, parent)


def _read(spec: ObjectSpec, count: int, folder: Path) -> dict[str, np.ndarray]:
    arrays = read_stored(spec, inside(folder, spec.bones), "bone weights")
    if not arrays.keys() >= BONE_ARRAYS.keys():
        raise EngineError("mesh_invalid", f'The bone weights of "{spec.name}" come from another version of Align4D.', "Generate again.")
    if not fits(arrays, BONE_ARRAYS) or not _makes_sense(arrays, count):
        raise invalid(spec, "its bone weights are other arrays, or of other vertices")
    return arrays


def _makes_sense(arrays: dict[str, np.ndarray], count: int) -> bool:
    vertex, bone, weight, parent = (arrays[name] for name in ("vertex", "bone", "weight", "parent"))
    inside = all(((index >= 0) & (index < limit)).all() for index, limit in ((vertex, count), (bone, len(parent))))
    hung = (parent < np.arange(len(parent))).all()  # parents first: no bone hangs on itself
    return bool(inside and hung and np.isfinite(weight).all() and (weight >= 0).all() and np.isfinite(arrays["head"]).all())
