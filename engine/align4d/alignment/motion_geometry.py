"""Motion-geometry joint alignment (MGJA): unknown views learn the motion from the video and the geometry from the asset."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..priors.prior import Condition, MultiviewPrior, RelativeCamera
from .guidance import GuidanceSettings, distillation_gradient, distillation_loss
from .novel_views import MaodMode, NovelDistances, NovelViews, NovelViewSettings, draw_views, fit_to_prior


@dataclass(frozen=True)
class MotionGeometrySettings:
    """Attributes:
    geometry: lambda, the weight of the geometry term at the first frame [R]; 0 leaves it out, which is the baseline's plain
        distillation from the video and the paper's ablation "w/o MGJA".
    weight: of all unknown views against the known ones [P]; 0 leaves them out.
    maod_mode: what the multiview-aligned distance is used for, see `novel_distances` [R].
    views: where they are drawn.
    guidance: how the prior teaches.
    """

    geometry: float = 1.0
    weight: float = 1.0
    maod_mode: MaodMode = "render"
    views: NovelViewSettings = field(default_factory=NovelViewSettings)
    guidance: GuidanceSettings = field(default_factory=GuidanceSettings)

    def __post_init__(self) -> None:
        if self.maod_mode not in ("render", "delta", "radius"):
            raise ValueError(f"maod_mode is {self.maod_mode!r}, none of render, delta and radius")

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

    Both terms distil the same prior from the same noisy picture. They differ in what it is told: the video's frame and where
    the view stands relative to the video's camera (eq. 7), or the asset's own render from that very view (eq. 8).

    Args:
        prior: the teacher; its weights are frozen.
        video: conditions of all T frames of the video, see `video_conditions`.
        azimuth, elevation: of the video's camera [degrees].
        distances: from where novel views are rendered, and what the prior is told.
        settings: weights.
    """

    def __init__(
        self, prior: MultiviewPrior, video: Condition, azimuth: float, elevation: float, distances: NovelDistances, settings: MotionGeometrySettings
    ) -> None:
        self.prior, self.video, self.settings, self.distances = prior, video, settings, distances
        self.azimuth, self.elevation = azimuth, elevation
        self.guidance = settings.guidance.of(prior.facts)

    def draw(self, frames: int, generator: torch.Generator) -> NovelViews:
        """Random views of `frames` frames, those of one frame next to each other."""
        return draw_views(frames, self.azimuth, self.elevation, self.distances.rendered, self.prior.facts, self.settings.views, generator)

    def fade(self, frames: Tensor) -> Tensor:
        """lambda(frame) = lambda (1 - frame / T) [R]: geometry may leave the asset as time goes on."""
        return self.settings.geometry * (1 - frames / self.video.count)

    def __call__(
        self, pictures: Tensor, asset: Tensor | None, frames: Tensor, views: NovelViews, done: float, generator: torch.Generator
    ) -> UnknownViews:
        """The loss of F frames seen by B = F x N views.

        Args:
            pictures: (B, 3, R, R) of the deformed object on the prior's background; differentiable.
            asset: (B, 3, R, R) of the asset in its rest pose from the same views; None unless `settings.needs_asset`.
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
        frame = frames.repeat_interleave(count // len(frames))
        gradient, losses = torch.empty_like(small), []
        for some in self.guidance.batches(count, facts.views):
            there = NovelViews(views.azimuth[some], views.elevation[some], views.distance[some])
            shown = None if asset is None else asset[some]
            leaf = small[some].detach().requires_grad_()
            both = self._terms(leaf, noise[some], shown, frame[some], there, timestep)
            weighted = self.settings.weight / count * (both[0] + self.fade(frame[some]) * both[1]).sum()
            (gradient[some],) = torch.autograd.grad(weighted, leaf)
            losses.append(torch.stack([weighted.detach(), both[0].detach().sum() / count, both[1].detach().sum() / count]))
        loss, motion, geometry = torch.stack(losses).sum(0)
        # the value of the loss with the gradient found above: no batch's graph through `encode` outlives it
        carrier = (small * gradient).sum()
        return UnknownViews(loss + carrier - carrier.detach(), motion, geometry)

    def _terms(self, pictures: Tensor, noise: Tensor, asset: Tensor | None, frame: Tensor, views: NovelViews, timestep: int) -> tuple[Tensor, Tensor]:
        """(B,) L_mot and L_geo of one batch."""
        latent = self.prior.encode(pictures)
        turned = self._relative_to_video(frame, views)
        motion = distillation_loss(latent, self._gradient(latent, noise, timestep, self.video.take(frame), turned))
        if asset is None or self.settings.geometry == 0:
            return motion, torch.zeros_like(motion)
        own = self.prior.condition(fit_to_prior(asset.detach(), self.prior.facts.size), views.elevation, views.distance)
        same = RelativeCamera.same(views.count, latent.device)
        return motion, distillation_loss(latent, self._gradient(latent, noise, timestep, own, same))

    def _relative_to_video(self, frame: Tensor, views: NovelViews) -> RelativeCamera:
        told = torch.full_like(views.azimuth, self.distances.told)
        return RelativeCamera(views.elevation - self.video.elevation[frame], views.azimuth - self.azimuth, told)

    def _gradient(self, latent: Tensor, noise: Tensor, timestep: int, given: Condition, camera: RelativeCamera) -> Tensor:
        return distillation_gradient(self.prior, latent, noise, timestep, given, camera, self.guidance)
