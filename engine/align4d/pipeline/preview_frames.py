"""Pictures of a motion while it is tracked."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from ..alignment.animated_asset import AnimatedAsset
from ..alignment.track import Track
from ..alignment.view import View
from ..job.preview import show_preview
from ..motion.skeleton import Skeleton
from .stages import Job

PAUSE = 0.2
"""Between two pictures at least, but for the last one: nobody sees more [s]."""


class PreviewEveryFrame:
    """Leaves a picture of each tracked frame beside the video's, for the panel."""

    def __init__(self, job: Job, animated: AnimatedAsset, skeleton: Skeleton, view: View) -> None:
        self.job, self.animated, self.skeleton, self.view = job, animated, skeleton, view
        self.shown, self.total = -PAUSE, view.reference.frames

    def show(self, done: Track, frame: int) -> None:
        """One frame of those that are done."""
        if len(done.turn) < self.total and time.monotonic() - self.shown < PAUSE:
            return
        self.shown = time.monotonic()
        one = slice(frame - done.first, frame - done.first + 1)

        @torch.no_grad()
        def render() -> Tensor:
            shown = self.animated.perform(self.skeleton.pose(done.turn[one], done.shift[one]))
            return self.animated.render(shown, self.view.only(frame).cameras(), self.view.size).color[0]

        show_preview(self.job.folder, self.view.reference.color[frame], render, self.job.report)
