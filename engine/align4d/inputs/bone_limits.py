"""How far the artist's own bones may turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..protocol import LIMIT_ARRAYS, ObjectSpec, inside
from .mesh_file import fits, invalid, read_stored


@dataclass(frozen=True)
class BoneLimit:
    """One limit of one bone; see `LIMIT_ARRAYS` for what they mean.

    Attributes:
        bone: its name.
        against_parent: whether it turns against the bone above it, or in the world.
        frame, stand: (3, 3) orthogonal.
        axes: (3,) in which order it turns about X, Y and Z.
        low, high: (3,) [rad] of the angles in that order.
    """

    bone: str
    against_parent: bool
    frame: np.ndarray
    stand: np.ndarray
    axes: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class BoneLimits:
    """Attributes:
    above: names of the bones above each bone, the nearest first.
    limits: of some of the bones; one may have several.
    """

    above: Mapping[str, tuple[str, ...]]
    limits: tuple[BoneLimit, ...]


def load_bone_limits(specs: tuple[ObjectSpec, ...], folder: Path) -> BoneLimits | None:
    """The limits of all objects' bones, those that objects share once; None where there is none.

    Args:
        specs: the request's objects.
        folder: of the job.

    Raises:
        EngineError: "mesh_missing", "mesh_unreadable", "mesh_invalid".
        ProtocolError: where they would lie outside of the folder.
    """
    above: dict[str, tuple[str, ...]] = {}
    limits: list[BoneLimit] = []
    for spec in specs:
        if spec.limits:
            arrays = _read(spec, folder)
            names, parent = [str(name) for name in arrays["names"]], arrays["parent"].tolist()
            limits += [one for one in _limits(arrays, names) if one.bone not in above]
            above |= {name: tuple(_above(bone, names, parent)) for bone, name in enumerate(names)}
    return BoneLimits(above, tuple(limits)) if limits else None


def _read(spec: ObjectSpec, folder: Path) -> dict[str, np.ndarray]:
    arrays = read_stored(spec, inside(folder, spec.limits), "bone limits")
    if not fits(arrays, LIMIT_ARRAYS) or not _makes_sense(arrays):
        raise invalid(spec, "its bone limits are other arrays, or of no bones")
    return arrays


def _limits(arrays: dict[str, np.ndarray], names: list[str]) -> list[BoneLimit]:
    columns = (arrays[name] for name in ("bone", "against_parent", "frame", "stand", "axes", "low", "high"))
    return [
        BoneLimit(names[bone], bool(against), _orthogonal(frame), _orthogonal(stand), axes, low, high)
        for bone, against, frame, stand, axes, low, high in zip(*columns, strict=True)
    ]


def _makes_sense(arrays: dict[str, np.ndarray]) -> bool:
    count, parent, bone = len(arrays["names"]), arrays["parent"], arrays["bone"]
    return bool(
        (parent < count).all()
        and (parent < np.arange(count)).all()  # parents first: no bone hangs on itself
        and ((bone >= 0) & (bone < count)).all()
        and np.isfinite(arrays["frame"]).all()
        and np.isfinite(arrays["stand"]).all()
        and (np.sort(arrays["axes"], 1) == [0, 1, 2]).all()
        and (arrays["low"] <= arrays["high"]).all()
    )


def _above(bone: int, names: list[str], parent: list[int]) -> list[str]:
    found = []
    while (bone := parent[bone]) >= 0:
        found.append(names[bone])
    return found


def _orthogonal(matrix: np.ndarray) -> np.ndarray:
    """The nearest matrix that neither scales nor shears."""
    left, _, right = np.linalg.svd(matrix.astype(np.float64))
    nearest: np.ndarray = left @ right
    return nearest
