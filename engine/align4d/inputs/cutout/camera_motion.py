"""How the background moves in the picture when the camera does: a homography for each frame, by robust image alignment.

What is far away, and what is flat, moves by a homography; a camera that only turns moves everything so. Gauss-Newton on the gray values,
from coarse to fine (Baker and Matthews 2004), where what does not follow, the object for one, loses its weight (Tukey's).
"""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image
from scipy import ndimage

REDUCTIONS = (4, 2, 1)
"""Sizes that are aligned one after the other, as divisors."""
STEPS = 6
"""Of Gauss-Newton at each size."""
STILL = 0.02
"""A step that moves nothing by more than this ends a size [px]."""
UNMOVED = 0.02
"""A picture that moves by less than this is left as it is [px]."""
SURE = 4.0
"""What differs by this many standard deviations does not follow the background."""
LEAST_SEEN = 0.15
"""Part of the frame that has to show background for its motion to be solved."""


Area = tuple[slice, slice]
"""Rows and columns of a picture."""
WHOLE: Area = (slice(None), slice(None))


@dataclasses.dataclass(frozen=True)
class CameraMotion:
    """Where the background is.

    Attributes:
        homographies: (T, 3, 3) float64, a pixel (x, y, 1) of the first frame to where its background is in frame t.
        explained: (T,) in [0, 1], the part of the background's change since the first frame that the homographies explain; 1 where none was.
    """

    homographies: np.ndarray
    explained: np.ndarray

    def shift(self, size: tuple[int, int]) -> np.ndarray:
        """(T,) how far the corners of a frame of `size`, height and width, move on average [px]."""
        height, width = size
        corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], float)
        return np.array([np.linalg.norm(transform(one, corners) - corners, axis=1).mean() for one in self.homographies])


def follow_background(frames: np.ndarray, background: np.ndarray) -> CameraMotion:
    """The motion of the background in (T, H, W, 3) frames in [0, 255]; `background` (H, W) bool says where the first frame shows it."""
    gray = frames.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    found, explained = [np.eye(3)], [1.0]
    for frame in range(1, len(gray)):
        homography = found[-1]
        if background.mean() >= LEAST_SEEN:
            homography = _align(gray[0], gray[frame], background, homography)
        found.append(homography)
        explained.append(_explained(gray[0], gray[frame], background, homography))
    return CameraMotion(np.stack(found), np.array(explained))


def transform(homography: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (..., 2) through a homography (3, 3)."""
    moved = points @ homography[:, :2].T + homography[:, 2]
    return moved[..., :2] / moved[..., 2:]


def pull(picture: np.ndarray, homography: np.ndarray, outside: float = np.nan, area: Area = WHOLE) -> np.ndarray:
    """The picture (H, W) or (H, W, C), float32, as it looks from where `homography` leads from; `outside` where that is not in it.

    `area`: the rows and columns that are wanted of it.
    """
    height, width = picture.shape[:2]
    places = _pixels(height, width)[area]
    moved = transform(homography, places)
    if np.abs(moved - places).max() < UNMOVED:
        return picture[area].astype(np.float32)
    x, y = np.moveaxis(moved, -1, 0)
    layers = picture.reshape(height, width, -1)
    pulled = [ndimage.map_coordinates(layers[..., i], [y, x], np.float32, 1, cval=outside) for i in range(layers.shape[2])]
    return np.stack(pulled, axis=2).reshape(*places.shape[:2], *picture.shape[2:])


def _pixels(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width].astype(float)
    return np.stack([x, y], axis=-1)


def _align(first: np.ndarray, other: np.ndarray, background: np.ndarray, homography: np.ndarray) -> np.ndarray:
    """The homography that takes `background` of one gray picture (H, W) to another, from about there."""
    for reduction in REDUCTIONS:
        scale = np.array([[reduction, 0, (reduction - 1) / 2], [0, reduction, (reduction - 1) / 2], [0, 0, 1.0]])
        small = [_reduced(one, reduction) for one in (first, other, background.astype(np.float32))]
        start = np.linalg.inv(scale) @ homography @ scale
        homography = scale @ _align_at(small[0], small[1], small[2] > 0.99, start, projective=reduction == REDUCTIONS[-1]) @ np.linalg.inv(scale)
    return homography / homography[2, 2]


def _reduced(picture: np.ndarray, by: int) -> np.ndarray:
    size = max(8, picture.shape[1] // by), max(8, picture.shape[0] // by)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))


def _align_at(first: np.ndarray, other: np.ndarray, background: np.ndarray, homography: np.ndarray, projective: bool) -> np.ndarray:
    height, width = first.shape
    center, half = np.array([(width - 1) / 2, (height - 1) / 2]), max(width, height) / 2
    normal = np.array([[1 / half, 0, -center[0] / half], [0, 1 / half, -center[1] / half], [0, 0, 1]])
    u, v = np.moveaxis((_pixels(height, width) - center) / half, -1, 0)
    down, right = (one * half for one in np.gradient(ndimage.gaussian_filter(first, 0.7)))
    columns = [right, down, right * u, right * v, down * u, down * v]
    if projective:
        columns += [-(right * u + down * v) * u, -(right * u + down * v) * v]
    jacobian = np.stack(columns, axis=-1)
    for _ in range(STEPS):
        error = pull(other, homography) - first
        seen = background & np.isfinite(error)
        if seen.mean() < LEAST_SEEN:
            break
        rows, error = jacobian[seen], error[seen] - np.median(error[seen])
        noise = 1.48 * float(np.median(np.abs(error))) + 1
        weighted = rows * (np.clip(1 - (error / (SURE * noise)) ** 2, 0, 1) ** 2)[:, None]
        # a little stiffness: where the background has no detail, nothing moves
        step = np.zeros(8)
        step[: rows.shape[1]] = np.linalg.solve(weighted.T @ rows + 1e-3 * len(rows) * np.eye(rows.shape[1]), weighted.T @ error)
        change = np.array([[1 + step[2], step[3], step[0]], [step[4], 1 + step[5], step[1]], [step[6], step[7], 1]])
        homography = homography @ np.linalg.inv(normal) @ np.linalg.inv(change) @ normal
        if np.abs(step).max() * half < STILL:
            break
    return homography


def _explained(first: np.ndarray, other: np.ndarray, background: np.ndarray, homography: np.ndarray) -> float:
    """Part of the change between two gray pictures that goes away where the second is pulled back."""
    pulled = pull(other, homography)
    seen = background & np.isfinite(pulled)
    before = float(np.abs(other - first)[background].mean()) if background.any() else 0.0
    after = float(np.abs(pulled - first)[seen].mean()) if seen.any() else before
    return 1.0 if before < 1.0 else float(np.clip(1 - after / before, 0, 1))
