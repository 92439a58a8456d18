"""A method whose motion is a list, as STAG4D's and its kin's: where each Gaussian stands and how it is turned, frame by frame.

No mesh, no deformation field, nothing of this project's but what the paper lends: object distance alignment (ODA), motion-geometry
joint alignment (MGJA) and asynchronous optimization (AO), each of which can be left out (`Borrowed`), as in the paper's Table III.
The method's own part is short: positions by frame, each frame near the one before, and Adam.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from align4d.alignment.asynchronous import AsynchronousSchedule
from align4d.alignment.distance import video_aligned_distance
from align4d.alignment.known_views import PAPER, KnownViewLoss
from align4d.alignment.motion_geometry import MotionGeometryLoss, MotionGeometrySettings
from align4d.alignment.multiview_distance import MultiviewDistanceSettings, multiview_aligned_distance
from align4d.alignment.novel_views import NovelViews, novel_distances
from align4d.alignment.video_conditions import frame_video, middles
from align4d.cameras.orbit import Orbit
from align4d.priors.prior import MultiviewPrior
from align4d.rendering import Cameras, Gaussians, Rendering, rasterize


@dataclass(frozen=True)
class Borrowed:
    """What of the paper the method borrows: ODA, MGJA, AO."""

    distances: bool = True
    joint_alignment: bool = True
    turns: bool = True


@dataclass(frozen=True)
class PerFrameSettings:
    """Attributes:
    iterations: of the run; each looks at one frame.
    center_rate, color_rate: of Adam.
    temporal: weight of the mean squared step of a center from a frame to the next.
    novel_size: side of the unknown views [px].
    unknown: of MGJA; where it is not borrowed, its motion term against the noise, the plain distillation, is what is left.
    multiview: of ODA's sweep on the prior's side.
    """

    iterations: int = 500
    center_rate: float = 3e-3
    color_rate: float = 1e-2
    temporal: float = 100.0
    novel_size: int = 128
    unknown: MotionGeometrySettings = field(default_factory=MotionGeometrySettings)
    multiview: MultiviewDistanceSettings = field(default_factory=MultiviewDistanceSettings)


@dataclass(frozen=True)
class Footage:
    """The video.

    Attributes:
        color: (T, 3, S, S) sRGB, the object on white.
        alpha: (T, 1, S, S) its coverage.
        intrinsics: (3, 3) K [px].
        camera: from where it was filmed, at the distance that the method takes without ODA.
    """

    color: Tensor
    alpha: Tensor
    intrinsics: np.ndarray
    camera: Orbit

    def cameras(self, distances: list[float]) -> Cameras:
        """The video's camera at each of `distances`."""
        poses = np.stack([self.camera.moved(distance=one).world_to_camera() for one in distances])
        matrix = torch.from_numpy(self.intrinsics).to(self.color)
        return Cameras(torch.from_numpy(poses).to(self.color), matrix.expand(len(poses), 3, 3))


class PerFrameMethod:
    """The run.

    Args:
        asset: N Gaussians at rest; all frames share their scales and opacities.
        footage: the video.
        prior: the multiview prior.
        settings, borrowed: how.
        seed: of everything random.

    Attributes:
        centers: of each of T frames, (N, 3).
        distance: of the video's camera: d_V with ODA.
    """

    def __init__(
        self, asset: Gaussians, footage: Footage, prior: MultiviewPrior, settings: PerFrameSettings, borrowed: Borrowed = Borrowed(), seed: int = 0
    ) -> None:
        self.asset, self.footage, self.prior, self.settings, self.borrowed = asset, footage, prior, settings, borrowed
        frames, device = len(footage.color), footage.color.device
        self.generator = torch.Generator(device).manual_seed(seed)
        self.centers = [asset.means.clone().requires_grad_() for _ in range(frames)]
        self.turns = [asset.quats.clone().requires_grad_() for _ in range(frames)]
        self.colors = asset.colors.clone().requires_grad_()
        self.distance = self._video_distance() if borrowed.distances else footage.camera.distance
        self.camera = footage.camera.moved(distance=self.distance)
        middle = middles(asset).expand(frames, 3)
        video = frame_video(prior, footage.color, footage.alpha, footage.intrinsics, self.camera, middle)
        at_rest = self._seen(asset, footage.cameras([self.distance]), len(footage.color[0, 0]))
        rest = frame_video(prior, at_rest.color, at_rest.alpha, footage.intrinsics, self.camera, middle[:1])
        told = float(video.condition.distance[0])
        best = multiview_aligned_distance(self._from_anywhere, prior, video, settings.multiview, seed).best if borrowed.distances else told
        unknown = settings.unknown if borrowed.joint_alignment else replace(settings.unknown, geometry=0.0, against="noise")
        self.unknown = MotionGeometryLoss(prior, video, novel_distances(unknown.maod_mode, told, best, prior.facts), unknown, rest)
        self.known, self.schedule = KnownViewLoss(PAPER), AsynchronousSchedule(joint=not borrowed.turns)
        self.halves = {
            "deformation": torch.optim.Adam([*self.centers, *self.turns], settings.center_rate),
            "appearance": torch.optim.Adam([self.colors], settings.color_rate),
        }

    def frame(self, index: int) -> Gaussians:
        """The object in a frame."""
        asset = self.asset
        return Gaussians(self.centers[index], self.turns[index], asset.scales, asset.opacities, self.colors)

    def run(self) -> None:
        """All iterations: one frame each, one after the other; the halves take turns from one pass over the clip to the next."""
        for iteration in range(self.settings.iterations):
            self._step(iteration)

    def _step(self, iteration: int) -> None:
        settings, footage, index = self.settings, self.footage, iteration % len(self.centers)
        done, which = iteration / settings.iterations, torch.tensor([index], device=footage.color.device)
        shown, size = self.frame(index), settings.novel_size
        seen = self._seen(shown, footage.cameras([self.distance]), len(footage.color[0, 0]))
        loss = (done + 1 / settings.iterations) * self.known(seen.color, seen.alpha, footage.color[[index]], footage.alpha[[index]])
        views, fovy = self.unknown.draw(which, self.generator), self.prior.facts.fovy
        pictures = self._seen(shown, views.cameras(fovy, size), size).color
        asset = self._seen(self.asset, views.cameras(fovy, size), size).color if self.unknown.settings.needs_asset else None
        loss = loss + self.unknown(pictures, asset, which, views, done, self.generator).loss
        before = self.asset.means if index == 0 else self.centers[index - 1].detach()
        (loss + settings.temporal * (shown.means - before).square().sum(-1).mean()).backward()
        for phase in self.schedule.phases(iteration // len(self.centers)):
            self.halves[phase].step()
        for half in self.halves.values():
            half.zero_grad()

    def _video_distance(self) -> float:
        """d_V."""

        def from_front(distances: np.ndarray) -> tuple[Tensor, Tensor]:
            seen = self._seen(self.asset, self.footage.cameras(distances.tolist()), len(self.footage.color[0, 0]))
            return seen.color, seen.alpha

        first = self.footage.color[0], self.footage.alpha[0]
        return video_aligned_distance(from_front, *first, self.footage.camera.distance).best

    def _from_anywhere(self, views: NovelViews) -> Tensor:
        return self._seen(self.asset, views.cameras(self.prior.facts.fovy, self.settings.novel_size), self.settings.novel_size).color

    def _seen(self, shown: Gaussians, cameras: Cameras, size: int) -> Rendering:
        return rasterize(shown, cameras, (size, size))
