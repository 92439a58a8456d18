"""Object distance alignment, the video's side (VAOD): how far from the asset the video was taken."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import ConvexHull, QhullError
from torch import Tensor

BORDER = 0.01
"""Largest mean alpha on the picture's border that still counts as being inside."""


@dataclass(frozen=True)
class DistanceSettings:
    """The sweep of eq. 4, by apparent size, so that it is as wide and as fine for every lens.

    Attributes:
        nearest, farthest: range of the sweep, in parts of the guess [R].
        step: from one candidate to the next, in parts of the distance [R]; the paper's 0.05 at a distance of 2.
        sweeps: most sweeps, each around the end at which the one before had its minimum [R].
    """

    nearest: float = 0.5
    farthest: float = 2.0
    step: float = 0.025
    sweeps: int = 4


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

    @property
    def at_end(self) -> bool:
        """Whether the minimum is the nearest or the farthest candidate that counts, so that a better one may lie beyond."""
        counted = np.flatnonzero(np.isfinite(self.error))
        return int(self.error.argmin()) in (counted[0], counted[-1])

    def finite(self) -> dict[str, list[float]]:
        """The curve as lists, without the candidates that were excluded."""
        kept = np.isfinite(self.error)
        return {"distance": self.distance[kept].tolist(), "error": self.error[kept].tolist()}


Renderer = Callable[[np.ndarray], tuple[Tensor, Tensor]]
"""Distances (M,) -> colors (M, 3, H, W) and alphas (M, 1, H, W) of the asset seen from the video's direction."""


def video_aligned_distance(
    render: Renderer, frame: Tensor, frame_alpha: Tensor, guess: float, settings: DistanceSettings | None = None
) -> DistanceCurve:
    """d_V = argmin over d of mean((R(G; front, d) - I_1)^2), eqs. 2-4: the global minimum of a sweep, then a parabola through it.

    Args:
        render: the asset at each distance.
        frame: (3, H, W), the video's first frame on the background that `render` uses.
        frame_alpha: (1, H, W), its mask: an object that the video itself cuts may touch the border.
        guess: distance around which to sweep, such as `pinhole_distance`.
        settings: the sweep.

    Raises:
        ValueError: where every candidate touches the border.
    """
    settings = settings or DistanceSettings()
    cut = float(border_alpha(frame_alpha[None])[0]) > BORDER
    curve = None
    for _ in range(settings.sweeps):
        distance = sweep_around(guess, settings.nearest, settings.farthest, settings.step)
        with torch.no_grad():
            color, alpha = render(distance)
            error = ((color - frame) ** 2).mean(dim=(1, 2, 3)).double().cpu().numpy()
            outside = border_alpha(alpha).cpu().numpy() > BORDER
        if not cut:
            error = np.where(outside, np.inf, error)
        if not np.isfinite(error).any():
            guess = float(distance[-1])
            continue
        index = int(error.argmin())
        curve = DistanceCurve(distance, error, lowest(distance, error, index))
        if 0 < index < len(distance) - 1:
            break
        guess = float(distance[index])
    if curve is None:
        raise ValueError("at every distance of the sweep the asset reaches over the picture's border")
    return curve


def sweep_around(guess: float, nearest: float, farthest: float, step: float) -> np.ndarray:
    """(M,) distances from `nearest` to `farthest` times `guess`, each about `step` of itself from the next."""
    count = round(math.log(farthest / nearest) / step) + 1
    return guess * np.geomspace(nearest, farthest, count)


def lowest(distance: np.ndarray, error: np.ndarray, index: int) -> float:
    """The minimum at sample `index` of a sweep by `sweep_around`, refined below its step."""
    return math.exp(parabola_minimum(np.log(distance), error, index))


def pinhole_distance(points: np.ndarray, turn: np.ndarray, ray: np.ndarray, intrinsics: np.ndarray, extent: tuple[float, float]) -> float:
    """How far from the asset's center a camera sees `points` as large as wanted, perspective included.

    Args:
        points: (N, 3) of the asset, around its center.
        turn: (3, 3), world to camera.
        ray: (3,), unit vector in camera space along which the camera sees the center.
        intrinsics: (3, 3) K [px].
        extent: width and height that the box around the points is to have in the picture [px]; its diagonal counts.
    """
    seen = points @ turn.T
    wanted = math.hypot(*extent)

    def size(distance: float) -> float:
        pixels = (seen + distance * ray) @ intrinsics.T
        return math.hypot(*np.ptp(pixels[:, :2] / pixels[:, 2:], axis=0))

    # right in front of the nearest point the box is without limit, and it only shrinks from there
    near = (1e-6 - float(seen[:, 2].min())) / float(ray[2])
    far = 2 * near
    while size(far) > wanted:
        near, far = far, 2 * far
    for _ in range(30):
        middle = (near + far) / 2
        near, far = (middle, far) if size(middle) > wanted else (near, middle)
    return far


def outermost(points: np.ndarray) -> np.ndarray:
    """Those of points (N, 3) that a box around all can touch, from wherever they are seen."""
    try:
        return points[ConvexHull(points).vertices]
    except QhullError:  # flat
        return points


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
