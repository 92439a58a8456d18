"""The reference video as the optimization sees it: a square crop around the object, at one resolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..cameras.orbit import intrinsics_for
from ..inputs.bars import Window
from ..inputs.masks import Masks
from ..inputs.video import Clip
from ..rendering import Cameras

MARGIN = 0.08
"""Free space around the object in the crop, of its longer side."""


@dataclass(frozen=True)
class Reference:
    """Frames cropped to a square and scaled.

    Attributes:
        color: (T, 3, R, R) sRGB, the object on white.
        alpha: (T, 1, R, R) its coverage.
        intrinsics: (3, 3) float64 K [px] of the crop.
        usable: (T,) bool; frames without the object teach nothing.
    """

    color: Tensor
    alpha: Tensor
    intrinsics: np.ndarray
    usable: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        """Height and width [px]."""
        return (self.color.shape[-2], self.color.shape[-1])

    @property
    def frames(self) -> int:
        """Number of frames T."""
        return self.color.shape[0]

    def only(self, frame: int) -> Reference:
        """One frame of it."""
        one = slice(frame, frame + 1)
        return Reference(self.color[one], self.alpha[one], self.intrinsics, self.usable[one])

    def cameras(self, world_to_camera: np.ndarray, count: int = 1) -> Cameras:
        """`count` times the same camera (4, 4), or one for each matrix of (C, 4, 4), with the crop's intrinsics."""
        poses = torch.from_numpy(np.asarray(world_to_camera)).to(self.color)
        if poses.dim() == 2:
            poses = poses.expand(count, 4, 4)
        return Cameras(poses, torch.from_numpy(self.intrinsics).to(self.color).expand(len(poses), 3, 3))


def make_reference(
    clip: Clip, masks: Masks, fovy: float, resolution: int, frames: slice = slice(None), device: str = "cpu", whole: bool = False
) -> Reference:
    """Crops all frames to the square that holds the object in every one of them, and scales it to `resolution`.

    Args:
        fovy: vertical field of view of the whole frame [degrees].
        frames: which frames to take; the crop holds the object in these.
        device: where the pictures go.
        whole: the object is whole in these frames. Else, where the frame's border cuts it, the crop ends there too: nobody knows
            what lies outside, and white would count as seen.
    """
    alpha, pictures = masks.alpha[frames], clip.frames[frames]
    left, top, side = _square(alpha)
    height, width = alpha.shape[1:]
    if masks.touches_border[frames].any() and not whole:
        seen = clip.window or Window(0, height, 0, width)
        left, top = _inside(left, side, seen.left, seen.right), _inside(top, side, seen.top, seen.bottom)
    scale = resolution / side
    intrinsics = np.diag([scale, scale, 1.0]) @ _shift(-left, -top) @ intrinsics_for(fovy, width, height)
    colors, alphas = [], []
    for picture, coverage in zip(pictures, alpha, strict=True):
        cover = coverage[..., None].astype(np.float32)
        # at an edge the picture is a mixture with the background, which is white from here on
        shown = picture.astype(np.float32) / 255
        on_white = np.where(cover > 0, shown + (1 - cover) * (1 - masks.behind_edges(shown, coverage)), 1.0).clip(0, 1)
        layers = np.concatenate([on_white, cover], axis=2)
        scaled = _crop(layers, left, top, side, resolution)
        colors.append(scaled[..., :3].transpose(2, 0, 1))
        alphas.append(scaled[..., 3][None])
    usable = ~masks.empty[frames]
    return Reference(torch.from_numpy(np.stack(colors)).to(device), torch.from_numpy(np.stack(alphas)).to(device), intrinsics, usable)


def _shift(x: float, y: float) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def _square(alpha: np.ndarray) -> tuple[float, float, float]:
    """Left, top and side [px] of the crop; may reach over the frame's border."""
    rows = np.flatnonzero((alpha > 0.1).any(axis=(0, 2)))
    columns = np.flatnonzero((alpha > 0.1).any(axis=(0, 1)))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    side = max(bottom - top, right - left) * (1 + 2 * MARGIN)
    return (left + right - side) / 2, (top + bottom - side) / 2, float(side)


def _inside(start: float, side: float, low: int, high: int) -> float:
    """Where the crop has to start to lie between `low` and `high`; where it is too large for that, it stays."""
    return float(np.clip(start, low, high - side)) if side <= high - low else start


def _crop(layers: np.ndarray, left: float, top: float, side: float, resolution: int) -> np.ndarray:
    """(R, R, 4) float32 of color and coverage; outside of the frame it is white and empty."""
    height, width = layers.shape[:2]
    pad = int(np.ceil(max(0, -left, -top, left + side - width, top + side - height)))
    padded = np.pad(layers, ((pad, pad), (pad, pad), (0, 0)), constant_values=1.0)
    if pad:
        padded[:pad, :, 3] = padded[-pad:, :, 3] = 0
        padded[:, :pad, 3] = padded[:, -pad:, 3] = 0
    box = (left + pad, top + pad, left + pad + side, top + pad + side)
    how = Image.Resampling.BOX if side > resolution else Image.Resampling.BILINEAR
    channels = [np.asarray(Image.fromarray(np.ascontiguousarray(padded[..., i])).resize((resolution, resolution), how, box=box)) for i in range(4)]
    return np.stack(channels, axis=2)
