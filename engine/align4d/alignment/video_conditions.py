"""The video as a multiview prior wants to see it: from a camera that looks at the object's center, on the prior's background."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample

from ..cameras.orbit import Orbit, intrinsics_for
from ..priors.prior import Condition, MultiviewPrior, PriorFacts, same_apparent_size

MOST_SAMPLES = 8
"""Samples of a pixel along each axis, at most."""


@dataclass(frozen=True)
class ConditionCamera:
    """The camera of the condition pictures: where the video's stands, but it looks straight at the object's center.

    Attributes:
        orbit: the video's camera.
        fovy: of the condition pictures [degrees].
        distance: at which a camera with the prior's field of view sees the object as large: d_V as the prior counts it.
    """

    orbit: Orbit
    fovy: float
    distance: float


def condition_camera(video: Orbit, facts: PriorFacts) -> ConditionCamera:
    """The condition's camera for a video taken by `video`.

    Where the object then looks smaller or larger than the prior was ever shown one, the pictures are cropped or widened.
    """
    nearest, farthest = facts.distances
    distance = min(max(same_apparent_size(video.distance, video.fovy, facts.fovy), nearest), farthest)
    half = distance * math.tan(math.radians(facts.fovy) / 2) / video.distance
    return ConditionCamera(video, 2 * math.degrees(math.atan(half)), distance)


def condition_grid(size: tuple[int, int], intrinsics: np.ndarray, camera: ConditionCamera, facts: PriorFacts) -> np.ndarray:
    """(S n, S n, 2) float64: where in frames of `size` (height, width) the samples of the condition pictures lie, for `grid_sample`.

    Exact: the two cameras stand at the same place, so that their pictures differ by a homography only.
    """
    wanted = intrinsics_for(camera.fovy, facts.size, facts.size)
    samples = min(MOST_SAMPLES, max(1, math.ceil(intrinsics[0, 0] / wanted[0, 0])))
    fine = np.diag([samples, samples, 1]) @ wanted
    straight = camera.orbit.moved(roll=0.0, yaw=0.0, pitch=0.0)
    turn = camera.orbit.world_to_camera()[:3, :3] @ straight.world_to_camera()[:3, :3].T
    homography = intrinsics @ turn @ np.linalg.inv(fine)
    side = facts.size * samples
    steps = np.arange(side) + 0.5
    pixels = np.stack([*np.meshgrid(steps, steps), np.ones((side, side))], -1) @ homography.T
    height, width = size
    # what lies behind the video's camera is seen nowhere
    return np.where(pixels[..., 2:] > 0, pixels[..., :2] / np.abs(pixels[..., 2:]).clip(1e-9) / [width, height] * 2 - 1, -9.0)


def condition_pictures(color: Tensor, alpha: Tensor, intrinsics: np.ndarray, camera: ConditionCamera, facts: PriorFacts) -> Tensor:
    """The frames as `camera` sees them, (F, 3, S, S) with S the prior's size; see `condition_grid`.

    Args:
        color: (F, 3, H, W), the object on white; alpha: (F, 1, H, W).
        intrinsics: (3, 3) K [px] of the frames.
    """
    grid = torch.from_numpy(condition_grid((color.shape[-2], color.shape[-1]), intrinsics, camera, facts)).to(color)
    samples = len(grid) // facts.size
    # on black, because outside of the frame there is nothing
    layers = torch.cat([color - (1 - alpha), alpha], 1)
    seen = avg_pool2d(grid_sample(layers, grid.expand(len(color), *grid.shape), mode="bilinear", padding_mode="zeros", align_corners=False), samples)
    return (seen[:, :3] + (1 - seen[:, 3:]) * facts.background).clamp(0, 1)


def video_condition(
    prior: MultiviewPrior, color: Tensor, alpha: Tensor, intrinsics: np.ndarray, camera: ConditionCamera, batch: int = 32
) -> Condition:
    """The frames, digested by the prior, `batch` at a time; see `condition_pictures`."""
    parts = []
    for some, cover in zip(color.split(batch), alpha.split(batch), strict=True):
        pictures = condition_pictures(some, cover, intrinsics, camera, prior.facts).to(prior.device)
        elevation = torch.full((len(pictures),), camera.orbit.elevation, device=prior.device)
        parts.append(prior.condition(pictures, elevation, torch.full_like(elevation, camera.distance)))
    features = tuple(torch.cat(one) for one in zip(*(part.features for part in parts), strict=True))
    return Condition(torch.cat([part.elevation for part in parts]), torch.cat([part.distance for part in parts]), features)
