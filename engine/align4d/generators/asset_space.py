"""From a generator's own space (Y up, front towards +Z) to the engine's: Z up, front towards -Y, centered, longest side 1."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..cameras.orbit import Orbit, orbit_from_matrix
from ..motion.rotations import multiply
from ..rendering import Gaussians

UPRIGHT = (math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0)
"""Quaternion wxyz: +Y becomes +Z, +Z becomes -Y."""

OPAQUE = 0.05
"""Gaussians below this opacity do not count in the bounding box."""

OUTLIERS = 0.002
"""Part of the Gaussians that may lie beyond the bounding box, at each of its sides: single ones float far away."""


def normalized(gaussians: Gaussians, camera: Orbit) -> tuple[Gaussians, Orbit]:
    """The same in the engine's space, and the camera that stood at `camera` around the origin of the generator's own, turned upright."""
    turned = torch.stack([gaussians.means[:, 0], -gaussians.means[:, 2], gaussians.means[:, 1]], 1)
    center, size = _bounds(turned, gaussians.opacities)
    quats = multiply(torch.tensor(UPRIGHT).to(gaussians.quats).expand_as(gaussians.quats), gaussians.quats)
    asset = Gaussians((turned - center) / size, quats, gaussians.scales / size, gaussians.opacities, gaussians.colors)
    matrix = camera.world_to_camera()
    matrix[:3, 3] = (matrix[:3, :3] @ center.double().numpy() + matrix[:3, 3]) / size
    return asset, orbit_from_matrix(matrix, camera.fovy)


def _bounds(means: Tensor, opacities: Tensor) -> tuple[Tensor, float]:
    """Center (3,) and longest side of the box around what can be seen."""
    seen = means[opacities > OPAQUE]
    points = (seen if len(seen) else means).double().numpy()
    low, high = np.quantile(points, [OUTLIERS, 1 - OUTLIERS], axis=0)
    return torch.from_numpy((low + high) / 2).to(means), max(float((high - low).max()), 1e-6)
