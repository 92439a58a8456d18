"""Asynchronous optimization (AO): deformation and Gaussians take turns, so that neither explains the other's error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Phase = Literal["deformation", "appearance"]


@dataclass(frozen=True)
class AsynchronousSchedule:
    """Which half of the model each iteration optimizes; the other half is frozen.

    Attributes:
        period: iterations of a phase [R].
        first: phase of iteration 0 [R].
        joint: both in every iteration: the ablation "JO".
    """

    period: int = 1
    first: Phase = "deformation"
    joint: bool = False

    def phases(self, iteration: int) -> tuple[Phase, ...]:
        """What iteration `iteration` (0-based) optimizes."""
        if self.joint:
            return ("deformation", "appearance")
        other: Phase = "appearance" if self.first == "deformation" else "deformation"
        return (self.first,) if iteration // self.period % 2 == 0 else (other,)
