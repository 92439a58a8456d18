"""The Gaussians of every frame as files that other programs read (`protocol.ply`), in each object's own space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ..errors import EngineError, writing
from ..gaussians.surface_bound import BoundGaussians
from ..inputs.asset import Asset, AssetObject
from ..protocol import GAUSSIAN_FRAME
from ..protocol.ply import HARMONIC, write_ply
from ..rendering import Gaussians

SMALLEST = 1e-12
"""Least standard deviation that is written, in units of the object: the logarithm of zero is no number."""


class GaussianSequence:
    """Writes output/gaussians_000/frame_0000.ply, ...: a folder for each object, a file for each frame.

    Args:
        folder: of the job.
        asset: whose objects the Gaussians belong to.
        owner: (N,) index into `asset.objects` of each Gaussian.
    """

    def __init__(self, folder: Path, asset: Asset, owner: np.ndarray) -> None:
        self.asset, self.folder = asset, folder
        self.members = [np.flatnonzero(owner == index) for index in range(len(asset.objects))]
        self.folders = tuple(f"output/gaussians_{index:03}" for index in range(len(asset.objects)))

    def write(self, frame: int, gaussians: Gaussians) -> None:
        """One frame of Gaussians in normalized space, each tensor (N, ...) or (1, N, ...).

        Raises:
            EngineError: "gaussians_invalid" where something is not a number, "disk_full", "cannot_write".
        """
        named = {name: tensor.detach().cpu().numpy() for name, tensor in gaussians.named().items()}
        widths = {"opacities": 1}
        arrays = {name: array.reshape(array.shape[-widths.get(name, 2) :]) for name, array in named.items()}
        for item, members, name in zip(self.asset.objects, self.members, self.folders, strict=True):
            rows = _rows(self.asset, item, {key: array[members] for key, array in arrays.items()})
            with writing():
                (self.folder / name).mkdir(parents=True, exist_ok=True)
                write_ply(self.folder / name / GAUSSIAN_FRAME.format(frame), rows)


def owners(asset: Asset, bound: BoundGaussians) -> np.ndarray:
    """(N,) index into `asset.objects` of the object whose surface each Gaussian lies on."""
    ends = np.array([item.triangles.stop for item in asset.objects])
    return np.searchsorted(ends, bound.triangle.cpu().numpy(), side="right")


def _rows(asset: Asset, item: AssetObject, own: dict[str, np.ndarray]) -> np.ndarray:
    """(n, 17) float32, columns as in `ply.PROPERTIES`, of one object's Gaussians in its own space."""
    if not all(np.isfinite(array).all() for array in own.values()):
        raise EngineError(
            "gaussians_invalid",
            f'The Gaussians of "{item.name}" came out as no numbers.',
            "Generate again with another seed, or without Gaussians, and report it.",
            "open_log",
        )
    inverse = np.linalg.inv(item.matrix_world)
    means = asset.similarity.invert(own["means"]) @ inverse[:3, :3].T + inverse[:3, 3]
    quats, scales = transformed(inverse[:3, :3] * asset.similarity.size, own["quats"], own["scales"])
    opacity = np.clip(own["opacities"].astype(np.float64), 1e-6, 1 - 1e-6)
    parts = (
        means,
        np.zeros_like(means),
        (own["colors"] - 0.5) / HARMONIC,
        np.log(opacity / (1 - opacity))[:, None],
        np.log(np.maximum(scales, SMALLEST)),
        quats,
    )
    return np.concatenate(parts, axis=1).astype(np.float32)


def transformed(linear: np.ndarray, quats: np.ndarray, scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (N, 4) wxyz and scales (N, 3) of Gaussians after a linear map (3, 3): exact, for a map that stretches or mirrors too.

    The covariance becomes M M^T with M = linear R S; its axes and lengths are what the singular value decomposition of M finds.
    """
    matrices = linear @ Rotation.from_quat(quats, scalar_first=True).as_matrix() * scales[:, None, :]
    axes, lengths, _ = np.linalg.svd(matrices)
    axes[..., 2] *= np.sign(np.linalg.det(axes))[:, None]
    return Rotation.from_matrix(axes).as_quat(scalar_first=True), lengths
