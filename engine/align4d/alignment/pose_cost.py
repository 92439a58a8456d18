"""What a pose costs whatever the video shows."""

from __future__ import annotations

import torch
from torch import Tensor

from ..motion.skeleton import Motion, Skeleton
from .animated_asset import AnimatedAsset
from .pose_levers import firmness, stiffness
from .standing_place import turned_rest
from .tracking_settings import TrackingSettings
from .view import View, open_depth


class PoseCost:
    """What a pose costs whatever the video shows: joints bent away from `neutral` (1, K, 3), pulled apart, beyond limits; motion in depth.

    Args:
        afloat: that the body as a whole is elsewhere in depth costs nothing.
    """

    def __init__(
        self, animated: AnimatedAsset, skeleton: Skeleton, views: tuple[View, ...], neutral: Tensor, settings: TrackingSettings, afloat: bool = False
    ) -> None:
        self.afloat = afloat
        self.settings, self.neutral, self.held, self.limits = settings, neutral, animated.held, animated.limits
        self.skeleton = skeleton
        self.rest = rest = turned_rest(animated.bound, neutral[0, skeleton.root])[0]
        self.resistance = stiffness(skeleton, settings.joint_radius).to(rest)
        self.firmness = firmness(skeleton).to(rest)
        self.depth_axes = torch.from_numpy(views[0].viewmats[:, 2, :3]).to(rest)
        self.open_depth = open_depth(views).to(rest)

    def per_frame(self, turn: Tensor, shift: Tensor, motion: Motion, means: Tensor, stretch: Tensor, frames: Tensor) -> Tensor:
        """(T,) all of it; see `effort`, and `drift` for `frames`."""
        return self.effort(turn, shift, motion, means, stretch) + self.drift(means, self.rest, frames).mean(-1)

    def effort(self, turn: Tensor, shift: Tensor, motion: Motion, means: Tensor, stretch: Tensor) -> Tensor:
        """(T,) all but the motion in depth: of turns and shifts (T, K, 3), the motion that they make, the Gaussians' means (T, N, 3) in it and the
        stretch (T,) of the surface."""
        return self.joints(turn, shift, stretch) + self.holding(means) + self.beyond(motion)

    def joints(self, turn: Tensor, shift: Tensor, stretch: Tensor) -> Tensor:
        """(T,) that joints are bent and pulled apart, and the surface stretched."""
        bend = (((turn - self.neutral) ** 2).sum(-1) * self.resistance).sum(-1)
        slack = ((shift**2).sum(-1) * self.firmness).sum(-1)
        return self.settings.bend * bend + self.settings.slack * slack + self.settings.stretch * stretch

    def drift(self, means: Tensor, rest: Tensor, frames: Tensor) -> Tensor:
        """(T, N) what the motion in depth of each of the means (T, N, 3) costs, against where they rest (N, 3).

        Args:
            frames: (T,) of the clip, or (1,) where all of `means` are of one.
        """
        axes, left_open = (one.index_select(0, frames) for one in (self.depth_axes, self.open_depth))
        away = self._away((means - rest) @ axes[..., None]) ** 2
        return self.settings.depth_drift * left_open[:, None] * away / (away + self.settings.depth_reach**2)

    def _away(self, depth: Tensor) -> Tensor:
        """(T, N) of motions in depth (T, N, 1), those that have their price."""
        away: Tensor = depth[..., 0]
        return away - away.mean(-1, keepdim=True) if self.afloat else away

    @torch.no_grad()
    def place_curvature(self, means: Tensor, frame: Tensor) -> Tensor:
        """(N, 3, 3) by how much `drift` and `holding` of one pose curve as each of the means (N, 3) moves; `frame` (1,) of the clip."""
        axis, left_open = (one.index_select(0, frame) for one in (self.depth_axes, self.open_depth))
        reach = self.settings.depth_reach**2
        away = self._away(((means - self.rest) @ axis.T)[None])[0] ** 2
        drift = 2 * self.settings.depth_drift * left_open * reach / (away + reach) ** 2 / len(means)
        curved: Tensor = drift[:, None, None] * (axis.T @ axis)
        return curved + 2 * self.settings.held * self.held.curvature() if self.held else curved

    def holding(self, means: Tensor) -> Tensor:
        """(T,) what it costs that held places are at means (T, N, 3)."""
        return self.settings.held * self.held.moved(means) if self.held else means.new_zeros(len(means))

    def beyond(self, motion: Motion) -> Tensor:
        """(T,) what it costs that joints are beyond their limits."""
        return self.settings.limits * self.limits.beyond(motion.rotation) if self.limits else motion.offset.new_zeros(len(motion.offset))

    def kept(self, turn: Tensor, shift: Tensor) -> Tensor:
        """Turns (T, K, 3) like these of joints with shifts (T, K, 3), within their limits."""
        return self.limits.kept(self.skeleton, turn, shift) if self.limits else turn
