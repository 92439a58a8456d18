"""The training loop of the motion prior, on one GPU or several (or, to try it, on a CPU)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from align4d.lifting.network import Lifter
from align4d.lifting.weights import save_lifter

from ..ranks import Clock
from ..training.optimization import Weights
from .animations import Animations
from .loss import lifter_loss
from .scenes import varied_scenes
from .settings import LifterTrainingSettings


class LifterTraining:
    """One rank's part of a run.

    Attributes:
        step: steps done.
    """

    def __init__(
        self,
        network: Lifter,
        animations: Animations,
        settings: LifterTrainingSettings,
        device: torch.device,
        rank: int = 0,
        ranks: int = 1,
        compiled: bool = False,
    ) -> None:
        self.settings, self.device, self.rank, self.ranks = settings, device, rank, ranks
        self.network, self.animations = network.to(device), animations
        self.weights = Weights(self.network, settings, ranks)
        self.clock = Clock(device, ranks)
        if compiled:
            for block in self.network.blocks:
                block.compile(dynamic=False)
        self.shapes = random.Random(settings.seed)  # the same on all ranks, so that none waits for a larger batch
        torch.manual_seed(settings.seed * 7919 + rank)
        self.step = 0

    def export(self, path: Path, facts: dict[str, str]) -> None:
        """The averaged weights, as the product ships them."""
        self.weights.swap()
        save_lifter(self.network, path, facts | {"steps": str(self.step)})
        self.weights.swap()

    def run(self, seconds: float, each: Callable[[float, dict[str, Tensor]], None]) -> None:
        """Trains for `seconds`, counted from the end of the first steps (which compile).

        Args:
            each: called after every step with the part of the run that is over, and the loss's terms on the device.
        """
        for shape in range(len(self.settings.shapes)):
            self.advance(shape, self.settings.rate_at(0, 0.0))
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        began, done = time.monotonic(), 0.0
        while done < 1:
            (shape,) = self.shapes.choices(range(len(self.settings.shapes)), [one.share for one in self.settings.shapes])
            terms = self.advance(shape, self.settings.rate_at(self.step, done))
            done = self.clock.agreed((time.monotonic() - began) / seconds, self.step)
            each(done, terms)

    def advance(self, shape: int, rate: float) -> dict[str, Tensor]:
        """One step on a batch of one of the shapes; returns the loss's terms, on the device."""
        size = self.settings.shapes[shape]
        scenes = varied_scenes(self.animations, size.clips, size.frames, size.points, self.settings.scenes)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            modes = self.network(scenes.tracks)
        terms = lifter_loss(modes, scenes.tracks, scenes.depth)
        torch.stack(list(terms.values())).sum().backward()
        self.weights.follow(rate, self.step)
        self.step += 1
        return {name: term.detach() for name, term in terms.items()}
