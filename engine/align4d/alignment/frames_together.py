"""Many frames, each in a pose of its own, looked at together: a GPU does it for a window of frames in about the time that it takes for one."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from .frame_step import FrameStep
from .frame_view import FrameView

WINDOW = 24
"""Frames at once: memory is bounded by this, and not by the clip."""


class FramesTogether:
    """Judges poses as `step` does."""

    def __init__(self, step: FrameStep) -> None:
        self.step = step
        self.slots = min(WINDOW, step.views[0].view.reference.frames)
        self.views = [FrameView(one.view, step.known, step.settings.blur, self.slots) for one in step.views]

    @torch.no_grad()
    def judge(self, frames: list[int], turn: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        """Of frames (B,), each in its pose (B, K, 3), what `FrameStep.solve` makes small and the known-view loss in it (B,), in main memory."""
        judged = []
        for count, index in self._windows(len(frames)):
            chosen = torch.tensor([frames[at] for at in index], device=turn.device)
            for view in self.views:
                view.show(chosen)
            seen = self.step.look(turn[index], shift[index], self.views, chosen)
            judged.append(torch.stack([seen.total, seen.known])[:, :count])
        total, known = torch.cat(judged, 1).cpu()
        return total, known

    def _windows(self, count: int) -> Iterator[tuple[int, list[int]]]:
        """How many of `count` a window holds, and which its slots look at: those that are left over look at the last one, too."""
        for begin in range(0, count, self.slots):
            yield min(self.slots, count - begin), [min(begin + slot, count - 1) for slot in range(self.slots)]
