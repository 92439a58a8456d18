"""The settings of tracking."""

from __future__ import annotations

from dataclasses import dataclass, field

from .known_views import KnownViewSettings


@dataclass(frozen=True)
class TrackingSettings:
    """Attributes:
    resolution: of the pictures that are compared [px].
    iterations: steps per frame down the gradient.
    polishing: pictures per frame, after these, for steps that know how the cost curves; 0: no such steps.
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
    near: known-view loss of a guess, in that of the frame before, up to which it counts as nearly the pose already.
    doubted: known-view loss, in that of the frame before, from which a frame is solved from other guesses as well.
    promising: another guess is followed to its end where a trial makes all that is made small less than this share.
    clearly: what is found so is taken where all that is made small is less than this share.
    found: what is found so is taken where it costs less than this share.
    drawn_share: a guess that was drawn to the outline is started from where it costs less than this share of the other.
    recorded: on a GPU, record an iteration as a CUDA graph and replay it.
    loss: weights of color and mask.
    """

    resolution: int = 160
    iterations: int = 40
    polishing: int = 14
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
    near: float = 1.25
    doubted: float = 1.15
    promising: float = 1.2
    clearly: float = 0.8
    found: float = 0.7
    drawn_share: float = 0.5
    recorded: bool = True
    loss: KnownViewSettings = field(default_factory=KnownViewSettings)
