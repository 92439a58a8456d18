"""Poses fitted to the depth that the motion prior tells: a way out of limbs that were bent the wrong way.

What was tracked in the picture is kept; joints hold the body together, so that what comes out is a pose and no cloud of points.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..motion.skeleton import Motion, Skeleton
from ..motion.triangles import triangle_frames
from .lifted_depth import LiftedDepth
from .optimizer import LeveredAdam
from .pose_cost import PoseCost
from .pose_levers import levers
from .tracking import Track


def fit_to_depth(lifted: LiftedDepth, skeleton: Skeleton, cost: PoseCost, track: Track, known_frame: int | None, smooth: float) -> Track:
    """A track whose depth is what the prior says of `track`, as far as joints and the picture allow.

    Args:
        lifted: asked about `track`.
        known_frame: the frame that keeps its pose; None where none does.
        smooth: cost of acceleration, as in `RefinementSettings`.
    """
    settings = lifted.settings
    turn_lever, shift_lever = levers(skeleton, track.turn)
    frames = torch.arange(len(track.turn), device=track.turn.device)
    free = frames if known_frame is None else frames[frames != known_frame]
    turns, shifts = ((one[free] / lever).requires_grad_() for one, lever in ((track.turn, turn_lever), (track.shift, shift_lever)))
    optimizer = LeveredAdam([turns, shifts], cost.settings.floor)
    surface = lifted.surface

    def poses() -> tuple[Tensor, Tensor]:
        return track.turn.index_copy(0, free, turns * turn_lever), track.shift.index_copy(0, free, shifts * shift_lever)

    def shown(motion: Motion) -> tuple[Tensor, Tensor]:
        corners = surface.corners(motion)
        return surface.rest.places(corners, triangle_frames(corners)), corners

    with torch.no_grad():
        tracked = lifted.in_picture(shown(skeleton.pose(track.turn, track.shift))[0])
    for iteration in range(settings.fit_iterations):
        done = iteration / settings.fit_iterations
        turn, shift = poses()
        motion = skeleton.pose(turn, shift)
        points, corners = shown(motion)
        off = (lifted.in_picture(points) - tracked) / settings.in_view
        picture = settings.weight * ((1 + off.square().sum(-1)).sqrt() - 1).mean()
        jerk = sum((one.diff(n=2, dim=0) ** 2).sum() for one in (turn / turn_lever, shift / shift_lever))
        effort = (cost.joints(turn, shift, surface.stretch(corners)) + cost.beyond(motion)).mean() + smooth * jerk / len(turn)
        (picture + lifted.pull(points) + effort).backward()
        optimizer.step(settings.fit_rate + (settings.fit_last_rate - settings.fit_rate) * done)
    with torch.no_grad():
        return Track(*poses(), track.loss, track.first)
