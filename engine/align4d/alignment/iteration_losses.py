"""The losses of an optimization's iterations, and its progress."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from ..job.reporting import Reporter
from ..rendering.deferral import Deferral, current


class Losses:
    """The loss of each iteration, kept on the device: to look at one, Python waits for the GPU, so on a GPU it looks now and then.

    Renderings within `deferral()` are checked then, too.

    Args:
        total: number of iterations.
        device: of the losses.
        report: is told how far the iterations are, and the loss last seen.
    """

    def __init__(self, total: int, device: torch.device, report: Reporter) -> None:
        self._deferral = Deferral(device)
        self.report, self.total, self.done = report, total, 0
        self.look_every = 1 if device.type == "cpu" else 10
        self._all = torch.zeros(total, device=device)
        self._seen: float | None = None

    def deferral(self) -> AbstractContextManager[object]:
        """For renderings; within another deferral, such as a recording's, it is that one's to check them; on the processor each checks itself."""
        return self._deferral if self._all.is_cuda and current() is None else nullcontext()

    def add(self, loss: Tensor) -> None:
        """The loss of the next iteration. Raises EngineError "not_finite" where a rendering since the last look was damaged."""
        self._all[self.done].copy_(loss.detach())
        self.done += 1
        if self.done % self.look_every == 0 or self.done == self.total:
            self._deferral.verify()
            self._seen = float(self._all[self.done - 1])
        self.report.progress(self.done, self.total, self._seen)

    def read(self) -> list[float]:
        """All of them."""
        return self._all.tolist()
