"""The recipe of the motion prior."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..training.optimization import WeightSettings
from .scenes import SceneSettings

HELD_OUT = ("Trex", "Leela", "Horse", "Horse_White", "SharkCute", "RobotExpressive", "Spider", "Deer")
"""Creatures that the product is judged on: never trained on."""

VALIDATION = ("ShibaInu", "Koi", "Triceratops")
"""Creatures kept out of training beside them, by which a recipe is chosen."""


@dataclass(frozen=True)
class Shape:
    """Attributes:
    clips: of a batch, a GPU.
    frames: of each.
    points: of each.
    share: of the batches.
    """

    clips: int
    frames: int
    points: int
    share: float


SHAPES = (Shape(96, 16, 128, 0.15), Shape(64, 24, 128, 0.5), Shape(48, 48, 80, 0.2), Shape(32, 96, 64, 0.15))
"""Of training's batches: mostly clips as long as the product's shortest, at its number of points."""


@dataclass(frozen=True)
class LifterTrainingSettings(WeightSettings):
    """Attributes:
    shapes: of the batches.
    scenes: what they hold.
    seed: of everything drawn.
    """

    rate: float = 1e-3
    warm_up: int = 300
    decay: float = 0.7
    weight_decay: float = 0.02
    average: float = 0.9985
    clip: float = 1.0
    shapes: tuple[Shape, ...] = SHAPES
    scenes: SceneSettings = field(default_factory=SceneSettings)
    seed: int = 1
