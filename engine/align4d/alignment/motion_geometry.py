"""Motion-geometry joint alignment (MGJA): unknown views learn the motion from the video and the geometry from the asset."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from ..priors.prior import MultiviewPrior, RelativeCamera
from .guidance import GuidanceSettings, Told, distillation_gradient, distillation_loss, falling
from .novel_views import MaodMode, NovelDistances, NovelViews, NovelViewSettings, draw_views, fit_to_prior
from .video_conditions import FramedVideo

LATE = (250, 20)
"""Timesteps of Stable Diffusion's schedule at which a picture's outlines are seen through the noise."""


@dataclass(frozen=True)
class MotionGeometrySettings:
    """Attributes:
    geometry: lambda, the weight of the geometry term at the first frame [R]; 0 leaves it out, which is the baseline's plain
        distillation from the video and the paper's ablation "w/o MGJA".
    geometry_timesteps: from the first to the last of which t falls in the geometry term alone. At little noise it holds the
        asset's texture and details; at much it is an identity that pulls every pose back to rest, harder than the video's
        frames pull forward. (0, 0) is the t of the motion term, as published.
    weight: of all unknown views against the known ones [P]; 0 leaves them out.
    falls: how fast the weight falls to 0 over the run: a power of the part that is left. The prior says where to, and the known views,
        whose weight rises, where exactly. Beyond the paper; 0 keeps the weight, as published.
    teaches: "all", whatever learns in an iteration, as published; or "motion", where Gaussians are, and neither how they are turned
        and stretched nor their colors and opacities, which could soak up what should have become motion.
    against: what eq. 7 compares the prior's answer with: "noise", the noise that was drawn, as published; or "rest", its answer
        when it is shown the asset at rest in the place of the frame. What it says of any pose then cancels out, such as that
        the picture is too sharp, and so does the noise; what is left is the motion.
    maod_mode: what the multiview-aligned distance is used for, see `novel_distances` [R].
    views: where they are drawn.
    guidance: how the prior teaches.
    """

    geometry: float = 1.0
    geometry_timesteps: tuple[int, int] = LATE
    weight: float = 1.0
    falls: float = 0.0
    teaches: Literal["all", "motion"] = "all"
    against: Literal["noise", "rest"] = "noise"
    maod_mode: MaodMode = "render"
    views: NovelViewSettings = field(default_factory=NovelViewSettings)
    guidance: GuidanceSettings = field(default_factory=GuidanceSettings)

    def __post_init__(self) -> None:
        if self.maod_mode not in ("render", "delta", "radius"):
            raise ValueError(f"maod_mode is {self.maod_mode!r}, none of render, delta and radius")
        if self.teaches not in ("all", "motion"):
            raise ValueError(f"teaches is {self.teaches!r}, neither all nor motion")
        if self.against not in ("noise", "rest"):
            raise ValueError(f"against is {self.against!r}, neither noise nor rest")

    def geometry_timestep(self, done: float | Tensor, motion: Tensor) -> Tensor:
        """t of the geometry term when the part `done` of the run is over and the motion term's is `motion`."""
        return falling(self.geometry_timesteps, done) if self.geometry_timesteps[0] else motion

    def weight_at(self, done: float | Tensor) -> float | Tensor:
        """The weight when the part `done` of the run is over."""
        return self.weight * (1 - done) ** self.falls if self.falls else self.weight

    @property
    def needs_asset(self) -> bool:
        """Whether the asset has to be rendered from every unknown view."""
        return self.geometry != 0


@dataclass(frozen=True)
class UnknownViews:
    """What `MotionGeometryLoss` says of a batch of pictures; scalars.

    Attributes:
        loss: L_unk, eq. 9, weighted; to be differentiated.
        motion, geometry: its two means, without gradients and weights. They fall because t is annealed: no sign of convergence.
    """

    loss: Tensor
    motion: Tensor
    geometry: Tensor


class MotionGeometryLoss:
    """L_unk = mean over frames and views of (L_mot + lambda(frame) L_geo), eqs. 7-9.

    Both terms distil the same prior from the same picture. They differ in what it is told: the video's frame and where
    the view stands relative to the video's camera (eq. 7), or the asset's own render from that very view (eq. 8).

    Args:
        prior: the teacher; its weights are frozen.
        video: all T frames, see `frame_video`; to be replaced as the object's middle moves.
        distances: from where novel views are rendered, and what the prior is told.
        settings: weights.
        rest: the asset at rest as one frame, from the video's camera; needed where `settings.against` is "rest".
    """

    def __init__(
        self, prior: MultiviewPrior, video: FramedVideo, distances: NovelDistances, settings: MotionGeometrySettings, rest: FramedVideo | None = None
    ) -> None:
        if rest is None and settings.against == "rest":
            raise ValueError("these settings need the asset at rest")
        self.prior, self.video, self.settings, self.distances = prior, video, settings, distances
        self.rest = rest if settings.against == "rest" else None
        self.guidance = settings.guidance.of(prior.facts)

    def draw(self, frames: Tensor, generator: torch.Generator) -> NovelViews:
        """Random views of the frames (F,) int64, those of one frame next to each other, around where the object is there."""
        seen = self.video.take(frames)
        far = self.distances.rendered * seen.condition.distance
        where = seen.azimuth, seen.condition.elevation, far, seen.middle
        return draw_views(*where, self.prior.facts, self.settings.views, generator)

    def fade(self, frames: Tensor) -> Tensor:
        """lambda(frame) = lambda (1 - frame / T) [R]: geometry may leave the asset as time goes on."""
        return self.settings.geometry * (1 - frames / self.video.condition.count)

    def __call__(
        self, pictures: Tensor, asset: Tensor | None, frames: Tensor, views: NovelViews, done: float | Tensor, generator: torch.Generator
    ) -> UnknownViews:
        """The loss of F frames seen by B = F x N views.

        Args:
            pictures: (B, 3, R, R) of the deformed object on the prior's background; differentiable.
            asset: (B, 3, R, R) of the asset in its rest pose from the same sides, about its own middle; None unless
                `settings.needs_asset`.
            frames: (F,) int64 indices of the frames, on the prior's device.
            views: from `draw`.
            done: part of the run that is over, in [0, 1].
            generator: of the noise, on the prior's device.

        Raises:
            ValueError: where the asset's pictures are needed and missing.
        """
        if asset is None and self.settings.needs_asset:
            raise ValueError("these settings need pictures of the asset")
        facts, count = self.prior.facts, len(pictures)
        small = fit_to_prior(pictures, facts.size)
        shape = (count, facts.channels, facts.latent_size, facts.latent_size)
        noise = torch.randn(shape, generator=generator, device=small.device, dtype=small.dtype)
        timestep = self.guidance.timestep(done)
        timesteps = timestep, self.settings.geometry_timestep(done, timestep)
        frame = frames.repeat_interleave(count // len(frames))
        weight, gradient, losses = self.settings.weight_at(done) / count, torch.empty_like(small), []
        for some in self.guidance.batches(count, facts.views):
            there = views.take(some)
            shown = None if asset is None else asset[some]
            leaf = small[some].detach().requires_grad_()
            both = self._terms(leaf, noise[some], shown, frame[some], there, timesteps)
            weighted = (weight * (both[0] + self.fade(frame[some]) * both[1])).sum()
            (gradient[some],) = torch.autograd.grad(weighted, leaf)
            losses.append(torch.stack([weighted.detach(), both[0].detach().sum() / count, both[1].detach().sum() / count]))
        loss, motion, geometry = torch.stack(losses).sum(0)
        # the value of the loss with the gradient found above: no batch's graph through `encode` outlives it
        carrier = (small * gradient).sum()
        return UnknownViews(loss + carrier - carrier.detach(), motion, geometry)

    def _terms(
        self, pictures: Tensor, noise: Tensor, asset: Tensor | None, frame: Tensor, views: NovelViews, timesteps: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """(B,) L_mot and L_geo of one batch; t of each."""
        latent, seen = self.prior.encode(pictures), self.video.take(frame)
        rest = None if self.rest is None else self._told(self.rest.take(torch.zeros_like(frame)), views)
        motion = distillation_loss(latent, self._gradient(latent, noise, timesteps[0], self._told(seen, views), rest))
        if asset is None or self.settings.geometry == 0:
            return motion, torch.zeros_like(motion)
        own = self.prior.condition(fit_to_prior(asset.detach(), self.prior.facts.size), views.elevation, views.distance)
        same = Told(own, RelativeCamera.same(views.count, latent.device))
        return motion, distillation_loss(latent, self._gradient(latent, noise, timesteps[1], same))

    def _told(self, seen: FramedVideo, views: NovelViews) -> Told:
        """What is shown beside each view, and where it stands relative to that."""
        told = self.distances.told(seen.condition.distance)
        return Told(seen.condition, RelativeCamera(views.elevation - seen.condition.elevation, views.azimuth - seen.azimuth, told))

    def _gradient(self, latent: Tensor, noise: Tensor, timestep: Tensor, told: Told, other: Told | None = None) -> Tensor:
        return distillation_gradient(self.prior, latent, noise, timestep, told, self.guidance, other)
