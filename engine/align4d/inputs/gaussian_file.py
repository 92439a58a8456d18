"""A .ply of Gaussians as an asset. Higher harmonics are left out: the engine's colors do not depend on the view."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..errors import EngineError
from ..protocol import ply
from ..rendering import Gaussians
from .foreign import reading

MOST = 4_000_000
"""Gaussians in one asset."""

_ADVICE = "Export it again, as a binary .ply of 3D Gaussian splatting."


def holds_gaussians(path: Path) -> bool:
    """Whether a file is a .ply of Gaussians, and not one of a mesh; False for anything that cannot be read."""
    try:
        return ply.read_header(path).count > 0
    except (OSError, ply.PlyError):
        return False


def read_gaussians(path: Path) -> Gaussians:
    """The Gaussians of a file, after activation, in its own space; those with values that are no numbers are left out.

    Raises:
        EngineError: "gaussians_unreadable" or "gaussians_empty".
    """
    with reading("gaussians_unreadable", f"{path.name} cannot be read as Gaussians", _ADVICE, "choose_gaussians"):
        return _read(path)


def _read(path: Path) -> Gaussians:
    try:
        count = ply.read_header(path).count
        if not 0 < count <= MOST:
            raise EngineError("gaussians_empty", f"{path.name} has {count} Gaussians.", f"Use a file with 1 to {MOST:,} of them.", "choose_gaussians")
        stored = ply.read_ply(path)
    except ply.PlyError as error:
        raise EngineError("gaussians_unreadable", f"{path.name} {error}.", _ADVICE, "choose_gaussians") from error
    table = np.stack([stored[name].astype(np.float32) for name in ply.NEEDED], axis=1)
    table = table[np.isfinite(table).all(axis=1) & (np.linalg.norm(table[:, 10:14], axis=1) > 0)]
    if not len(table):
        raise EngineError("gaussians_empty", f"{path.name} has no Gaussian whose values are numbers.", "Export it again.", "choose_gaussians")
    values = torch.from_numpy(table)
    return Gaussians(
        means=values[:, :3].contiguous(),
        quats=torch.nn.functional.normalize(values[:, 10:14], dim=1),
        scales=values[:, 7:10].clamp(-20, 10).exp(),
        opacities=torch.sigmoid(values[:, 6]),
        colors=(0.5 + ply.HARMONIC * values[:, 3:6]).clamp(0, 1),
    )
