"""The pose of one frame: first steps down the gradient, which find what is far off, then few that know how the cost curves."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ..job.reporting import Reporter
from ..motion.skeleton import Motion, Skeleton
from ..rendering import Gaussians
from ..rendering.choose import resolved
from ..rendering.recorded_steps import RECORDABLE, RecordedSteps
from .animated_asset import AnimatedAsset
from .direct_look import DirectLook, DirectPoint
from .frame_view import FrameView, Look
from .fused_step import FusedStep
from .known_views import KnownViewLoss
from .optimizer import LeveredAdam
from .outline import apart, overlap
from .polishing import polish
from .pose_cost import PoseCost
from .pose_curvature import PoseCurvature
from .pose_levers import levers
from .recorded_polishing import RecordedPolishing
from .tracking_settings import TrackingSettings
from .view import View


@dataclass(frozen=True)
class Effort:
    """What is spent on a pose.

    Attributes:
        steps: down the gradient, in parts of what the settings give a frame.
        pictures: for steps that know how the cost curves, likewise.
        bare_steps: in the place of `steps` where there are no such pictures.
        coarse: whether the steps go down in smaller pictures, of fewer Gaussians.
    """

    steps: float
    pictures: float
    bare_steps: float
    coarse: bool = False


COARSER = 2
"""So many times smaller are the pictures of a trial."""
LEAST_SIDE = 64
"""They are not smaller than this [px]: thin limbs would be lost."""
THINNER = 2
"""One of so many Gaussians stands for all in them."""

WHOLE = Effort(1.0, 1.0, 1.0)
NEARBY = Effort(0.0, 1.0, 0.5)
"""From a guess that shows the frame already: the first steps down the gradient are long, and would lead away from it."""
TRIAL = Effort(0.4, 0.3, 0.3, coarse=True)
"""Tells whether a guess leads to a better pose than another one."""


@dataclass(frozen=True)
class Seen:
    """B poses of a frame, looked at.

    Attributes:
        motion, shown: the poses and their Gaussians.
        looks: of the views.
        known: (B,) the known-view loss, in the mean over the views that show the object.
        blurred: (B,) that of blurred pictures.
        cost: (B,) what the pose costs itself.
    """

    motion: Motion
    shown: Gaussians
    looks: tuple[Look, ...]
    known: Tensor
    blurred: Tensor
    cost: Tensor

    @property
    def total(self) -> Tensor:
        """(B,) what is made small."""
        return self.known + self.blurred + self.cost


class FrameStep:
    """Finds the pose of one frame, in tensors that all frames share; arguments as of `track`, `afloat` as of `PoseCost`."""

    def __init__(
        self,
        animated: AnimatedAsset,
        skeleton: Skeleton,
        views: tuple[View, ...],
        neutral: Tensor,
        settings: TrackingSettings,
        afloat: bool = False,
    ) -> None:
        self.animated, self.skeleton, self.settings = animated, skeleton, settings
        like = views[0].reference.color
        self.turn_lever, self.shift_lever = levers(skeleton, like)
        self.known = KnownViewLoss(settings.loss)
        self.views = [FrameView(view, self.known, settings.blur) for view in views]
        self.cost = PoseCost(animated, skeleton, views, neutral, settings, afloat)
        self.turns, self.shifts = (torch.zeros(1, skeleton.count, 3).to(like).requires_grad_() for _ in range(2))
        self.frame = torch.zeros(1, dtype=torch.long, device=like.device)
        self.loss = torch.zeros_like(like[0, 0, 0, 0])
        self.optimizer = LeveredAdam([self.turns, self.shifts], settings.floor)
        self.steps: RecordedSteps[None] = RecordedSteps(self._step, like.device, animated.backend, settings.recorded)
        self.count = torch.full_like(self.loss, settings.iterations)
        lever = torch.cat([one.expand(1, skeleton.count, 3)[0] for one in (self.turn_lever, self.shift_lever)], -1)
        self.curvature = PoseCurvature(animated, skeleton, self.cost, lever) if settings.polishing > 0 else None
        self.direct = DirectLook(animated, skeleton, self.views[0], self.cost, lever, self.felt_by_joints) if self._is_plain(like) else None
        self.fused = FusedStep(animated, skeleton, self.views[0], self.cost, self.curvature, lever) if self._is_fused(like) else None
        self.polishing: RecordedPolishing | None = None
        if self.curvature is not None and self.steps.recordable:
            self.polishing = RecordedPolishing(self.looked_at, 6 * skeleton.count, self.turns.detach(), animated.backend)
        self.of_edges: Tensor | None = None
        """Of the frame at hand, from its first polished pose on: edges hardly change in a dozen pictures."""

    def _is_plain(self, like: Tensor) -> bool:
        """Whether the processor's kernels alone can look: one clip, in the light of the asset."""
        return like.device.type == "cpu" and resolved(self.animated.backend, like.device) == "cpu" and self._is_simple(like)

    def _is_fused(self, like: Tensor) -> bool:
        """Whether a GPU's kernels alone can; they know nothing of a body that may be anywhere in depth."""
        by_triton = like.device.type == "cuda" and resolved(self.animated.backend, like.device) == RECORDABLE
        return by_triton and self._is_simple(like) and not self.cost.afloat

    def _is_simple(self, like: Tensor) -> bool:
        return like.dtype == torch.float32 and len(self.views) == 1 and self.views[0].view.lighting is None and self.settings.loss.robust > 0

    @cached_property
    def coarse(self) -> FrameStep | None:
        """The same in smaller pictures of fewer Gaussians, for steps down the gradient: they find what is far off. None where they are small."""
        if self.curvature is None or min(min(view.view.size) for view in self.views) < COARSER * LEAST_SIDE:
            return None
        settings = replace(self.settings, polishing=0, blur=max(1, self.settings.blur // COARSER))
        views = tuple(view.view.coarser(COARSER) for view in self.views)
        return FrameStep(self.animated.thinned(THINNER), self.skeleton, views, self.cost.neutral, settings, self.cost.afloat)

    def solve(self, frame: int, turn: Tensor, shift: Tensor, report: Reporter, effort: Effort = WHOLE) -> tuple[Tensor, Tensor, float]:
        """Turn (1, K, 3), shift (1, K, 3) and the known-view loss, from a first guess."""
        steps = math.ceil(self.settings.iterations * (effort.bare_steps if self.curvature is None else effort.steps))
        descent = (self.coarse if effort.coarse else None) or self
        joints = descent.descended(frame, turn, shift, steps, report)
        if self.curvature is not None:
            self._show(frame)
            self.of_edges = None
            pictures = math.ceil(self.settings.polishing * effort.pictures)
            if self.polishing is None:
                found = polish(self.point, joints, pictures, report.check_cancelled)
                self._take(found.parameters, found.known)
            else:
                self._take(self.polishing.run(joints, pictures, report.check_cancelled), self.polishing.known)
        turn, shift = self.turns.detach() * self.turn_lever, self.shifts.detach() * self.shift_lever
        return self.cost.kept(turn, shift), shift, float(self.loss)

    def descended(self, frame: int, turn: Tensor, shift: Tensor, steps: int, report: Reporter) -> Tensor:
        """Scaled joints (6K,), see `point`, so many steps down the gradient from a first guess."""

        @torch.no_grad()
        def begin() -> None:
            self.turns.copy_(turn / self.turn_lever)
            self.shifts.copy_(shift / self.shift_lever)
            self._show(frame)
            self.optimizer.reset()
            self.count.fill_(steps)
            if self.fused is not None:
                self.fused.begin(torch.cat([self.turns, self.shifts], -1).flatten(), steps)

        self.steps.run(begin, steps, report.check_cancelled)
        if self.fused is not None:
            self._take(self.fused.joints, self.fused.known)
        return torch.cat([self.turns, self.shifts], -1).detach().flatten()

    def followed(self, frame: int, turn: Tensor, shift: Tensor, cost: float, report: Reporter) -> tuple[Tensor, Tensor, float, float] | None:
        """As `solve`, from the best of guesses (B, K, 3), and what the pose costs; None where that is not clearly less than `cost`.

        Each guess is tried, and the best followed to its end only where it promises that.
        """
        tried = [self.solve(frame, *guess, report, TRIAL) for guess in zip(turn.split(1), shift.split(1), strict=True)]
        turns, shifts = (torch.cat(one) for one in zip(*(pose[:2] for pose in tried), strict=True))
        costs = self.judge(frame, turns, shifts)[0]
        best = int(costs.argmin())
        if not float(costs[best]) < self.settings.promising * cost:
            return None
        turn, shift, known = self.solve(frame, turns[[best]], shifts[[best]], report, NEARBY)
        found = float(self.judge(frame, turn, shift)[0])
        return (turn, shift, known, found) if found < self.settings.clearly * cost else None

    @torch.no_grad()
    def _take(self, joints: Tensor, known: float | Tensor) -> None:
        for one, part in zip((self.turns, self.shifts), _parted(joints), strict=True):
            one.copy_(part)
        self.loss.fill_(known)

    @torch.no_grad()
    def judge(self, frame: int, turn: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        """Of poses (B, K, 3) of a frame what `solve` makes small (B,), and the known-view loss in it (B,)."""
        self._show(frame)
        if self.fused is not None:
            return self.fused.judge(frame, turn, shift)
        seen = self.look(turn, shift)
        return seen.total, seen.known

    @torch.no_grad()
    def agreement(self, frame: int, turn: Tensor, shift: Tensor) -> tuple[float, float, float]:
        """Overlap of the masks, how far they are apart (see `outline`), and the known-view loss, of a pose (1, K, 3) of a frame of the clip."""
        one = self.views[0].view.only(frame)
        picture = self.animated.render(self.animated.perform(self.skeleton.pose(turn, shift)), one.cameras(), one.size)
        masks = one.reference.disputed(picture.color, picture.alpha)
        return overlap(*masks), apart(*masks), float(self.known(*one.reference.compared(picture.color, picture.alpha)))

    def _show(self, frame: int) -> None:
        self.frame.fill_(frame)
        for view in self.views:
            view.show(self.frame)
        if self.direct is not None:
            self.direct.show(frame)
        if self.fused is not None:
            self.fused.show(frame)

    def _step(self, _: None) -> None:
        if self.fused is not None:
            self.fused.descend()
            return
        if self.direct is None:
            seen = self.look(self.turns * self.turn_lever, self.shifts * self.shift_lever)
            seen.total.sum().backward()
            self.loss.copy_(seen.known[0].detach())
        else:
            point = DirectPoint(self.direct, torch.cat([self.turns, self.shifts], -1).detach().flatten())
            self.turns.grad, self.shifts.grad = _parted(point.gradient)
            self.loss.fill_(point.known)
        rate, last_rate = self.settings.rate, self.settings.last_rate
        self.optimizer.step(rate + (last_rate - rate) * self.optimizer.steps / self.count)

    def look(self, turn: Tensor, shift: Tensor, views: list[FrameView] | None = None, frames: Tensor | None = None) -> Seen:
        """At poses (B, K, 3) of the frame at hand, or of frames (B,) that `views` show."""
        motion = self.skeleton.pose(turn, shift)
        shown, stretch = self.animated.stretched(motion)
        views = self.views if views is None else views
        looks = tuple(view.look(self.animated, shown, motion) for view in views)
        known, blurred = (torch.stack(one).sum(0) / showing(views) for one in zip(*((look.known, look.blurred) for look in looks), strict=True))
        cost = self.cost.per_frame(turn, shift, motion, shown.means, stretch, self.frame if frames is None else frames)
        return Seen(motion, shown, looks, known, blurred, cost)

    def looked_at(self, joints: Tensor, is_first: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of scaled joints (6K,) of the frame at hand what `RecordedPolishing` asks: cost, known-view loss, gradient and curvature."""
        if self.fused is not None:
            return self.fused.looked_at(joints, is_first)
        self.of_edges, point = None, FramePoint(self, joints)
        return point.seen.total.detach(), point.seen.known.detach(), point.gradient, point.curvature()

    def point(self, joints: Tensor) -> FramePoint | DirectPoint:
        """At scaled joints (6K,) of the frame at hand: of each its turn and its shift, over their levers."""
        return FramePoint(self, joints) if self.direct is None else DirectPoint(self.direct, joints)

    def felt_by_joints(self, means: Tensor, curved: Tensor, turn: Tensor, motion: Motion) -> Tensor:
        """(6K, 6K) by how much all that is made small curves in a pose with turns (1, K, 3), where what places (N, 3) cost does by (N, 3, 3)."""
        assert self.curvature is not None
        if self.of_edges is None:
            self.of_edges = self.curvature.of_edges(motion)
        return self.curvature.of_joints(self.curvature.of_places(means, curved) + self.of_edges, turn, motion)


def showing(views: list[FrameView]) -> Tensor:
    """(slots,) how many views show the frame, at least 1."""
    return torch.stack([view.weight for view in views]).sum(0).clamp_min(1)


class FramePoint:
    """Scaled joints (6K,) of a frame, looked at; see `polishing.Point`."""

    def __init__(self, step: FrameStep, joints: Tensor) -> None:
        self.step, self.parameters = step, joints
        self.leaves = [one.requires_grad_() for one in _parted(joints)]
        self.turn = self.leaves[0] * step.turn_lever
        self.seen = step.look(self.turn, self.leaves[1] * step.shift_lever)

    @cached_property
    def cost(self) -> float:
        """All that is made small."""
        return float(self.seen.total.detach())

    @cached_property
    def known(self) -> float:
        """The known-view loss in it."""
        return float(self.seen.known[0].detach())

    @cached_property
    def gradient(self) -> Tensor:
        """(6K,); nobody asks for it where a step to this point gained nothing, or where it is the last."""
        # the graph is asked once more, by the colors
        return torch.cat(torch.autograd.grad(self.seen.total.sum(), self.leaves, retain_graph=True), -1).flatten()

    def curvature(self) -> Tensor:
        """(6K, 6K)"""
        seen = self.seen
        means = seen.shown.means[0].detach()
        curved = self.step.cost.place_curvature(means, self.step.frame)
        for view, look in zip(self.step.views, seen.looks, strict=True):
            across = view.projection(means)
            curved = curved + across.mT @ view.curvature(look) @ across / showing(self.step.views)
        return self.step.felt_by_joints(means, curved, self.turn.detach(), seen.motion)


def _parted(joints: Tensor) -> tuple[Tensor, Tensor]:
    """Turns and shifts (1, K, 3) of joints (6K,)."""
    turns, shifts = joints.detach().view(1, -1, 6).split(3, -1)
    return turns.contiguous(), shifts.contiguous()
