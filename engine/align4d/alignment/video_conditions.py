"""The video as a multiview prior wants to see it: from cameras that look at the object's middle, on the prior's background."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample

from ..cameras.orbit import Orbit, intrinsics_for
from ..priors.prior import Condition, MultiviewPrior, PriorFacts, same_apparent_size
from ..rendering import Gaussians

MOST_SAMPLES = 8
"""Samples of a pixel along each axis, at most."""

VISIBLE = 0.3
"""Opacity from which a Gaussian counts where the object's middle is looked for."""


@dataclass(frozen=True)
class ConditionCamera:
    """The camera of a condition picture: where the video's stands, but it looks straight at the object's middle.

    Attributes:
        orbit: the video's camera, around that middle.
        fovy: of the condition picture [degrees].
        distance: at which a camera with the prior's field of view sees the object as large: the object's distance as the prior counts it.
    """

    orbit: Orbit
    fovy: float
    distance: float


def condition_camera(video: Orbit, facts: PriorFacts, middle: Sequence[float] = (0.0, 0.0, 0.0)) -> ConditionCamera:
    """The condition's camera for a video taken by `video` of an object whose middle is at `middle` (3,).

    Where the object then looks smaller or larger than the prior was ever shown one, the pictures are cropped or widened.
    """
    around = video.around(middle)
    nearest, farthest = facts.distances
    distance = min(max(same_apparent_size(around.distance, video.fovy, facts.fovy), nearest), farthest)
    half = distance * math.tan(math.radians(facts.fovy) / 2) / around.distance
    return ConditionCamera(around, 2 * math.degrees(math.atan(half)), distance)


def condition_pictures(color: Tensor, alpha: Tensor, intrinsics: np.ndarray, cameras: Sequence[ConditionCamera], facts: PriorFacts) -> Tensor:
    """The frames as `cameras` see them, (F, 3, S, S) with S the prior's size.

    Exact: each stands at the same place as the video's camera, so that their pictures differ by a homography only.

    Args:
        color: (F, 3, H, W), the object on white; alpha: (F, 1, H, W).
        intrinsics: (3, 3) K [px] of the frames.
        cameras: one for each frame.
    """
    # on black, because outside of the frame there is nothing
    layers = torch.cat([color - (1 - alpha), alpha], 1)
    seen = torch.cat([_picture(layers[[index]], intrinsics, camera, facts.size) for index, camera in enumerate(cameras)])
    return (seen[:, :3] + (1 - seen[:, 3:]) * facts.background).clamp(0, 1)


def _picture(layers: Tensor, intrinsics: np.ndarray, camera: ConditionCamera, size: int) -> Tensor:
    """(1, C, size, size) of `layers` (1, C, H, W)."""
    wanted = intrinsics_for(camera.fovy, size, size)
    samples = min(MOST_SAMPLES, max(1, math.ceil(intrinsics[0, 0] / wanted[0, 0])))
    grid = _grid(layers, intrinsics, camera, size, samples)[None]
    return avg_pool2d(grid_sample(layers, grid, mode="bilinear", padding_mode="zeros", align_corners=False), samples)


def _grid(layers: Tensor, intrinsics: np.ndarray, camera: ConditionCamera, size: int, samples: int) -> Tensor:
    """(S n, S n, 2) where in `layers` (1, C, H, W) the n² samples of each pixel of the condition picture lie, for `grid_sample`."""
    fine = np.diag([samples, samples, 1]) @ intrinsics_for(camera.fovy, size, size)
    straight = camera.orbit.moved(roll=0.0, yaw=0.0, pitch=0.0)
    turn = camera.orbit.world_to_camera()[:3, :3] @ straight.world_to_camera()[:3, :3].T
    homography = torch.from_numpy(intrinsics @ turn @ np.linalg.inv(fine)).to(layers)
    steps = torch.arange(size * samples, device=layers.device, dtype=layers.dtype) + 0.5
    down, across = torch.meshgrid(steps, steps, indexing="ij")
    pixels = torch.stack([across, down, torch.ones_like(down)], -1) @ homography.T
    place = pixels[..., :2] / pixels[..., 2:].abs().clamp_min(1e-9) / layers.new_tensor([layers.shape[-1], layers.shape[-2]]) * 2 - 1
    # what lies behind the video's camera is seen nowhere
    return torch.where(pixels[..., 2:] > 0, place, -9.0)


@dataclass(frozen=True)
class FramedVideo:
    """The video as the prior sees it, each frame with the object's middle in the middle of the picture.

    Attributes:
        condition: all T frames, digested; where the video's camera stands is counted from the middles.
        azimuth: (T,) of the video's camera around each middle [degrees].
        middle: (T, 3) of the object in each frame, in longest sides.
    """

    condition: Condition
    azimuth: Tensor
    middle: Tensor

    def take(self, index: Tensor) -> FramedVideo:
        """The frames `index` (B,) int64, which may repeat."""
        return FramedVideo(self.condition.take(index), self.azimuth[index], self.middle[index])

    def copy(self) -> FramedVideo:
        """The same in tensors of its own."""
        return self.take(torch.arange(self.condition.count, device=self.azimuth.device))

    def become(self, other: FramedVideo) -> None:
        """Takes on what `other` is, in the tensors that it has."""
        for own, given in zip(self._tensors(), other._tensors(), strict=True):
            own.copy_(given)

    def _tensors(self) -> tuple[Tensor, ...]:
        condition = self.condition
        return (condition.elevation, condition.distance, *condition.features, self.azimuth, self.middle)


def frame_video(
    prior: MultiviewPrior, color: Tensor, alpha: Tensor, intrinsics: np.ndarray, camera: Orbit, middle: Tensor, batch: int = 32
) -> FramedVideo:
    """The frames, digested by the prior, `batch` at a time.

    A prior was trained on objects whose middle is on the optical axis. A camera that looks at where the middle was at rest shows it
    an object that has moved beside the axis, and it answers with the one that would be on it: it asks for the motion's reverse.

    Args:
        color, alpha, intrinsics: as of `condition_pictures`.
        camera: of the video.
        middle: (T, 3) where the object is thought to be in each frame, such as `middles`.
    """
    cameras = [condition_camera(camera, prior.facts, place) for place in middle.detach().cpu().double().tolist()]
    parts = []
    for start in range(0, len(color), batch):
        some = slice(start, start + batch)
        pictures = condition_pictures(color[some], alpha[some], intrinsics, cameras[some], prior.facts).to(prior.device)
        told = torch.tensor([[one.orbit.elevation, one.distance] for one in cameras[some]], dtype=torch.float32, device=prior.device)
        parts.append(prior.condition(pictures, *told.unbind(-1)))
    features = tuple(torch.cat(one) for one in zip(*(part.features for part in parts), strict=True))
    condition = Condition(torch.cat([part.elevation for part in parts]), torch.cat([part.distance for part in parts]), features)
    azimuth = torch.tensor([one.orbit.azimuth for one in cameras], dtype=torch.float32, device=prior.device)
    return FramedVideo(condition, azimuth, middle.detach().to(prior.device))


@torch.no_grad()
def middles(gaussians: Gaussians) -> Tensor:
    """(..., 3) the middle of the box around what is seen of Gaussians (their means are (..., N, 3)): what priors put on the optical axis."""
    unseen = (gaussians.opacities < VISIBLE)[..., None]
    low = gaussians.means.masked_fill(unseen, torch.inf).amin(-2)
    high = gaussians.means.masked_fill(unseen, -torch.inf).amax(-2)
    return torch.where(low <= high, (low + high) / 2, 0.0)
