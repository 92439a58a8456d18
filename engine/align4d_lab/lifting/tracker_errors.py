"""What a tracker gets wrong, simulated: limbs that lag, slide and turn in the picture, and limbs bent the wrong way in depth.

A tracker poses parts, so its errors are those of parts: a whole limb is off, about its joint, by much the same in neighboring frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .random_curves import Draws


@dataclass(frozen=True)
class ErrorSettings:
    """Levels are of the clip's own root mean square motion in the picture. Shares are of clips.

    Attributes:
        limbs: number of limbs of each clip that are off.
        least, most: level of the errors in the picture, drawn evenly in the logarithm.
        least_off: of them, at least [longest sides].
        jitter: error of each point and frame for itself, at most [longest sides].
        lagging, lag: share in which limbs swing less than they do, and by how much at most.
        hidden: errors of points that are not seen, over those of the others, at most.
        misjudged: share of points and frames whose visibility is told wrong.
        given: share whose tracker tells of depth.
        least_depth, most_depth: of the true depth that the tracker finds.
        bent: share of the limbs that swing in depth by a factor between -1 (the mirror twin) and `most_bend`.
        most_bend: see `bent`.
        depth_level: of other errors of depth, at most.
        settling: frames after the rest pose in which errors grow.
    """

    limbs: int = 4
    least: float = 0.02
    most: float = 0.3
    least_off: float = 0.001
    jitter: float = 0.0025
    lagging: float = 0.6
    lag: float = 0.5
    hidden: float = 1.8
    misjudged: float = 0.05
    given: float = 0.6
    least_depth: float = 0.2
    most_depth: float = 1.3
    bent: float = 0.45
    most_bend: float = 1.4
    depth_level: float = 0.7
    settling: float = 3.0


class TrackerErrors:
    """The errors of B clips, drawn once: what is off in the picture is off in depth too."""

    def __init__(self, draws: Draws, settings: ErrorSettings, movable: Tensor, joints: Tensor, joints_in_picture: Tensor) -> None:
        """
        Args:
            movable: (B, K) bones that bear limbs.
            joints: (B, T, K, 3) in the camera's axes.
            joints_in_picture: (B, T, K, 2).
        """
        self.draws, self.settings = draws, settings
        self.clips, self.frames = joints.shape[:2]
        self.limb = torch.multinomial(movable.float() + 1e-6, settings.limbs)
        column = self.limb[:, None, :, None].expand(-1, self.frames, -1, 3)
        self.joint_depth = joints.gather(2, column)[..., 2]
        self.joint_picture = joints_in_picture.gather(2, column[..., :2])

    def look(self, rest: Tensor, rest_picture: Tensor, hanging: Tensor, rest_frame: Tensor) -> None:
        """Draws the errors of points.

        Args:
            rest: (B, P, 3) in the camera's axes.
            rest_picture: (B, P, 2).
            hanging: (B, P, K) how much of a point hangs on each bone.
            rest_frame: (B,) in which there are no errors; -1 where no frame shows the rest pose.
        """
        draws, settings, frames = self.draws, self.settings, self.frames
        self.rest_picture, self.rest_frame = rest_picture, rest_frame
        self.on_limb = hanging.gather(2, self.limb[:, None].expand(-1, hanging.shape[1], -1))
        since = (torch.arange(frames, device=rest.device) - rest_frame[:, None]).abs()
        grown = 1 - (-since / settings.settling).exp()
        self.grown = torch.where(rest_frame[:, None] < 0, 1.0, grown)[..., None]
        offset = draws.curves(self.clips, frames, settings.limbs * 3, 0.1, 1.5).unflatten(-1, (settings.limbs, 3))
        body = draws.curves(self.clips, frames, 3, 0.1, 1.0)
        slide = torch.einsum("bpj,btjc->btpc", self.on_limb, offset) + body[:, :, None] * draws.uniform((self.clips, 1, 1, 1))
        self.slide = slide * 0.6 + self._field(rest, 3) * draws.uniform((self.clips, 1, 1, 1))

    def _field(self, rest: Tensor, channels: int) -> Tensor:
        """(B, T, P, channels) smooth over the body and in time, of about unit variance."""
        waves = 8
        direction = self.draws.normal((self.clips, 3, waves), 4.0)
        phase = rest @ direction + self.draws.uniform((self.clips, 1, waves), 0, 6.2832)
        curves = self.draws.curves(self.clips, self.frames, 2 * waves * channels, 0.1, 1.5).unflatten(-1, (2 * waves, channels))
        return torch.einsum("bpw,btwc->btpc", torch.cat([phase.cos(), phase.sin()], -1), curves) / waves**0.5

    def _level(self, moved: Tensor, low: float, high: float) -> Tensor:
        """(B, 1, 1): part of the clip's motion in the picture."""
        motion = moved.square().sum(-1).mean((1, 2)).sqrt().view(-1, 1, 1)
        return motion * self.draws.log_uniform((self.clips, 1, 1), low, high) + self.settings.least_off

    def picture(self, true: Tensor, visible: Tensor) -> Tensor:
        """(B, T, P, 2) as tracked, of true places in the picture."""
        draws, settings = self.draws, self.settings
        moved = true - self.rest_picture[:, None]
        swing = self._swing(true)
        lag = draws.uniform((self.clips, 1, settings.limbs), 0, settings.lag) * draws.chance((self.clips, 1, 1), settings.lagging)
        lagging = torch.einsum("bpj,btpjc->btpc", self.on_limb * lag, swing)
        worse = 1 + (draws.uniform((self.clips, 1, 1), 1, settings.hidden) - 1) * (1 - visible.float())
        off = self.slide[..., :2] * (self._level(moved, settings.least, settings.most) * worse)[..., None]
        jitter = draws.normal(true.shape) * draws.uniform((self.clips, 1, 1, 1), 0, settings.jitter)
        return true + (off + jitter) * self.grown[..., None] - lagging

    def _swing(self, true: Tensor) -> Tensor:
        """(B, T, P, J, 2) how points have moved against each limb's joint since the rest pose, or since the first frame."""
        arm = true[:, :, :, None] - self.joint_picture[:, :, None]
        return arm - self._resting(arm)

    def _resting(self, values: Tensor) -> Tensor:
        return values[torch.arange(self.clips, device=values.device), self.rest_frame.clamp_min(0)][:, None]

    def depth(self, true: Tensor) -> Tensor:
        """(B, T, P) as tracked, of the true change of depth from the rest pose."""
        draws, settings = self.draws, self.settings
        against = true[..., None] - (self.joint_depth - self._resting(self.joint_depth))[:, :, None]
        bend = draws.uniform((self.clips, 1, settings.limbs), -1, settings.most_bend) - 1
        bend = bend * draws.chance((self.clips, 1, settings.limbs), settings.bent)
        bent = torch.einsum("bpj,btpj->btp", self.on_limb * bend, against)
        level = true.square().mean((1, 2), keepdim=True).sqrt() + settings.least_off
        other = self.slide[..., 2] * level * draws.uniform((self.clips, 1, 1), 0, settings.depth_level) * self.grown
        return (true + bent) * draws.uniform((self.clips, 1, 1), settings.least_depth, settings.most_depth) + other
