"""All frames together: the poses, then what parts cannot do (the deformation field), in turns with the appearance."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ..job.reporting import Reporter
from ..motion.hexplane import HexPlaneField, HexPlaneSettings
from ..motion.skeleton import Motion, Skeleton
from ..motion.triangles import triangle_frames
from ..rendering import Gaussians
from .animated_asset import AnimatedAsset
from .appearance import Appearance, AppearanceSettings
from .asynchronous import AsynchronousSchedule
from .hidden_side import keep_own_colors
from .iteration_losses import Losses
from .known_views import KnownViewLoss
from .lifted_depth import LiftedDepth, LiftedDepthSettings
from .lifted_start import fit_to_depth
from .optimizer import LeveredAdam
from .pose_levers import levers
from .tracking import PoseCost, Track, TrackingSettings
from .view import View, seen_by_any
from .view_losses import ViewLosses

NEIGHBORS = 6

CLEARLY_LESS = 0.95
"""A track is gone on with where it costs less than this share of what the motion prior makes of it. Where both cost about the same, the
video says nothing of depth, and the prior does."""


@dataclass(frozen=True)
class RefinementSettings:
    """Attributes:
    resolution: of the pictures that are compared [px].
    iterations: of each of the two rounds (poses, field); every other one is the appearance's.
    batch: frames of an iteration of the field's round.
    rate, last_rate: of the poses, as in `TrackingSettings`.
    smooth: cost of a joint's acceleration, per frame, of 1 (in units of the whole surface's motion), squared.
    field_rate, grid_rate: learning rates of the field's MLP and planes [D].
    rigid: as-rigid-as-possible: cost of changing the distance of neighboring Gaussians by its own length, squared.
    small: cost of a displacement by the field of one longest side of the asset, squared.
    trial: steps of the poses from each of two starts, the track and what the motion prior makes of it, before the better one goes on.
    lifted: what the motion prior says of depth.
    appearance: how colors and light learn.
    hexplane: sizes of the field.
    schedule: which half is optimized when.
    """

    resolution: int = 160
    iterations: int = 40
    batch: int = 6
    rate: float = 0.01
    last_rate: float = 0.001
    smooth: float = 2.0
    field_rate: float = 6.4e-4
    grid_rate: float = 6.4e-3
    rigid: float = 1.0
    small: float = 20.0
    trial: int = 6
    lifted: LiftedDepthSettings = field(default_factory=LiftedDepthSettings)
    appearance: AppearanceSettings = field(default_factory=AppearanceSettings)
    hexplane: HexPlaneSettings = field(default_factory=HexPlaneSettings)
    schedule: AsynchronousSchedule = field(default_factory=AsynchronousSchedule)


@dataclass(frozen=True)
class Refined:
    """Attributes:
    motion: T frames.
    field: the deformation field, in the rest pose.
    animated: with the refined appearance.
    loss: per iteration, for the curves.
    """

    motion: Motion
    field: HexPlaneField
    animated: AnimatedAsset
    loss: list[float]

    @torch.no_grad()
    def on_surface(self, frame: int, triangles: np.ndarray, world_to_camera: np.ndarray) -> Gaussians:
        """The Gaussians of one frame, each tensor with one set, on the asset's triangles (F, 3, 3) as they stand in it.

        `world_to_camera` (4, 4) is the video's: what faces away from it has the asset's own colors.
        """
        bound = self.animated.bound
        corners = torch.from_numpy(triangles).to(bound.corners)[bound.triangle.long()][None]
        shown = self.animated.perform(self.motion.frame(frame), corners)
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
        field_round = _FieldRound(self.animated, self.frames, self.settings, self.generator)
        poses = self._poses(start)
        self._optimize(poses, [self.every] * self.settings.iterations)
        field_round.motion = poses.motion()
        self._optimize(field_round, _batches(self.usable, self.settings, self.generator, self.every.device))
        return Refined(field_round.motion, field_round.field, self.appearance.on(self.animated, frozen=True), self.losses.read())

    def _poses(self, start: Track) -> _PoseRound:
        """A round that starts from what the prior makes of the track or, where video and prior find that clearly better, from the track."""
        if self.lifted is None:
            return self._pose_round(start)
        self.lifted.ask(self.skeleton.pose(start.turn, start.shift))
        other = fit_to_depth(self.lifted, self.skeleton, self.cost, start, self.known_frame, self.settings.smooth)
        (own_cost, as_tracked), (fitted_cost, as_fitted) = self._tried(start), self._tried(other)
        return as_tracked if own_cost < CLEARLY_LESS * fitted_cost else as_fitted

    def _pose_round(self, start: Track) -> _PoseRound:
        return _PoseRound(self.skeleton, start, self.known_frame, self.cost, self.settings, self.lifted)

    def _tried(self, start: Track) -> tuple[float, _PoseRound]:
        """A round from this start, and loss and cost that it has after a few steps."""
        round_ = self._pose_round(start)
        for _ in range(self.settings.trial):
            self.report.check_cancelled()
            torch.stack(self._look(round_, self.every, True, True)).sum().backward()
            round_.step(0.0)
        with torch.no_grad():
            reached = float(torch.stack(self._look(round_, self.every, False, True)).sum())
        return reached, round_

    def _look(self, round_: _PoseRound | _FieldRound, chosen: Tensor, deforming: bool, frozen: bool) -> tuple[Tensor, Tensor]:
        """Known-view loss of the frames, and the round's own cost; `frozen`: without gradients of the appearance."""
        shown_by = self.appearance.on(self.animated, frozen)
        shown, corners, cost = round_.show(shown_by, chosen, deforming)

        lights = [self.appearance.lighting(view, frozen) for view in range(len(self.known.views))]
        with self.losses.deferral:
            return self.known(shown_by, shown, corners, chosen, lights), cost

    def _optimize(self, round_: _PoseRound | _FieldRound, batches: list[Tensor]) -> None:
        """One iteration for each batch of frames, deformation and appearance in turns."""
        for iteration, chosen in enumerate(batches):
            self.report.check_cancelled()
            done = iteration / self.settings.iterations
            round_.before(done)
            phases = self.settings.schedule.phases(iteration)
            deforming = "deformation" in phases
            loss, cost = self._look(round_, chosen, deforming, frozen="appearance" not in phases)
            (loss + cost + self.appearance.cost()).backward()
            if deforming:
                round_.step(done)
            if "appearance" in phases:
                self.appearance.optimizer.step()
            self.appearance.optimizer.zero_grad()
            self.losses.add(loss)


def _batches(frames: Tensor, settings: RefinementSettings, generator: torch.Generator, device: torch.device) -> list[Tensor]:
    """The frames of each iteration, on `device`; each pass holds every frame."""
    sizes = [len(one) for one in frames.split(settings.batch)]
    passes = -(-settings.iterations // len(sizes))
    order = torch.cat([frames[torch.randperm(len(frames), generator=generator)] for _ in range(passes)]).to(device)
    return list(order.split(sizes * passes))[: settings.iterations]


class _PoseRound:
    """The skeleton's poses in all frames; a known one stays."""

    def __init__(
        self,
        skeleton: Skeleton,
        start: Track,
        known_frame: int | None,
        cost: PoseCost,
        settings: RefinementSettings,
        lifted: LiftedDepth | None,
    ) -> None:
        self.skeleton, self.settings, self.cost, self.start, self.lifted = skeleton, settings, cost, start, lifted
        self.turn_lever, self.shift_lever = levers(skeleton, start.turn)
        frames = torch.arange(len(start.turn), device=start.turn.device)
        self.free = frames if known_frame is None else frames[frames != known_frame]
        self.turns = (start.turn[self.free] / self.turn_lever).requires_grad_()
        self.shifts = (start.shift[self.free] / self.shift_lever).requires_grad_()
        self.optimizer = LeveredAdam([self.turns, self.shifts], cost.settings.floor)
        self.asked = 1

    def motion(self) -> Motion:
        """Of all frames, without gradients."""
        with torch.no_grad():
            return self.skeleton.pose(*self._all())

    def _all(self) -> tuple[Tensor, Tensor]:
        turn, shift = self.turns * self.turn_lever, self.shifts * self.shift_lever
        return self.start.turn.index_copy(0, self.free, turn), self.start.shift.index_copy(0, self.free, shift)

    def show(self, animated: AnimatedAsset, frames: Tensor, deforming: bool) -> tuple[Gaussians, Tensor, Tensor]:
        """Gaussians of `frames`, their triangles' corners, and the cost of all poses per frame."""
        with torch.set_grad_enabled(deforming):
            turn, shift = self._all()
            motion = self.skeleton.pose(turn, shift).frames(frames)
        # with gradients in either phase: the colors are the appearance's
        corners = animated.corners(motion)
        shown = animated.perform(motion, corners)
        with torch.set_grad_enabled(deforming):
            chosen = turn.index_select(0, frames), shift.index_select(0, frames)
            effort = self.cost.joints(*chosen, animated.stretch(corners)).mean() + self.cost.holding(shown.means).mean()
            effort = effort + self._depth(shown.means, frames)
            jerk = [(torch.diff(one, n=2, dim=0) ** 2).sum() for one in (turn / self.turn_lever, shift / self.shift_lever)]
        return shown, corners, effort + self.settings.smooth * (jerk[0] + jerk[1]) / len(turn)

    def _depth(self, means: Tensor, frames: Tensor) -> Tensor:
        """Of motion in depth: its price, in whose place the prior's word stands where it is sure."""
        if self.lifted is None:
            return self.cost.drift(means, self.cost.rest, frames).mean()
        points = means.index_select(1, self.lifted.index)
        drift = self.cost.drift(points, self.cost.rest[self.lifted.index], frames)
        return (drift * self.lifted.doubt(frames, self.cost.settings.depth_reach)).mean() + self.lifted.price(points, frames)

    def before(self, done: float) -> None:
        """Asks the prior again where it is time, `done` of the round being over."""
        if self.lifted is not None and done * self.lifted.settings.rounds >= self.asked:
            self.lifted.ask(self.motion())
            self.asked += 1

    def step(self, done: float) -> None:
        """`done`: part of the round that is over."""
        self.optimizer.step(self.settings.rate + (self.settings.last_rate - self.settings.rate) * done)


class _FieldRound:
    """The deformation field on top of fixed poses."""

    motion: Motion

    def __init__(self, animated: AnimatedAsset, frames: int, settings: RefinementSettings, generator: torch.Generator) -> None:
        self.settings = settings
        self.rest = animated.bound.means
        self.field = HexPlaneField(frames, settings.hexplane, generator).to(self.rest.device)
        self.optimizer = self.field.adam(settings.grid_rate, settings.field_rate)
        rest = self.rest.cpu().numpy()
        self.neighbor = torch.from_numpy(cKDTree(rest).query(rest, k=NEIGHBORS + 1)[1][:, 1:]).to(self.rest.device)
        self.length = (self.rest[self.neighbor] - self.rest[:, None]).norm(dim=-1).clamp_min(1e-5)

    def show(self, animated: AnimatedAsset, frames: Tensor, deforming: bool) -> tuple[Gaussians, Tensor, Tensor]:
        """Gaussians of `frames`, their triangles' corners, and the cost of the field there."""
        motion = self.motion.frames(frames)
        with torch.set_grad_enabled(deforming):
            offset = self.field.centers_at(self.rest, frames)
            rest = self.rest + offset
            length = (rest[:, self.neighbor] - rest[:, :, None] + 1e-9).norm(dim=-1)
            rigid = (((length - self.length) / self.length) ** 2).mean()
            cost = self.settings.rigid * rigid + self.settings.small * (offset**2).sum(-1).mean()
        corners = animated.corners(motion, offset)
        return animated.perform(motion, corners), corners, cost

    def before(self, done: float) -> None:
        """Nothing."""

    def step(self, done: float) -> None:
        """One step of Adam."""
        self.optimizer.step()
        self.optimizer.zero_grad()
