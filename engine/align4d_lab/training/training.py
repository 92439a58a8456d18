"""The training loop of the embedded prior, on one GPU or several (or, to try it, on a CPU)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from align4d.priors.embedded import PURE_NOISE, save_network
from align4d.priors.embedded_network import NovelViewNetwork, channels_last

from ..ranks import Clock
from .batches import HELD_OUT_AZIMUTHS, Batch, Batches
from .checkpoints import load_checkpoint, save_checkpoint
from .loss import clean_draw, corrected_share, draw, predict, training_loss
from .optimization import Weights
from .settings import TrainingSettings

HELD_OUT_ANGLES = (25.0, 55.0, 70.0, 80.0)
"""Noise levels at which the prediction of v is judged beside pure noise [degrees]."""

MOVES_ANGLE = 68.7
"""Noise level at which the correction of moves is judged [degrees]: timestep 600."""


class Training:
    """One rank's part of a run.

    Attributes:
        step: steps done.
        objects: objects used up by all ranks.
    """

    def __init__(
        self, network: NovelViewNetwork, settings: TrainingSettings, device: torch.device, rank: int = 0, ranks: int = 1, compiled: bool = False
    ) -> None:
        self.settings, self.device, self.rank, self.ranks = settings, device, rank, ranks
        self.network = channels_last(network.to(device))
        self.weights = Weights(self.network, settings, ranks)
        self.clock = Clock(device, ranks)
        self.loss: Callable[..., Tensor] = torch.compile(training_loss) if compiled else training_loss
        self.generator = torch.Generator(device).manual_seed(settings.seed * 7919 + rank)
        self.step, self.objects = 0, 0

    def save(self, path: Path) -> None:
        """Everything that `resume` needs."""
        save_checkpoint(path, self.network, self.weights.average, self.weights.optimizers, {"step": self.step, "objects": self.objects})

    def resume(self, path: Path) -> None:
        """Goes on from a checkpoint; what is drawn next is new."""
        facts = load_checkpoint(path, self.network, self.weights.average, self.weights.optimizers)
        self.step, self.objects = int(facts["step"]), int(facts["objects"])
        self.generator.manual_seed(self.settings.seed * 7919 + self.rank + self.step)

    def export(self, path: Path, facts: dict[str, str]) -> None:
        """The averaged weights, as the product ships them."""
        self.weights.swap()
        save_network(self.network, path, facts | {"steps": str(self.step), "objects": str(self.objects)})
        self.weights.swap()

    def run(self, seconds: float, each: Callable[[float, Tensor], None]) -> None:
        """Trains for `seconds`, counted from the end of the first steps (which compile).

        Args:
            each: called after every step with the part of the run that is over, and the loss on the device.
        """
        batches = Batches(self.settings, self.network.config.size, self.device, self.rank, self.ranks, self.objects)
        began = None
        done = 0.0
        while done < 1:
            loss = self.advance(batches.draw(), self.settings.rate_at(self.step, done))
            if began is None and self.step >= 3:
                self._wait()
                began = time.monotonic()
            done = self.clock.agreed(0.0 if began is None else (time.monotonic() - began) / seconds, self.step)
            each(done, loss)

    def advance(self, batch: Batch, rate: float) -> Tensor:
        """One step; returns its loss, on the device."""
        random = draw(batch, self.settings, self.generator)
        loss = self.loss(self.network, batch, random, self.device.type == "cuda", self.settings.correction)
        loss.backward()
        self.weights.follow(rate, self.step)
        self.step += 1
        self.objects += self.settings.objects * self.ranks
        return loss.detach()

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    @torch.no_grad()
    def judge(self, held_out: Batch, moves: Batch) -> dict[str, float]:
        """The averaged weights on held-out objects: error of v by noise level, PSNR [dB] of the mean of x0 from pure noise, moves corrected."""
        self.weights.swap()
        figures = {}
        try:
            for angle in (*HELD_OUT_ANGLES, PURE_NOISE):
                random = clean_draw(held_out, math.radians(angle), torch.Generator().manual_seed(1))
                error = predict(self.network, held_out, random, self.device.type == "cuda").error()
                figures[f"v {angle:g}"] = float(error.mean())
            random = clean_draw(moves, math.radians(MOVES_ANGLE), torch.Generator().manual_seed(1))
            figures["corrected"] = float(corrected_share(predict(self.network, moves, random, self.device.type == "cuda"), moves).mean())
        finally:
            self.weights.swap()
        # at pure noise v is the picture but for its sign and 1 % of noise; pictures span 2
        decibel = -10 * (error.unflatten(0, (-1, len(HELD_OUT_AZIMUTHS))) / 4).log10().mean(0)
        return figures | {f"psnr {azimuth:g}": float(one) for azimuth, one in zip(HELD_OUT_AZIMUTHS, decibel, strict=True)}
