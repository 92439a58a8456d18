"""The recipe of the motion prior."""

from __future__ import annotations

from dataclasses import dataclass, field

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
class LifterTrainingSettings:
    """Attributes:
    rate: learning rate of both optimizers.
    warm_up: steps until the rate is reached.
    decay: last part of the run over which the rate falls to 0.
    weight_decay: of both optimizers.
    average: decay per step of the moving average that becomes the weights.
    clip: largest norm of the gradient.
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

    def rate_at(self, step: int, done: float) -> float:
        """Learning rate at `step`, when a part `done` in [0, 1] of the run is over."""
        return self.rate * min(1.0, (step + 1) / self.warm_up) * min(1.0, max(0.0, 1 - done) / self.decay)
