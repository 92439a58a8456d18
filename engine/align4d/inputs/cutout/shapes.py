"""What masks are worked on with: sizes, growing, specks, the outline of the mesh as evidence, and masks that stand out of their clip."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

SPECK = 0.008
"""Parts of less than this part of the object are dropped; holes of half of it are filled."""
SMALL = 0.2
"""A part of less than this part of the largest one is small."""
EVEN = 4.0
"""Gradient, of 255 a pixel, below which a place is part of an even area."""
REACHING_OUT = 0.15
"""An even area reaches out of a box that has outside at least this part of what it has inside."""
LEAST_REACHING = 20
"""Pixels that it has on both sides."""
OUTLINE_WIDTH = 0.008
"""How far off an outline of the mesh may be, of the longest side: its evidence grows to 1 over this."""
DEEPEST = 3.0
"""The most that an outline says against a place outside of it; inside it says 1."""
MARGIN = 0.03
"""What people leave around an object when they draw a box close to it, of the box's longer side."""
UNLIKE = 0.8
"""A mask that overlaps the ones around it by less than this part of what is usual in the clip is bad."""
AROUND = 3
"""Good masks to each side that a mask's area and place are compared with."""
ROUNDS = 8
"""How often the worst masks are taken out before the others are compared anew."""
OTHER_AREA, LEAST_OTHER_AREA = 1.3, 1.1
"""So many times larger or smaller than the ones around it, and a mask is bad; the less where the areas of the clip hardly change."""
SO_OFTEN = 6.0
"""A change of area is unusual at so many times the usual one, between these two."""


def reduced(picture: np.ndarray, side: int) -> np.ndarray:
    """(h, w, C) or (h, w) float32 of an (H, W, C) uint8 or (H, W) float32 picture: its longest side at most `side`."""
    height, width = picture.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX), np.float32)


def grown(mask: np.ndarray, radius: int) -> np.ndarray:
    """(H, W) bool, dilated by a square of 2 * radius + 1 pixels."""
    return ndimage.maximum_filter(mask.astype(np.uint8), 2 * radius + 1).astype(bool)


def bounds(mask: np.ndarray, grid: int = 1) -> tuple[slice, slice] | None:
    """The rows and columns that a mask (H, W) bool reaches over, from a multiple of `grid` on; None where it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return slice(int(rows[0]) // grid * grid, int(rows[-1]) + 1), slice(int(columns[0]) // grid * grid, int(columns[-1]) + 1)


def without_specks(inside: np.ndarray) -> np.ndarray:
    """A mask (H, W) in [0, 1] without parts and holes that are too small to be of the object."""
    mask = inside > 0.5
    area = mask.sum()
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    large = np.bincount(labels.ravel()) >= SPECK * area
    large[0] = False
    kept = large[labels]
    labels, _ = ndimage.label(~kept)
    small = np.bincount(labels.ravel()) < SPECK / 2 * area
    small[0] = False
    return np.where(small[labels], 1, np.where(kept, inside, 0)).astype(np.float32)


def without_holes(inside: np.ndarray) -> np.ndarray:
    """A mask (H, W) in [0, 1] where all that the object goes around is object."""
    return np.maximum(inside, ndimage.binary_fill_holes(inside > 0.5)).astype(np.float32)


def large_parts(mask: np.ndarray) -> np.ndarray:
    """(H, W) bool: the parts of a mask that are not small beside its largest one."""
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    size = np.bincount(labels.ravel())
    size[0] = 0
    kept: np.ndarray = (size >= SMALL * size.max()) & (size > 0)
    return kept[labels]


def reaching_out(picture: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """(H, W) bool: even areas of a picture (H, W, 3) that go on outside of a box around the whole object, which `allowed` (H, W) bool is."""
    smooth = ndimage.gaussian_filter(picture, (1, 1, 0))
    labels, count = ndimage.label(np.max([np.hypot(*np.gradient(smooth[..., i])) for i in range(3)], axis=0) < EVEN)
    inside, outside = (np.bincount(labels[side], minlength=count + 1) for side in (allowed, ~allowed))
    reaching = (inside > LEAST_REACHING) & (outside > np.maximum(LEAST_REACHING, REACHING_OUT * inside))
    reaching[0] = False
    found: np.ndarray = ndimage.binary_dilation(reaching[labels]) & allowed
    return found


def outline_evidence(outline: np.ndarray) -> np.ndarray:
    """(H, W) float32, the logarithm of odds that a mesh's coverage (H, W) gives each place, up to a weight; 0 at its outline, where it may be off."""
    mask = outline > 0.5
    depth = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)
    return (depth / (OUTLINE_WIDTH * max(outline.shape))).clip(-DEEPEST, 1).astype(np.float32)


def laid_into(mask: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray | None:
    """A mask (H, W) in [0, 1], moved and stretched to fill a box (left, top, right, bottom, in parts of the frame) but for its margin.

    None where it is empty or cut by the border, so that nobody knows how large it is.
    """
    rows, columns = np.flatnonzero((mask > 0.5).any(axis=1)), np.flatnonzero((mask > 0.5).any(axis=0))
    if not len(rows) or rows[0] == 0 or columns[0] == 0 or rows[-1] == mask.shape[0] - 1 or columns[-1] == mask.shape[1] - 1:
        return None
    ends = np.array([[rows[0], columns[0]], [rows[-1] + 1, columns[-1] + 1]], float)
    sides = np.array([[box[1], box[0]], [box[3], box[2]]]) * mask.shape
    margin = MARGIN * (sides[1] - sides[0]).max()
    sides += [[margin], [-margin]]
    if (sides[1] - sides[0] < 2).any():
        return None
    scale = (ends[1] - ends[0]) / (sides[1] - sides[0])
    laid: np.ndarray = ndimage.affine_transform(mask.astype(np.float32), scale, ends[0] - scale * sides[0] + (scale - 1) / 2, order=1)
    return laid


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two masks in [0, 1]; 1 where both are empty."""
    first, second = one > 0.5, other > 0.5
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 1.0


def find_bad(inside: np.ndarray) -> np.ndarray:
    """(T,) bool: masks (T, H, W) whose area or place does not go with the median of the good ones around them.

    The worst are taken out first, so that several in a row do not vouch for each other.
    """
    solid = inside > 0.5
    bad = np.zeros(len(solid), bool)
    for _ in range(ROUNDS):
        score = _out_of_place(solid, ~bad)
        worst = score[~bad].max(initial=0.0)
        if worst <= 1:
            break
        bad |= score > max(1.0, worst / 2)
    found: np.ndarray = np.greater(_out_of_place(solid, ~bad), 1)
    return found


def _out_of_place(solid: np.ndarray, good: np.ndarray) -> np.ndarray:
    """(T,) how far each mask (T, H, W) bool is from the good ones around it, (T,) bool; more than 1 is bad."""
    area = solid.reshape(len(solid), -1).sum(axis=1).astype(float)
    alike, ratio = np.ones(len(solid)), np.ones(len(solid))
    for frame in range(len(solid)):
        others = [*np.flatnonzero(good[:frame])[-AROUND:], *(frame + 1 + np.flatnonzero(good[frame + 1 :])[:AROUND])]
        if len(others) < 2:
            continue
        alike[frame] = overlap(solid[frame], np.median(solid[others], axis=0))
        ratio[frame] = max(area[frame], 1) / max(float(np.median(area[others])), 1)
    change = np.abs(np.log(ratio))
    allowed = np.clip(SO_OFTEN * np.median(change), np.log(LEAST_OTHER_AREA), np.log(OTHER_AREA))
    return np.maximum(np.log(np.maximum(np.median(alike), 1e-3) / np.maximum(alike, 1e-3)) / -np.log(UNLIKE), change / allowed)
