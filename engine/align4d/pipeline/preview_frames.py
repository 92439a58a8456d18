"""Pictures of a motion while it is tracked."""

from __future__ import annotations

import torch
from torch import Tensor

from ..alignment.animated_asset import AnimatedAsset
from ..alignment.tracking import Track
from ..alignment.view import View
from ..job.preview import show_preview
from ..motion.skeleton import Skeleton
from .stages import Job


class PreviewEveryFrame:
    """Leaves a picture of each tracked frame beside the video's, for the panel."""

    def __init__(self, job: Job, animated: AnimatedAsset, skeleton: Skeleton, view: View) -> None:
        self.job, self.animated, self.skeleton, self.view = job, animated, skeleton, view

    def show(self, done: Track, frame: int) -> None:
        """One frame of those that are done."""
        one = slice(frame - done.first, frame - done.first + 1)

        @torch.no_grad()
        def render() -> Tensor:
            shown = self.animated.perform(self.skeleton.pose(done.turn[one], done.shift[one]))
            return self.animated.render(shown, self.view.only(frame).cameras(), self.view.size).color[0]

        show_preview(self.job.folder, self.view.reference.color[frame], render, self.job.report)
