"""Masks from a plain background: what differs from it is the object.

The background is estimated from the border of all frames (`protocol.plain_background`). A pixel belongs to the object where
it differs clearly, or differs at all and is connected to such a place (hysteresis): that keeps near-white parts of an
object on white. Edges are soft: color = alpha * object + (1 - alpha) * background, solved for alpha.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage

from ..protocol.plain_background import Background, find_plain_background
from ..rendering.cpu.threads import beside_each_other

LOOKED_AT = 16
"""Frames that the background is estimated from, spread over the clip."""
CLEAR = 24.0
"""Least difference, of 255, that counts as clearly different; compression ringing lies below."""
SPECK = 1e-4
"""Parts and holes smaller than this part of the frame are dropped and filled."""
LARGEST_HOLE = 0.02
"""Holes larger than this part of the frame are always background."""
WHITE, LARGEST_WHITE = 235.0, 0.015
"""On a background that is at least this bright a hole of up to this part of the object is a white part of it, such as an eye: a gap of that
size that is filled by mistake is as white in the mesh's picture."""
RINGING = 2
"""How far compression's ringing is seen around a clear edge [px at 512]."""
LOUDEST_RINGING = 12.0
"""Ringing above this (of 255) is taken for pale parts of the object."""
PALE_WIDTH = 2
"""A pale area is at least twice this wide, and one [px at 512]; what is narrower is ringing."""
RIM = 4
"""How far around a hole its rim is looked at [px at 512]."""


def find_background(frames: np.ndarray) -> Background | None:
    """The plain background of (T, H, W, 3) uint8 frames, or None where there is none."""
    frames = frames[:: max(1, len(frames) // LOOKED_AT)]
    background = find_plain_background(frames)
    return background and _with_ringing(frames, background)


def key_all(frames: np.ndarray, background: Background) -> np.ndarray:
    """The alpha, (T, H, W) float16 in [0, 1], of (T, H, W, 3) uint8 frames."""
    alpha = np.empty(frames.shape[:3], np.float16)

    def fill(index: int) -> None:
        alpha[index] = key(frames[index], background)

    beside_each_other(fill, range(len(frames)))
    return alpha


def key(frame: np.ndarray, background: Background) -> np.ndarray:
    """The alpha, (H, W) float32 in [0, 1], of one (H, W, 3) uint8 frame."""
    difference = _difference(frame, background)
    clear = max(CLEAR, 3.0 * background.faint)
    alpha = np.zeros(difference.shape, np.float32)
    rows, columns = np.flatnonzero((difference > clear).any(axis=1)), np.flatnonzero((difference > clear).any(axis=0))
    if not len(rows):
        return alpha
    # only around what is clearly different; half of its size again for pale parts that stick out
    margin = max(16, len(rows) // 2, len(columns) // 2)
    window = slice(max(0, rows[0] - margin), rows[-1] + margin + 1), slice(max(0, columns[0] - margin), columns[-1] + margin + 1)
    color = np.broadcast_to(background.color, frame.shape)[window]
    mask = _hysteresis(difference[window], background.faint, clear, difference.size)
    if background.color.min() >= WHITE:
        mask = _fill_white(mask)
    alpha[window] = _soften(frame[window].astype(np.float32), difference[window], mask, color, clear)
    return alpha


def _difference(frame: np.ndarray, background: Background) -> np.ndarray:
    """(H, W) float32, the largest of the three channels' differences."""
    difference = np.abs(frame - background.color)
    return np.maximum(np.maximum(difference[..., 0], difference[..., 1]), difference[..., 2])  # far faster than max(axis=2)


def _with_ringing(frames: np.ndarray, background: Background) -> Background:
    """The background with the noise that compression leaves around the object, which a border far from it does not show.

    It is read off a ring around all that differs clearly. Pale parts of the object lie in that ring too, hence a percentile and a limit.
    """

    def around_clear(frame: np.ndarray) -> np.ndarray:
        difference = ndimage.gaussian_filter(_difference(frame, background), 0.7)
        clear = difference > CLEAR
        ring: np.ndarray = difference[_grow(clear, 3 * RINGING) & ~_grow(clear, RINGING)]
        return ring

    pooled = np.concatenate(beside_each_other(around_clear, frames))
    if not len(pooled):
        return background
    ringing = min(2.0 * float(np.percentile(pooled, 90.0)), LOUDEST_RINGING)
    return dataclasses.replace(background, faint=max(background.faint, ringing))


def _hysteresis(difference: np.ndarray, faint: float, clear: float, frame_area: int) -> np.ndarray:
    """(H, W) bool: clear differences, their edge, and the faint ones connected to them, without specks.

    Within RINGING of a clear place a faint difference may be compression's doing: it counts only where it goes on to a pale area
    farther out, wide enough to survive an opening.
    """
    weak = ndimage.gaussian_filter(difference, 0.7) > faint
    strong = difference > clear
    pale = _grow(_shrink(weak & ~_grow(strong, RINGING), PALE_WIDTH), PALE_WIDTH)
    edge = _grow(strong, 1) & (difference > faint)
    candidates = strong | edge | (_grow(pale, RINGING + 1) & weak)
    labels, count = ndimage.label(candidates, np.ones((3, 3)))
    wanted = np.bincount(labels[strong], minlength=count + 1) > 0
    wanted &= np.bincount(labels.ravel(), minlength=count + 1) >= SPECK * frame_area
    wanted[0] = False
    return _fill(wanted[labels], difference, clear, frame_area)


def _fill(mask: np.ndarray, difference: np.ndarray, clear: float, frame_area: int) -> np.ndarray:
    """The mask without the holes that are no background: pinholes, and those with a pale rim (a part as bright as the background)."""
    labels, count = ndimage.label(~mask)
    size = np.bincount(labels.ravel(), minlength=count + 1)
    hole = size <= LARGEST_HOLE * frame_area
    hole[0] = False  # the mask itself
    hole[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = False
    filled = hole & (size < SPECK * frame_area)
    boxes = ndimage.find_objects(labels)
    for number in np.flatnonzero(hole & ~filled):
        around = tuple(slice(max(0, side.start - RIM), side.stop + RIM) for side in boxes[number - 1])
        rim = _grow(labels[around] == number, RIM) & mask[around]
        filled[number] = float(np.median(difference[around][rim])) < 2.0 * clear
    return mask | filled[labels]


def _fill_white(mask: np.ndarray) -> np.ndarray:
    """The mask without holes that are small beside the object that they are in."""
    labels, count = ndimage.label(~mask)
    small = np.bincount(labels.ravel(), minlength=count + 1) <= LARGEST_WHITE * mask.sum()
    small[np.concatenate([[0], labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = False
    return mask | small[labels]


def _grow(mask: np.ndarray, radius: int) -> np.ndarray:
    """Dilation by a square of 2 * radius + 1 pixels (a separable filter: far faster than the general dilation)."""
    return ndimage.maximum_filter(mask.view(np.uint8), 2 * radius + 1).view(bool)


def _shrink(mask: np.ndarray, radius: int) -> np.ndarray:
    """Erosion by a square of 2 * radius + 1 pixels; the image's border does not erode."""
    return ndimage.minimum_filter(mask.view(np.uint8), 2 * radius + 1).view(bool)


def _soften(pixels: np.ndarray, difference: np.ndarray, mask: np.ndarray, behind: np.ndarray, clear: float) -> np.ndarray:
    """Alpha: 1 inside, unmixed along the edge from the color of the nearest solid place."""
    if not mask.any():
        return np.zeros(mask.shape, np.float32)
    ridge = (difference >= 0.9 * ndimage.maximum_filter(difference, 5)) & (difference > clear)
    solid = mask & (_shrink(mask, 2) | ridge)
    band = _grow(mask, 1) & ~solid
    alpha = mask.astype(np.float32)
    nearest = ndimage.distance_transform_edt(~solid, return_distances=False, return_indices=True)
    rows, columns = nearest[0][band], nearest[1][band]
    towards = pixels[rows, columns] - behind[band]
    contrast = np.abs(towards).max(axis=1)
    unmixed = ((pixels[band] - behind[band]) * towards).sum(axis=1) / np.maximum((towards**2).sum(axis=1), 1e-6)
    # An object as pale as the noise says nothing about its share: there the mask itself, smoothed, is the edge.
    blurred = ndimage.gaussian_filter(alpha, 0.7)[band]
    alpha[band] = np.where(contrast > clear, np.clip(unmixed, 0.0, 1.0), blurred)
    alpha[alpha < 0.02] = 0.0
    return alpha
