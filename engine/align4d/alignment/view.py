"""A clip of the motion together with the camera that filmed it: all that the optimization compares its pictures with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..rendering import Cameras
from .lighting import Lighting
from .reference import Reference


@dataclass(frozen=True)
class View:
    """Attributes:
    reference: T frames.
    viewmats: (T, 4, 4) float64, world to camera of each frame.
    lighting: of this clip, where it is not that which the asset is in; None for the first clip of a job.
    """

    reference: Reference
    viewmats: np.ndarray
    lighting: Lighting | None = None

    @staticmethod
    def still(reference: Reference, world_to_camera: np.ndarray) -> View:
        """Seen by a camera (4, 4) that stands."""
        return View(reference, np.tile(world_to_camera, (reference.frames, 1, 1)))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures [px]."""
        return self.reference.size

    def only(self, frame: int) -> View:
        """One frame of it."""
        return replace(self, reference=self.reference.only(frame), viewmats=self.viewmats[frame : frame + 1])

    def coarser(self, factor: int) -> View:
        """In pictures so many times smaller."""
        return replace(self, reference=self.reference.coarser(factor))

    def cameras(self) -> Cameras:
        """Of all frames, on the device of the pictures."""
        return self.reference.cameras(self.viewmats)

    def usable(self) -> Tensor:
        """(T,) 1 where the frame shows the object, else 0; on the device of the pictures."""
        return torch.from_numpy(self.reference.usable).to(self.reference.color)


def seen_by_any(views: tuple[View, ...]) -> np.ndarray:
    """(T,) bool: frames in which one of the views at least shows the object."""
    found: np.ndarray = np.any([view.reference.usable for view in views], axis=0)
    return found


def open_depth(views: tuple[View, ...]) -> Tensor:
    """(T,) in [0, 1]: how much of a motion in depth, as the first view sees it, no other view sees either; 1 where there is no other.

    It is the squared cosine of the angle between the viewing directions: a clip from the side leaves nothing of it open.
    """
    first, others = views[0], views[1:]
    ahead = first.viewmats[:, 2, :3]
    left_open = np.ones(len(ahead))
    for view in others:
        cosine = (ahead * view.viewmats[:, 2, :3]).sum(1)
        left_open = np.minimum(left_open, np.where(view.reference.usable, cosine**2, 1.0))
    return torch.from_numpy(left_open).to(first.reference.color)
