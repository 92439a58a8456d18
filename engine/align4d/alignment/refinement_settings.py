"""The settings of refinement."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..motion.hexplane import HexPlaneSettings
from .appearance import AppearanceSettings
from .asynchronous import AsynchronousSchedule
from .lifted_depth import LiftedDepthSettings


@dataclass(frozen=True)
class RefinementSettings:
    """Attributes:
    resolution: of the pictures that are compared [px].
    iterations: of each of the two rounds (poses, field); every other one is the appearance's.
    batch: frames of an iteration of the field's round, and of one of the poses' round in which the appearance learns.
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
    iterations: int = 28
    batch: int = 6
    rate: float = 0.01
    last_rate: float = 0.001
    smooth: float = 2.0
    field_rate: float = 6.4e-4
    grid_rate: float = 6.4e-3
    rigid: float = 1.0
    small: float = 20.0
    trial: int = 4
    lifted: LiftedDepthSettings = field(default_factory=LiftedDepthSettings)
    appearance: AppearanceSettings = field(default_factory=AppearanceSettings)
    hexplane: HexPlaneSettings = field(default_factory=HexPlaneSettings)
    schedule: AsynchronousSchedule = field(default_factory=AsynchronousSchedule)
