"""From frame to frame: the pose of the skeleton that makes each frame of the video, starting from the one before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..job.reporting import Reporter
from ..motion.skeleton import Motion, Skeleton
from .animated_asset import AnimatedAsset
from .frame_view import FrameView
from .known_views import KnownViewLoss, KnownViewSettings
from .optimizer import LeveredAdam
from .outline import apart, overlap
from .pose_levers import levers, stiffness
from .pose_search import PoseSearch, PoseSearchSettings
from .recorded_steps import RecordedSteps
from .view import View, open_depth, seen_by_any


@dataclass(frozen=True)
class TrackingSettings:
    """Attributes:
    resolution: of the pictures that are compared [px].
    iterations: steps per frame.
    rate, last_rate: norm of a step at first and at last, as root mean square motion of the whole surface.
    floor: see `LeveredAdam`.
    momentum: how much of the last frame's change the next frame starts with.
    blur: pictures are also compared as means over squares of this size [px], so that a limb is found that is farther off
        than its own width.
    bend: cost of turning a thin joint by 1 rad; above `joint_radius` it grows with the square of the radius.
    joint_radius: up to which a joint is thin.
    slack: cost of pulling a joint apart by one longest side of the asset, squared.
    stretch: cost of a mean squared relative change of the length of the mesh's edges of 1. Too dear, a body that shortens is
        taken for one that goes away.
    depth_drift: cost of the whole surface having moved far in depth, away from the rest pose: what the video does not show
        to have moved in depth has not.
    depth_reach: motion in depth that counts half of that [longest sides]. Beyond, going farther costs little more: the price
        asks how much of the surface moves in depth, not how far, so that a leg may swing and the body still stands.
    held: cost of what the artist holds having moved by one longest side, squared.
    limits: cost of joints being 1 rad beyond their limits, squared. In the end none is: this makes it small what has to be turned back.
    lost: known-view loss, in those of the frames before, from which the object counts as lost and is searched far and wide.
    usual: known-view loss that is no reason to search.
    found: what is found so is taken where it costs less than this share.
    drawn_share: a guess that was drawn to the outline is started from where it costs less than this share of the other.
    recorded: on a GPU, record an iteration as a CUDA graph and replay it.
    loss: weights of color and mask.
    """

    resolution: int = 160
    iterations: int = 120
    rate: float = 0.004
    last_rate: float = 0.0004
    floor: float = 0.3
    momentum: float = 0.8
    blur: int = 4
    bend: float = 0.006
    joint_radius: float = 0.04
    slack: float = 0.5
    stretch: float = 0.3
    depth_drift: float = 0.015
    depth_reach: float = 0.04
    held: float = 500.0
    limits: float = 10.0
    lost: float = 2.0
    usual: float = 0.06
    found: float = 0.7
    drawn_share: float = 0.5
    recorded: bool = True
    loss: KnownViewSettings = field(default_factory=KnownViewSettings)


@dataclass(frozen=True)
class Track:
    """Poses of the frames so far, which follow each other.

    Attributes:
        turn: (T, K, 3) rotation vectors of the joints.
        shift: (T, K, 3) translations of the joints.
        loss: (T,) known-view loss reached; 0 for the pose that tracking began with and for frames that were skipped.
        first: frame of the clip that comes first here.
    """

    turn: Tensor
    shift: Tensor
    loss: Tensor
    first: int = 0

    @property
    def end(self) -> int:
        """The frame of the clip after the last one here."""
        return self.first + len(self.turn)

    def backwards(self) -> Track:
        """The same frames from the last to the first, for going on before the first; `first` says nothing then."""
        return Track(self.turn.flip(0), self.shift.flip(0), self.loss.flip(0))

    def with_frame(self, frame: int, turn: Tensor, shift: Tensor, loss: float) -> Track:
        """One more frame, (1, K, 3) each: the one after the last here, or the one before the first."""
        pairs = (self.turn, turn), (self.shift, shift), (self.loss, torch.tensor([loss]))
        longer = [torch.cat(pair if frame == self.end else pair[::-1]) for pair in pairs]
        return Track(longer[0], longer[1], longer[2], min(self.first, frame))


def track(
    animated: AnimatedAsset,
    skeleton: Skeleton,
    views: tuple[View, ...],
    start: Track,
    known: tuple[Tensor, Tensor],
    settings: TrackingSettings,
    search: PoseSearchSettings,
    report: Reporter,
    save: Callable[[Track, int], None] | None = None,
) -> Track:
    """Tracks all frames: from those of `start` to the clip's end, then back to its beginning.

    Args:
        views: the clip; with it further ones of the same motion, with as many frames.
        start: the frame whose pose is known, or all that are done already.
        known: turn and shift (1, K, 3) of that pose; its turns cost nothing.
        search: how a frame's first guess is drawn to its outline.
        save: called after each frame with all frames so far, and with that frame.
    """
    step = FrameStep(animated, skeleton, views, known[0], settings)
    finder = PoseSearch(animated, skeleton, views, search, settings.joint_radius)
    following = _Following(step, finder, known, report)
    done, seen = start, seen_by_any(views)
    total = len(seen)
    for frame in (*range(start.end, total), *range(start.first - 1, -1, -1)):
        past = done if frame == done.end else done.backwards()
        pose = following.next(past, frame) if seen[frame] else (past.turn[-1:], past.shift[-1:], 0.0)
        done = done.with_frame(frame, *pose)
        report.progress(len(done.turn), total, pose[2])
        if save:
            save(done, frame)
    return done


Pose = tuple[Tensor, Tensor, float]
"""Turn (1, K, 3), shift (1, K, 3), and the known-view loss."""


class _Following:
    """Goes from frame to frame. `past` is always in the order of going: its last frame is the neighbor of the next.

    Args:
        known: turn and shift (1, K, 3) of the pose that tracking began with.
    """

    def __init__(self, step: FrameStep, finder: PoseSearch, known: tuple[Tensor, Tensor], report: Reporter) -> None:
        self.step, self.finder, self.known, self.report, self.settings = step, finder, known, report, step.settings

    def next(self, past: Track, frame: int) -> Pose:
        """The pose of `frame`; looked for far and wide where the object has just come back, or as long as it is lost.

        What is found so knows nothing of the depth that tracking has gathered, so it has to show the frame clearly better.
        """
        pose, before = self._near(past, frame), float(past.loss[-1])
        came_back = len(past.loss) > 1 and before == 0
        if not came_back and (before == 0 or not self._is_lost(pose[2], past)):
            return pose
        other = self._far(past, frame)
        return other if other[2] < self.settings.found * pose[2] else pose

    def _is_lost(self, loss: float, past: Track) -> bool:
        """Whether a known-view loss is too high after those of `past`: a frame that is lost itself is no measure for the next."""
        reached = past.loss[past.loss > 0]
        level = min(float(past.loss[-1]), float(reached.quantile(0.25))) if len(reached) else 0.0
        return loss > self.settings.lost * max(level, self.settings.usual)

    def _near(self, past: Track, frame: int) -> Pose:
        """From where momentum carries the neighbor's pose.

        Where that misses the object, the guess is drawn to its outline, which finds what moved farther than its own width. It knows
        nothing of depth, so it is taken only where it makes the frame clearly better.
        """
        turn, shift = (_extrapolated(one, self.settings.momentum) for one in (past.turn, past.shift))
        cost, known = self.step.judge(frame, turn, shift)
        if self._is_lost(float(known), past):
            both = torch.cat([turn, past.turn[-1:]]), torch.cat([shift, past.shift[-1:]])
            drawn_turn, drawn_shift, _ = self.finder.draw(frame, both[0], both[1], past.turn[-1:], self.finder.settings.near)
            cost = torch.cat([cost, self.step.judge(frame, drawn_turn, drawn_shift)[0] / self.settings.drawn_share])
            turn, shift = torch.cat([turn, drawn_turn]), torch.cat([shift, drawn_shift])
        return self._solved(frame, turn, shift, cost)

    def _far(self, past: Track, frame: int) -> Pose:
        """From many poses around the neighbor's, and around the one that tracking began with: what comes back often stands as before."""
        return min((self._around(*pose, frame) for pose in ((past.turn[-1:], past.shift[-1:]), self.known)), key=lambda found: found[2])

    def _around(self, turn: Tensor, shift: Tensor, frame: int) -> Pose:
        starts = self.finder.around(turn, shift, frame, frame)
        turns, shifts, cost = self.finder.draw(frame, *starts, turn, self.finder.settings.iterations)
        best = cost.argsort()[: self.finder.settings.kept]
        return self._solved(frame, turns[best], shifts[best], self.step.judge(frame, turns[best], shifts[best])[0])

    def _solved(self, frame: int, turn: Tensor, shift: Tensor, cost: Tensor) -> Pose:
        best = int(cost.argmin())
        return self.step.solve(frame, turn[best : best + 1], shift[best : best + 1], self.report)


def _extrapolated(past: Tensor, momentum: float) -> Tensor:
    """(1, K, 3) that would follow `past` (T, K, 3)."""
    return past[-1:] if len(past) < 2 else past[-1:] + momentum * (past[-1:] - past[-2:-1])


class PoseCost:
    """What a pose costs whatever the video shows: joints bent away from `neutral` (1, K, 3), pulled apart, beyond limits; motion in depth."""

    def __init__(self, animated: AnimatedAsset, skeleton: Skeleton, views: tuple[View, ...], neutral: Tensor, settings: TrackingSettings) -> None:
        self.settings, self.neutral, self.held, self.limits = settings, neutral, animated.held, animated.limits
        self.skeleton = skeleton
        self.rest = rest = animated.bound.means
        self.resistance = stiffness(skeleton, settings.joint_radius).to(rest)
        self.is_joint = rest.new_ones(skeleton.count)
        self.is_joint[skeleton.root] = 0
        self.depth_axes = torch.from_numpy(views[0].viewmats[:, 2, :3]).to(rest)
        self.open_depth = open_depth(views).to(rest)

    def per_frame(self, turn: Tensor, shift: Tensor, means: Tensor, stretch: Tensor, frames: Tensor) -> Tensor:
        """(T,) of turns and shifts (T, K, 3), the Gaussians' means (T, N, 3) and the stretch (T,) of the surface; `frames` as of `drift`."""
        return self.joints(turn, shift, stretch) + self.drift(means, self.rest, frames).mean(-1) + self.holding(means)

    def joints(self, turn: Tensor, shift: Tensor, stretch: Tensor) -> Tensor:
        """(T,) what it costs without the motion in depth."""
        bend = (((turn - self.neutral) ** 2).sum(-1) * self.resistance).sum(-1)
        slack = ((shift**2).sum(-1) * self.is_joint).sum(-1)
        return self.settings.bend * bend + self.settings.slack * slack + self.settings.stretch * stretch

    def drift(self, means: Tensor, rest: Tensor, frames: Tensor) -> Tensor:
        """(T, N) what the motion in depth of each of the means (T, N, 3) costs, against where they rest (N, 3).

        Args:
            frames: (T,) of the clip, or (1,) where all of `means` are of one.
        """
        axes, left_open = (one.index_select(0, frames) for one in (self.depth_axes, self.open_depth))
        away = ((means - rest) @ axes[..., None])[..., 0] ** 2
        return self.settings.depth_drift * left_open[:, None] * away / (away + self.settings.depth_reach**2)

    def holding(self, means: Tensor) -> Tensor:
        """(T,) what it costs that held places are at means (T, N, 3)."""
        return self.settings.held * self.held.moved(means) if self.held else means.new_zeros(len(means))

    def beyond(self, motion: Motion) -> Tensor:
        """(T,) what it costs that joints are beyond their limits."""
        return self.settings.limits * self.limits.beyond(motion.rotation) if self.limits else motion.offset.new_zeros(len(motion.offset))

    def kept(self, turn: Tensor, shift: Tensor) -> Tensor:
        """Turns (T, K, 3) like these of joints with shifts (T, K, 3), within their limits."""
        return self.limits.kept(self.skeleton, turn, shift) if self.limits else turn


class FrameStep:
    """Finds the pose of one frame, in tensors that all frames share; arguments as of `track`."""

    def __init__(self, animated: AnimatedAsset, skeleton: Skeleton, views: tuple[View, ...], neutral: Tensor, settings: TrackingSettings) -> None:
        self.animated, self.skeleton, self.settings = animated, skeleton, settings
        like = views[0].reference.color
        self.turn_lever, self.shift_lever = levers(skeleton, like)
        self.known = KnownViewLoss(settings.loss)
        self.views = [FrameView(view, self.known, settings.blur) for view in views]
        self.cost = PoseCost(animated, skeleton, views, neutral, settings)
        self.turns, self.shifts = (torch.zeros(1, skeleton.count, 3).to(like).requires_grad_() for _ in range(2))
        self.frame = torch.zeros(1, dtype=torch.long, device=like.device)
        self.loss = torch.zeros_like(like[0, 0, 0, 0])
        self.optimizer = LeveredAdam([self.turns, self.shifts], settings.floor)
        self.steps = RecordedSteps(self._step, like.device, animated.backend, settings.recorded)

    def solve(self, frame: int, turn: Tensor, shift: Tensor, report: Reporter) -> tuple[Tensor, Tensor, float]:
        """Turn (1, K, 3), shift (1, K, 3) and the known-view loss, from a first guess."""

        @torch.no_grad()
        def begin() -> None:
            self.turns.copy_(turn / self.turn_lever)
            self.shifts.copy_(shift / self.shift_lever)
            self._show(frame)
            self.optimizer.reset()

        self.steps.run(begin, self.settings.iterations, report.check_cancelled)
        turn, shift = self.turns.detach() * self.turn_lever, self.shifts.detach() * self.shift_lever
        return self.cost.kept(turn, shift), shift, float(self.loss)

    @torch.no_grad()
    def judge(self, frame: int, turn: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        """Of poses (B, K, 3) of a frame what `solve` makes small (B,), and the known-view loss in it (B,)."""
        self._show(frame)
        known, blurred, cost = self._terms(turn, shift)
        return known + blurred + cost, known

    @torch.no_grad()
    def agreement(self, frame: int, turn: Tensor, shift: Tensor) -> tuple[float, float, float]:
        """Overlap of the masks, how far they are apart (see `outline`), and the known-view loss, of a pose (1, K, 3) of a frame of the clip."""
        one = self.views[0].view.only(frame)
        picture = self.animated.render(self.animated.perform(self.skeleton.pose(turn, shift)), one.cameras(), one.size)
        color, alpha = one.reference.color, one.reference.alpha
        masks = picture.alpha[0], alpha[0]
        return overlap(*masks), apart(*masks), float(self.known(picture.color, picture.alpha, color, alpha))

    def _show(self, frame: int) -> None:
        self.frame.fill_(frame)
        for view in self.views:
            view.show(frame)

    def _step(self) -> None:
        settings = self.settings
        turn, shift = self.turns * self.turn_lever, self.shifts * self.shift_lever
        known, blurred, cost = self._terms(turn, shift)
        (known + blurred + cost).sum().backward()
        self.loss.copy_(known[0].detach())
        self.optimizer.step(settings.rate + (settings.last_rate - settings.rate) * self.optimizer.steps / settings.iterations)

    def _terms(self, turn: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B,) each: the known-view loss, in the mean over the views that show the object, that of blurred pictures, and what the pose costs."""
        motion = self.skeleton.pose(turn, shift)
        shown, stretch = self.animated.stretched(motion)
        losses = [view.losses(self.animated, shown, motion) for view in self.views]
        count = torch.cat([view.weight for view in self.views]).sum().clamp_min(1)
        known, blurred = (torch.stack(one).sum(0) / count for one in zip(*losses, strict=True))
        cost = self.cost.per_frame(turn, shift, shown.means, stretch, self.frame) + self.cost.beyond(motion)
        return known, blurred, cost
