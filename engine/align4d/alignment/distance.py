"""Object distance alignment, the video's side (VAOD): how far from the asset the video was taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class DistanceSettings:
    """The sweep of eq. 4. Distances are in longest sides of the asset.

    Attributes:
        nearest, farthest: range of the sweep [R].
        step: of the sweep [P].
        border: largest mean alpha on the picture's border that still counts as being inside [R].
    """

    nearest: float = 1.0
    farthest: float = 4.0
    step: float = 0.05
    border: float = 0.01


@dataclass(frozen=True)
class DistanceCurve:
    """The whole sweep and its minimum.

    Attributes:
        distance: (M,) candidates.
        error: (M,) mean squared color error; inf where the object touched the border.
        best: d_V, refined below the step of the sweep.
    """

    distance: np.ndarray
    error: np.ndarray
    best: float

    def finite(self) -> dict[str, list[float]]:
        """The curve as lists, without the candidates that were excluded."""
        kept = np.isfinite(self.error)
        return {"distance": self.distance[kept].tolist(), "error": self.error[kept].tolist()}


Renderer = Callable[[np.ndarray], tuple[Tensor, Tensor]]
"""Distances (M,) -> colors (M, 3, H, W) and alphas (M, 1, H, W) of the asset seen from the video's direction."""


def video_aligned_distance(render: Renderer, frame: Tensor, frame_alpha: Tensor, settings: DistanceSettings | None = None) -> DistanceCurve:
    """d_V = argmin over d of mean((R(G; front, d) - I_1)^2), eqs. 2-4: the global minimum of a sweep, then a parabola through it.

    Args:
        render: the asset at each distance.
        frame: (3, H, W), the video's first frame on the background that `render` uses.
        frame_alpha: (1, H, W), its mask: an object that the video itself cuts may touch the border.
        settings: the sweep.

    Raises:
        ValueError: where every candidate touches the border.
    """
    settings = settings or DistanceSettings()
    distance = np.arange(settings.nearest, settings.farthest + settings.step / 2, settings.step)
    with torch.no_grad():
        color, alpha = render(distance)
        error = ((color - frame) ** 2).mean(dim=(1, 2, 3)).double().cpu().numpy()
        outside = border_alpha(alpha).cpu().numpy()
    if float(border_alpha(frame_alpha[None])[0]) <= settings.border:
        error = np.where(outside > settings.border, np.inf, error)
    if not np.isfinite(error).any():
        raise ValueError("at every distance of the sweep the asset reaches over the picture's border")
    return DistanceCurve(distance, error, parabola_minimum(distance, error, int(error.argmin())))


def border_alpha(alpha: Tensor) -> Tensor:
    """(M,) mean alpha over the outermost pixels of (M, 1, H, W)."""
    edges = [alpha[..., 0, :], alpha[..., -1, :], alpha[..., :, 0], alpha[..., :, -1]]
    return torch.cat(edges, -1).mean(dim=(1, 2))


def parabola_minimum(position: np.ndarray, value: np.ndarray, index: int) -> float:
    """The vertex of the parabola through sample `index` and its two neighbors; the sample itself at an end or beside an inf."""
    if index == 0 or index == len(value) - 1 or not np.isfinite(value[index - 1 : index + 2]).all():
        return float(position[index])
    before, here, after = value[index - 1 : index + 2]
    bend = before - 2 * here + after
    if bend <= 0:
        return float(position[index])
    return float(position[index] + 0.5 * (before - after) / bend * (position[index + 1] - position[index]))
