"""What the video never shows keeps the asset's own colors.

The light is learned from normals that face the camera. On the others its harmonics are an extrapolation, which makes backs gray or black.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

FADE = 0.3
"""Cosine by which a surface has turned away from the camera where nothing is left of the video's light."""


def keep_own_colors(shaded: Tensor, own: Tensor, means: Tensor, normals: Tensor, world_to_camera: np.ndarray) -> Tensor:
    """sRGB (..., N, 3): `shaded` by the video's light where surfaces face the camera, the asset's `own` (N, 3) where they face away.

    Args:
        means: (..., N, 3) where they are.
        normals: (..., N, 3) unit length.
        world_to_camera: (4, 4) of the video.
    """
    eye = torch.from_numpy(-world_to_camera[:3, :3].T @ world_to_camera[:3, 3]).to(means)
    towards = torch.nn.functional.normalize(eye - means, dim=-1)
    hidden = (-(normals * towards).sum(-1, keepdim=True) / FADE).clamp(0, 1)
    return torch.lerp(shaded, own.expand_as(shaded), hidden)
