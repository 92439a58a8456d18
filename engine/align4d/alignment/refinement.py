"""All frames together: the poses, then what parts cannot do (the deformation field), in turns with the appearance."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..job.reporting import Reporter
from ..motion.hexplane import HexPlaneField
from ..motion.skeleton import Motion, Skeleton
from ..motion.triangles import triangle_frames
from ..rendering import Gaussians
from .animated_asset import AnimatedAsset
from .appearance import Appearance
from .hidden_side import keep_own_colors
from .iteration_losses import Losses
from .known_views import KnownViewLoss
from .lifted_depth import LiftedDepth
from .lifted_start import fit_to_depth
from .pose_cost import PoseCost
from .refinement_settings import RefinementSettings
from .rounds import FieldRound, PoseRound
from .tracking import Track
from .tracking_settings import TrackingSettings
from .view import View, seen_by_any
from .view_losses import ViewLosses

CLEARLY_LESS = 0.85
"""A track is gone on with where it costs less than this share of what the motion prior makes of it. Where both cost about the same, the
video says nothing of depth, and the prior does."""

AGREE = 0.3
"""Where what the motion prior tells is apart from the track by less than this, the track has seen the depth itself."""

NEARLY = 1.1
"""There the track goes on unless it costs more than this much of what the prior makes of it, which is a little flat."""

WINDOW = 24
"""Frames that are looked at together: memory is bounded by this, and not by the clip. Gradients of windows add up to that of the clip."""


@dataclass(frozen=True)
class Refined:
    """Attributes:
    motion: T frames.
    field: the deformation field, in the rest pose.
    animated: with the refined appearance.
    loss: per iteration, for the curves.
    lifted: the motion prior as it was last asked; None where it went without.
    """

    motion: Motion
    field: HexPlaneField
    animated: AnimatedAsset
    loss: list[float]
    lifted: LiftedDepth | None = None

    @torch.no_grad()
    def on_surface(self, frame: int, triangles: np.ndarray, world_to_camera: np.ndarray) -> Gaussians:
        """The Gaussians of one frame, each tensor with one set, on the asset's triangles (F, 3, 3) as they stand in it.

        `world_to_camera` (4, 4) is the video's: what faces away from it has the asset's own colors.
        """
        bound = self.animated.bound
        corners = torch.from_numpy(triangles).to(bound.corners)[bound.triangle.long()][None]
        shown = self.animated.on_corners(self.motion.frame(frame), corners)
        normals = self.animated.normals(triangle_frames(corners))
        return replace(shown, colors=keep_own_colors(shown.colors, bound.albedo, shown.means, normals, world_to_camera))


def refine(
    animated: AnimatedAsset,
    skeleton: Skeleton,
    views: tuple[View, ...],
    start: Track,
    known_frame: int | None,
    neutral: Tensor,
    tracking: TrackingSettings,
    settings: RefinementSettings,
    seed: int,
    report: Reporter,
    lifted: LiftedDepth | None = None,
) -> Refined:
    """Refines the poses of all frames, then the field on top of them; both in turns with the appearance (AO).

    Args:
        views: see `track`.
        known_frame: the frame that shows the rest pose, and keeps it; None where no frame does.
        neutral: see `PoseCost`.
        lifted: the motion prior, made for `animated` and the camera; None to go without.
    """
    torch.manual_seed(seed)
    cost = PoseCost(animated, skeleton, views, neutral, tracking)
    refinement = _Refinement(animated, skeleton, views, known_frame, cost, settings, seed, report, lifted)
    return refinement.run(start)


class _Refinement:
    """What both rounds share: the video, its camera, the appearance, the losses."""

    def __init__(
        self,
        animated: AnimatedAsset,
        skeleton: Skeleton,
        views: tuple[View, ...],
        known_frame: int | None,
        cost: PoseCost,
        settings: RefinementSettings,
        seed: int,
        report: Reporter,
        lifted: LiftedDepth | None,
    ) -> None:
        self.animated, self.skeleton, self.lifted = animated, skeleton, lifted
        self.known_frame, self.cost, self.settings, self.report = known_frame, cost, settings, report
        self.generator = torch.Generator().manual_seed(seed)
        self.appearance = Appearance(animated, settings.appearance, views)
        self.known = ViewLosses(views, KnownViewLoss(cost.settings.loss))
        self.usable = torch.from_numpy(np.flatnonzero(seen_by_any(views)))
        device = animated.albedo.device
        self.every, self.frames = self.usable.to(device), views[0].reference.frames
        self.losses = Losses(2 * settings.iterations, device, report)

    def run(self, start: Track) -> Refined:
        """See `refine`."""
        field_round = FieldRound(self.animated, self.frames, self.settings, self.generator)
        poses = self._poses(start)
        self._optimize(poses, self._frames_of_poses())
        field_round.motion = poses.motion()
        self._optimize(field_round, _batches(self.usable, self.settings, self.generator, self.every.device))
        return Refined(field_round.motion, field_round.field, self.appearance.on(self.animated, frozen=True), self.losses.read(), self.lifted)

    def _frames_of_poses(self) -> list[Tensor]:
        """Those of each iteration of the poses' round: poses are one motion and see all; colors learn the same from a few."""
        few = _batches(self.usable, self.settings, self.generator, self.every.device)
        return [self.every if "deformation" in self.settings.schedule.phases(number) else some for number, some in enumerate(few)]

    def _poses(self, start: Track) -> PoseRound:
        """A round that starts from what the prior makes of the track or, where video and prior find that clearly better, from the track."""
        if self.lifted is None:
            return self._pose_round(start)
        tracked = self.skeleton.pose(start.turn, start.shift)
        self.lifted.ask(tracked)
        agree = self.lifted.apart(tracked) < AGREE
        other = fit_to_depth(self.lifted, self.skeleton, self.cost, start, self.known_frame, self.settings.smooth)
        (own_cost, as_tracked), (fitted_cost, as_fitted) = self._tried(start), self._tried(other)
        return as_tracked if own_cost < (NEARLY if agree else CLEARLY_LESS) * fitted_cost else as_fitted

    def _pose_round(self, start: Track) -> PoseRound:
        return PoseRound(self.skeleton, start, self.known_frame, self.cost, self.settings, self.lifted)

    def _tried(self, start: Track) -> tuple[float, PoseRound]:
        """A round from this start, and loss and cost that it has after a few steps."""
        round_ = self._pose_round(start)
        for _ in range(self.settings.trial):
            self.report.check_cancelled()
            self._look(round_, self.every, ("deformation",))
            round_.step(0.0)
        loss, cost = self._look(round_, self.every, ())
        return float(loss + cost), round_

    def _look(self, round_: PoseRound | FieldRound, chosen: Tensor, phases: tuple[str, ...]) -> tuple[Tensor, Tensor]:
        """Known-view loss of the frames, and the round's own cost; leaves the gradients of their sum in what the phases optimize."""
        deforming, frozen = "deformation" in phases, "appearance" not in phases
        cost = round_.whole(chosen, deforming)
        _leave_gradient(cost)
        loss, cost, shown_in = torch.zeros_like(cost), cost.detach(), self.known.shown_in(chosen).clamp_min(1)
        for window in chosen.split(WINDOW):
            shown_by = self.appearance.on(self.animated, frozen)
            shown, motion, offset, effort = round_.show(shown_by, window, deforming)
            lights = [self.appearance.lighting(view, frozen) for view in range(len(self.known.views))]
            with self.losses.deferral:
                wrong = self.known(shown_by, shown, motion, offset, window, lights)
            parts = wrong * (self.known.shown_in(window) / shown_in), effort * (len(window) / len(chosen))
            _leave_gradient(parts[0] + parts[1])
            loss, cost = loss + parts[0].detach(), cost + parts[1].detach()
        return loss, cost

    def _optimize(self, round_: PoseRound | FieldRound, batches: list[Tensor]) -> None:
        """One iteration for each batch of frames, deformation and appearance in turns."""
        for iteration, chosen in enumerate(batches):
            self.report.check_cancelled()
            done = iteration / self.settings.iterations
            round_.before(done)
            phases = self.settings.schedule.phases(iteration)
            loss, _ = self._look(round_, chosen, phases)
            if "deformation" in phases:
                round_.step(done)
            if "appearance" in phases:
                self.appearance.cost().backward()
                self.appearance.optimizer.step()
            self.appearance.optimizer.zero_grad()
            self.losses.add(loss)


def _leave_gradient(cost: Tensor) -> None:
    """Adds its gradient to the leaves', where it has one."""
    if cost.requires_grad:
        cost.backward()


def _batches(frames: Tensor, settings: RefinementSettings, generator: torch.Generator, device: torch.device) -> list[Tensor]:
    """The frames of each iteration, on `device`; each pass holds every frame."""
    sizes = [len(one) for one in frames.split(settings.batch)]
    passes = -(-settings.iterations // len(sizes))
    order = torch.cat([frames[torch.randperm(len(frames), generator=generator)] for _ in range(passes)]).to(device)
    return list(order.split(sizes * passes))[: settings.iterations]
