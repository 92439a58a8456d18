"""Cameras of further clips, put right while the motion is: they were found in one frame, in a pose that one clip alone had told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..motion.rotations import matrix_from_quaternion, multiply, quaternion_from_vector
from ..rendering import Gaussians
from .view import View

RATE = 2e-3
"""Of Adam, for turns [rad] and shifts [longest sides] alike."""


class ViewCameras:
    """A small motion of everything for each further view, which is to its camera what the opposite motion of the camera is.

    The first view's camera stays: it says what the space is that all poses are in.
    """

    def __init__(self, views: tuple[View, ...]) -> None:
        like = views[0].reference.color
        self.views = views
        self.change = [torch.zeros(2, 3).to(like).requires_grad_() for _ in views[1:]]
        self.optimizer = torch.optim.Adam(self.change, lr=RATE) if self.change else None

    def seen(self, shown: Gaussians, view: int, frozen: bool) -> Gaussians:
        """What a view's camera is shown in the place of `shown`."""
        if view == 0:
            return shown
        turn, shift = self.change[view - 1].detach() if frozen else self.change[view - 1]
        quaternion = quaternion_from_vector(turn)
        means = shown.means @ matrix_from_quaternion(quaternion).mT + shift
        return replace(shown, means=means, quats=multiply(quaternion, shown.quats))

    def step(self, done: float) -> None:
        """One step; `done`: part of the round that is over."""
        if self.optimizer is None:
            return
        for group in self.optimizer.param_groups:
            group["lr"] = RATE * (1 - done)
        self.optimizer.step()
        self.optimizer.zero_grad()

    @torch.no_grad()
    def corrected(self) -> tuple[View, ...]:
        """The views with the cameras that were found."""
        found = [self.views[0]]
        for view, change in zip(self.views[1:], self.change, strict=True):
            found.append(replace(view, viewmats=view.viewmats @ _matrix(change)))
        return tuple(found)


def _matrix(change: Tensor) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = matrix_from_quaternion(quaternion_from_vector(change[0].double())).cpu().numpy()
    matrix[:3, 3] = change[1].cpu().numpy()
    return matrix
