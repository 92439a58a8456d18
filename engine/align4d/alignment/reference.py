"""The reference video as the optimization sees it: a square crop around the object, at one resolution."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ..cameras.orbit import intrinsics_for
from ..inputs.bars import Window
from ..inputs.masks import Masks
from ..inputs.video import Clip
from ..rendering import Cameras
from ..rendering.cpu.threads import beside_each_other

ALIKE = 0.1
"""Difference of a channel, of 1, up to which nobody can tell an object from what lies behind it."""
MARGIN = 0.08
"""Free space around the object in the crop, of its longer side."""


@dataclass(frozen=True)
class Backdrop:
    """Frames as they were filmed, and what lies behind the object in them.

    A picture of the object is compared with a frame in front of that background: where a mask takes some of the background for the object,
    or leaves out some of the object, the frame itself shows what is right.

    Attributes:
        shown: (T, 3, R, R) sRGB, the frames.
        behind: (T, 3, R, R) sRGB, the same without the object.
    """

    shown: Tensor
    behind: Tensor


@dataclass(frozen=True)
class Reference:
    """Frames cropped to a square and scaled.

    Attributes:
        color: (T, 3, R, R) sRGB, the object on white.
        alpha: (T, 1, R, R) its coverage.
        intrinsics: (3, 3) float64 K [px] of the crop.
        usable: (T,) bool; frames without the object teach nothing.
        backdrop: the same frames as they are; None where the background is plain, so that the masks are right.
    """

    color: Tensor
    alpha: Tensor
    intrinsics: np.ndarray
    usable: np.ndarray
    backdrop: Backdrop | None = None

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
        return self.chosen(np.array([frame]))

    def chosen(self, frames: np.ndarray) -> Reference:
        """Some frames of it (F,), in this order."""
        backdrop = self.backdrop and Backdrop(self.backdrop.shown[frames], self.backdrop.behind[frames])
        return replace(self, color=self.color[frames], alpha=self.alpha[frames], usable=self.usable[frames], backdrop=backdrop)

    def coarser(self, factor: int) -> Reference:
        """The same frames, each square of factor x factor pixels as one."""
        color, alpha = avg_pool2d(self.color, factor), avg_pool2d(self.alpha, factor)
        backdrop = self.backdrop and Backdrop(avg_pool2d(self.backdrop.shown, factor), avg_pool2d(self.backdrop.behind, factor))
        intrinsics = np.diag([1 / factor, 1 / factor, 1]) @ self.intrinsics
        return replace(self, color=color, alpha=alpha, intrinsics=intrinsics, backdrop=backdrop)

    def compared(self, color: Tensor, alpha: Tensor, frames: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What a loss compares: a picture of the object and its mask, and the frames' own: all in front of the same background.

        Args:
            color: (F, 3, R, R) rendered on white.
            alpha: (F, 1, R, R)
            frames: (F,) which ones these are of; None for all.
        """
        backdrop = self.backdrop
        every = (self.color, self.alpha) if backdrop is None else (backdrop.shown, self.alpha, backdrop.behind)
        true = [one if frames is None else one.index_select(0, frames) for one in every]
        return (color if backdrop is None else in_front(color, alpha, true[2])), alpha, true[0], true[1]

    def cameras(self, world_to_camera: np.ndarray, count: int = 1) -> Cameras:
        """`count` times the same camera (4, 4), or one for each matrix of (C, 4, 4), with the crop's intrinsics."""
        poses = torch.from_numpy(np.asarray(world_to_camera)).to(self.color)
        if poses.dim() == 2:
            poses = poses.expand(count, 4, 4)
        return Cameras(poses, torch.from_numpy(self.intrinsics).to(self.color).expand(len(poses), 3, 3))

    def disputed(self, color: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """Masks (1, R, R) of a picture and of the first frame, for saying how far they agree: the same where the two cannot be told apart.

        Where the picture of the object, in front of what lies behind, looks like the frame, a mask that says otherwise may be wrong.

        Args:
            color, alpha: (1, 3, R, R) and (1, 1, R, R), rendered on white.
        """
        compared = self.compared(color, alpha, torch.zeros(1, dtype=torch.long, device=color.device))
        ours, theirs = alpha[0], self.alpha[0]
        if self.backdrop is None:
            return ours, theirs
        alike = (compared[0] - compared[2])[0].abs().amax(0, keepdim=True) < ALIKE
        return ours, torch.where(alike, ours, theirs)


def in_front(color: Tensor, alpha: Tensor, behind: Tensor) -> Tensor:
    """(F, 3, H, W) of an object in front of a background, from its picture on white and its coverage (F, 1, H, W)."""
    return color - (1 - alpha) * (1 - behind)


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

    def look(index: int) -> tuple[np.ndarray, list[np.ndarray]]:
        picture, coverage = pictures[index], alpha[index]
        cover = coverage[..., None].astype(np.float32)
        # at an edge the picture is a mixture with the background, which is white from here on
        shown = picture.astype(np.float32) / 255
        on_white = np.where(cover > 0, shown + (1 - cover) * (1 - masks.behind_edges(shown, coverage)), 1.0).clip(0, 1)
        layers = np.concatenate([on_white, cover], axis=2)
        scaled = _crop(layers, left, top, side, resolution)
        if masks.scenery is None:
            return scaled, []
        pair = np.stack([picture, masks.scenery[frames][index]]).astype(np.float32) / 255
        return scaled, [_crop(np.dstack([one, cover]), left, top, side, resolution)[..., :3] for one in pair]

    scaled, filmed = zip(*beside_each_other(look, range(len(pictures))), strict=True)

    def tensor(pictures: object) -> Tensor:
        return torch.from_numpy(np.moveaxis(np.array(pictures), -1, -3).copy()).to(device)

    backdrop = Backdrop(*tensor(filmed).unbind(1)) if masks.scenery is not None else None
    colors, alphas = tensor([one[..., :3] for one in scaled]), tensor([one[..., 3:] for one in scaled])
    return Reference(colors, alphas, intrinsics, ~masks.empty[frames], backdrop)


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
