"""What refinement optimizes, one round after the other: the poses, then the deformation field on top of them."""

from __future__ import annotations

import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ..gaussians.adam import field_adam
from ..motion.hexplane import HexPlaneField
from ..motion.skeleton import Motion, Skeleton
from ..rendering import Gaussians
from ..rendering.recorded_steps import Dial
from .animated_asset import AnimatedAsset
from .lifted_depth import LiftedDepth
from .optimizer import LeveredAdam
from .pose_cost import PoseCost
from .pose_levers import levers
from .refinement_settings import RefinementSettings
from .steadying import steadied
from .track import Track

NEIGHBORS = 6


class PoseRound:
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
        self.known_frame = known_frame
        self.turn_lever, self.shift_lever = levers(skeleton, start.turn)
        frames = torch.arange(len(start.turn), device=start.turn.device)
        self.free = frames if known_frame is None else frames[frames != known_frame]
        self.turns = (start.turn[self.free] / self.turn_lever).requires_grad_()
        self.shifts = (start.shift[self.free] / self.shift_lever).requires_grad_()
        self.optimizer = LeveredAdam([self.turns, self.shifts], cost.settings.floor)
        self.rate = Dial(self.turns.device)
        self.asked = 1

    def begin(self, start: Track) -> None:
        """From the poses of another start, in which the known frame is the same."""
        with torch.no_grad():
            self.turns.copy_(start.turn[self.free] / self.turn_lever)
            self.shifts.copy_(start.shift[self.free] / self.shift_lever)
        self.optimizer.reset()
        self.asked = 1

    def tensors(self) -> list[Tensor]:
        """All that iterations change, themselves."""
        own = [self.turns, self.shifts, self.optimizer.first, self.optimizer.second, self.optimizer.steps]
        return own if self.lifted is None else [*own, *self.lifted.told()]

    def motion(self) -> Motion:
        """Of all frames, without gradients, and with all joints within their limits."""
        with torch.no_grad():
            turn, shift = steadied(*self._all(), (self.turn_lever, self.shift_lever), self.known_frame)
            return self.skeleton.pose(self.cost.kept(turn, shift), shift)

    def _all(self) -> tuple[Tensor, Tensor]:
        turn, shift = self.turns * self.turn_lever, self.shifts * self.shift_lever
        return self.start.turn.index_copy(0, self.free, turn), self.start.shift.index_copy(0, self.free, shift)

    def learning(self, common: Tensor) -> list[Tensor]:
        """What the gradients of deforming frames are by."""
        return [self.turns, self.shifts]

    def common(self, deforming: bool) -> Tensor:
        """What frames share: nothing."""
        return self.turns.new_empty(0)

    def show(self, animated: AnimatedAsset, frames: Tensor, deforming: bool, common: Tensor) -> tuple[Gaussians, Motion, None, Tensor]:
        """Gaussians of `frames`, the motion that they show, and what these poses cost one by one, per frame."""
        with torch.set_grad_enabled(deforming):
            turn, shift = (one.index_select(0, frames) for one in self._all())
            motion = self.skeleton.pose(turn, shift)
        # with gradients in either phase: the colors are the appearance's
        shown, stretch = animated.stretched(motion)
        with torch.set_grad_enabled(deforming):
            effort = self.cost.effort(turn, shift, motion, shown.means, stretch).mean()
            if self.lifted is None:
                effort = effort + self.cost.drift(shown.means, self.cost.rest, frames).mean()
        return shown, motion, None, effort

    def whole(self, frames: Tensor, deforming: bool) -> Tensor:
        """A number: what all poses cost together, and the motion in depth of `frames`, in whose price's place the prior's word stands."""
        with torch.set_grad_enabled(deforming):
            turn, shift = self._all()
            jerk = [(torch.diff(one, n=2, dim=0) ** 2).sum() for one in (turn / self.turn_lever, shift / self.shift_lever)]
            cost = self.settings.smooth * (jerk[0] + jerk[1]) / len(turn)
            if self.lifted is None:
                return cost
            motion = self.skeleton.pose(turn.index_select(0, frames), shift.index_select(0, frames))
            points = self.lifted.surface.perform(motion).means
            drift = self.cost.drift(points, self.cost.rest[self.lifted.index], frames)
            doubt = self.lifted.doubt(frames, self.cost.settings.depth_reach)
            return cost + (drift * doubt).mean() + self.lifted.price(points, frames)

    def before(self, done: float) -> None:
        """Sets the rate, and asks the prior again where it is time, `done` of the round being over, and the motion looks otherwise than before."""
        self.rate.set(self.settings.rate + (self.settings.last_rate - self.settings.rate) * done)
        if self.lifted is not None and done * self.lifted.settings.rounds >= self.asked:
            self.lifted.answer(self.motion())
            self.asked += 1

    def step(self) -> None:
        """One step."""
        self.optimizer.step(self.rate.value)


class FieldRound:
    """The deformation field on top of fixed poses."""

    motion: Motion

    def __init__(self, animated: AnimatedAsset, frames: int, settings: RefinementSettings, generator: torch.Generator) -> None:
        self.settings = settings
        self.rest = animated.bound.means
        self.field = HexPlaneField(frames, settings.hexplane, generator).to(self.rest.device)
        self.places = self.field.places(self.rest)
        self.optimizer = field_adam(self.field, settings.grid_rate, settings.field_rate)
        rest = self.rest.cpu().numpy()
        self.neighbor = torch.from_numpy(cKDTree(rest).query(rest, k=NEIGHBORS + 1)[1][:, 1:]).to(self.rest.device)
        self.length = (self.rest[self.neighbor] - self.rest[:, None]).norm(dim=-1).clamp_min(1e-5)

    def learning(self, common: Tensor) -> list[Tensor]:
        """What the gradients of deforming frames are by."""
        return [common, *self.field.of_time()]

    def common(self, deforming: bool) -> Tensor:
        """What the field has learned of places, whatever the frame."""
        with torch.set_grad_enabled(deforming):
            return self.field.of_places(self.places)

    def show(self, animated: AnimatedAsset, frames: Tensor, deforming: bool, common: Tensor) -> tuple[Gaussians, Motion, Tensor, Tensor]:
        """Gaussians of `frames`, the motion and the offsets of the field that they show, and what these cost where they are to learn."""
        motion = self.motion.frames(frames)
        with torch.set_grad_enabled(deforming):
            offset = self.field.centers_of(self.places, common, frames)
        cost = self._cost(offset) if deforming else self.rest.new_zeros(())
        return animated.perform(motion, offset), motion, offset, cost

    def _cost(self, offset: Tensor) -> Tensor:
        rest = self.rest + offset
        length = (rest[:, self.neighbor] - rest[:, :, None] + 1e-9).norm(dim=-1)
        rigid = (((length - self.length) / self.length) ** 2).mean()
        return self.settings.rigid * rigid + self.settings.small * (offset**2).sum(-1).mean()

    def whole(self, frames: Tensor, deforming: bool) -> Tensor:
        """Frames have nothing to do with each other."""
        return self.rest.new_zeros(())

    def before(self, done: float) -> None:
        """Nothing."""

    def tensors(self) -> list[Tensor]:
        """All that iterations change, themselves."""
        return self.optimizer.tensors()

    def step(self) -> None:
        """One step of Adam."""
        self.optimizer.step()
        self.optimizer.zero_grad()
