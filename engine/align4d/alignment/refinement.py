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
from ..rendering.recorded_steps import RecordedSteps
from ..rendering.shares import AT_ONCE, summed
from .animated_asset import AnimatedAsset
from .appearance import Appearance
from .asynchronous import Phase
from .hidden_side import keep_own_colors
from .iteration_losses import Losses
from .known_views import KnownViewLoss
from .lifted_depth import LiftedDepth
from .lifted_start import fit_to_depth
from .pose_cost import PoseCost
from .refinement_settings import RefinementSettings
from .rounds import FieldRound, PoseRound
from .track import Track
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


Kind = tuple[type, tuple[Phase, ...], int]
"""Of an iteration: its round, what learns, and how many frames it looks at."""


class _Refinement:
    """What both rounds share: the video, its camera, the appearance, the losses."""

    round: PoseRound | FieldRound
    """The one at hand."""

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
        self.loss = torch.zeros((), device=device)
        self.chosen: dict[int, Tensor] = {}
        """Frames of the iteration at hand, by how many they are: a recorded iteration finds them where they were."""
        self.steps: RecordedSteps[Kind] = RecordedSteps(self._iterate, device, animated.backend, cost.settings.recorded)

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
        round_ = self._pose_round(start)
        own_cost = self._tried(round_, start)
        as_tracked = [one.detach().clone() for one in round_.tensors()]
        if own_cost < (NEARLY if agree else CLEARLY_LESS) * self._tried(round_, other):
            _put_back(round_.tensors(), as_tracked)
        return round_

    def _pose_round(self, start: Track) -> PoseRound:
        return PoseRound(self.skeleton, start, self.known_frame, self.cost, self.settings, self.lifted)

    def _tried(self, round_: PoseRound, start: Track) -> float:
        """Loss and cost that a round has after a few steps from this start."""
        phases: tuple[Phase, ...] = ("deformation",)
        self.steps.run(lambda: round_.begin(start), self.settings.trial, lambda: self._next(round_, self.every, phases, 0.0))
        loss, cost = self._look(round_, self.every, ())
        return float(loss + cost)

    def _look(self, round_: PoseRound | FieldRound, chosen: Tensor, phases: tuple[str, ...]) -> tuple[Tensor, Tensor]:
        """Known-view loss of the frames, and the round's own cost; leaves the gradients of their sum in what the phases optimize."""
        deforming, frozen = "deformation" in phases, "appearance" not in phases
        cost = round_.whole(chosen, deforming)
        _leave_gradient(cost)
        shown_by, common = self.appearance.on(self.animated, frozen), round_.common(deforming)
        lights = [self.appearance.lighting(view, frozen) for view in range(len(self.known.views))]
        shown_in = self.known.shown_in(chosen).clamp_min(1)

        def look(frames: Tensor) -> Tensor:
            shown, motion, offset, effort = round_.show(shown_by, frames, deforming, common)
            with self.losses.deferral():
                wrong = self.known(shown_by, shown, motion, offset, frames, lights)
            return torch.stack([wrong * (self.known.shown_in(frames) / shown_in), effort * (len(frames) / len(chosen))])

        learning = [shown_by.albedo, shown_by.lighting.coefficients, *(light.coefficients for light in lights if light)]
        if deforming:
            learning += round_.learning(common)
        together = WINDOW if chosen.is_cuda else min(-(-len(chosen) // AT_ONCE), -(-WINDOW // AT_ONCE))
        loss, effort = summed(look, chosen.split(together), learning)
        return loss, cost.detach() + effort

    def _optimize(self, round_: PoseRound | FieldRound, batches: list[Tensor]) -> None:
        """One iteration for each batch of frames, deformation and appearance in turns."""
        changing = [*round_.tensors(), *self.appearance.optimizer.tensors()]
        start, first, iteration = [one.detach().clone() for one in changing], self.losses.done, 0

        def begin() -> None:
            nonlocal iteration
            _put_back(changing, start)
            self.losses.done, iteration = first, 0

        def each() -> Kind:
            nonlocal iteration
            if iteration:
                self.losses.add(self.loss)
            chosen, phases = batches[iteration], self.settings.schedule.phases(iteration)
            kind = self._next(round_, chosen, phases, iteration / self.settings.iterations)
            iteration += 1
            return kind

        self.steps.run(begin, len(batches), each)
        self.losses.add(self.loss)

    def _next(self, round_: PoseRound | FieldRound, chosen: Tensor, phases: tuple[Phase, ...], done: float) -> Kind:
        """Tells the next iteration its frames, and what is over of the round."""
        self.report.check_cancelled()
        round_.before(done)
        self.chosen.setdefault(len(chosen), torch.empty_like(chosen)).copy_(chosen)
        self.round = round_
        return type(round_), phases, len(chosen)

    def _iterate(self, kind: Kind) -> None:
        _, phases, count = kind
        loss, _ = self._look(self.round, self.chosen[count], phases)
        if "deformation" in phases:
            self.round.step()
        if "appearance" in phases:
            self.appearance.cost().backward()
            self.appearance.optimizer.step()
        self.appearance.optimizer.zero_grad()
        self.loss.copy_(loss)


@torch.no_grad()
def _put_back(tensors: list[Tensor], values: list[Tensor]) -> None:
    """Sets the tensors to these values."""
    for one, value in zip(tensors, values, strict=True):
        one.copy_(value)


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
