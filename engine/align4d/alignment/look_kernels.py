"""Numba kernels of `direct_look`: pictures in smaller squares, motion in depth, and how all of it curves.

Each is small beside those that render, so one thread does it.
"""

from __future__ import annotations

import numpy as np

from ..kernels import njit
from .picture_curvature import SHARP

FAST = {"nnan", "ninf", "nsz"}
"""No sums in another order, and no products added unrounded: where in memory pictures lie decides whether the vectorizer's code runs."""
SHARPER = np.float32(SHARP)
LEAST_DEPTH = 1e-3
"""As in `FrameView.projection`."""


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def in_squares(picture, small):  # type: ignore[no-untyped-def]
    """Fills `small` (C, h, w) with the means over squares of a picture (C, H, W), as many as there are whole ones."""
    channels, height, width = small.shape
    side = picture.shape[1] // height
    share = np.float32(1.0 / (side * side))
    for channel in range(channels):
        for y in range(height):
            for x in range(width):
                total = np.float32(0.0)
                for i in range(side):
                    for j in range(side):
                        total += picture[channel, y * side + i, x * side + j]
                small[channel, y, x] = share * total


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def add_of_squares(small, side, by, scale, picture):  # type: ignore[no-untyped-def]
    """A picture (C, H, W) becomes `scale` times itself, and `by` times what each square of side x side pixels has in `small` (C, h, w)."""
    channels, height, width = picture.shape
    for channel in range(channels):
        for y in range(height):
            for x in range(width):
                picture[channel, y, x] *= scale
        for y in range(small.shape[1] * side):
            for square in range(small.shape[2]):
                added = by * small[channel, y // side, square]
                for x in range(square * side, (square + 1) * side):
                    picture[channel, y, x] += added


@njit(nogil=True, cache=True, error_model="numpy")
def add_drift(means, rest, axis, by, reach, afloat, g_means):  # type: ignore[no-untyped-def]
    """The price of motion in depth, the mean over places (N, 3) that rest at `rest`, seen along `axis`; adds its gradient to `g_means`.

    Args:
        by: of a motion far beyond `reach`; see `PoseCost.drift`.
        afloat: only the motion beside that of the whole costs.
    """
    count = len(means)
    depth = np.empty(count)
    middle = 0.0
    for n in range(count):
        depth[n] = sum_of(means[n], rest[n], axis)
        middle += depth[n]
    middle = middle / count if afloat else 0.0
    cost, lean, square = 0.0, 0.0, reach * reach
    for n in range(count):
        away = depth[n] - middle
        cost += away * away / (away * away + square)
        depth[n] = 2 * by * away * square / (away * away + square) ** 2 / count
        lean += depth[n]
    lean = lean / count if afloat else 0.0
    for n in range(count):
        for i in range(3):
            g_means[n, i] += (depth[n] - lean) * axis[i]
    return by * cost / count


@njit(forceinline=True)
def sum_of(place, rest, axis):  # type: ignore[no-untyped-def]
    """How far a place has moved along an axis from where it rests."""
    return (place[0] - rest[0]) * axis[0] + (place[1] - rest[1]) * axis[1] + (place[2] - rest[2]) * axis[2]


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def curve_pixels(color, alpha, shown, target, area, behind, by_color, by_mask, robust, camouflage, curved):  # type: ignore[no-untyped-def]
    """As `picture_curvature`: fills `curved` (3, H, W).

    Args:
        color, alpha: (3, H, W) on white and (H, W), rendered.
        shown: (3, H, W) the same in front of `behind`, which is white where its first axis is empty.
        target, area: the video's colors, and how many pixels its object covers.
    """
    _, height, width = color.shape
    scale, half = SHARPER / area, np.float32(0.5)
    open_behind = len(behind) > 0
    for y in range(height):
        for x in range(width):
            across, down = 0 < x < width - 1, 0 < y < height - 1
            alpha_x = half * (alpha[y, x + 1] - alpha[y, x - 1]) if across else np.float32(0.0)
            alpha_y = half * (alpha[y + 1, x] - alpha[y - 1, x]) if down else np.float32(0.0)
            xx, xy, yy, worst = np.float32(0.0), np.float32(0.0), np.float32(0.0), np.float32(0.0)
            for channel in range(3):
                wrong = shown[channel, y, x] - target[channel, y, x]
                worst = max(worst, abs(wrong))
                each = by_color / np.sqrt(wrong * wrong + robust * robust)
                one_x = half * (color[channel, y, x + 1] - color[channel, y, x - 1]) if across else np.float32(0.0)
                one_y = half * (color[channel, y + 1, x] - color[channel, y - 1, x]) if down else np.float32(0.0)
                if open_behind:
                    uncovered = np.float32(1.0) - behind[channel, y, x]
                    one_x += alpha_x * uncovered
                    one_y += alpha_y * uncovered
                xx, xy, yy = xx + each * one_x * one_x, xy + each * one_x * one_y, yy + each * one_y * one_y
            covered = np.float32(2.0) * by_mask
            if camouflage > 0:
                visible = min(worst / camouflage, np.float32(1.0))
                covered *= visible * visible
            curved[0, y, x] = scale * (xx + covered * alpha_x * alpha_x)
            curved[1, y, x] = scale * (xy + covered * alpha_x * alpha_y)
            curved[2, y, x] = scale * (yy + covered * alpha_y * alpha_y)


@njit(nogil=True, cache=True, error_model="numpy")
def curve_places(means, across, pose, intrinsics, rest, axis, by, reach, afloat, curved):  # type: ignore[no-untyped-def]
    """Fills `curved` (N, 3, 3): by how much the cost curves as each of the places (N, 3) moves.

    Args:
        across: (N, 3) the same as it moves in the picture, along x and x, x and y, y and y.
        pose, intrinsics: of the camera.
        rest, axis, by, reach, afloat: see `add_drift`.
    """
    count, square = len(means), reach * reach
    middle = 0.0
    if afloat:
        for n in range(count):
            middle += sum_of(means[n], rest[n], axis)
        middle /= count
    right, down = np.empty(3), np.empty(3)
    for n in range(count):
        place = means[n]
        x = pose[0, 0] * place[0] + pose[0, 1] * place[1] + pose[0, 2] * place[2] + pose[0, 3]
        y = pose[1, 0] * place[0] + pose[1, 1] * place[1] + pose[1, 2] * place[2] + pose[1, 3]
        z = pose[2, 0] * place[0] + pose[2, 1] * place[1] + pose[2, 2] * place[2] + pose[2, 3]
        wide, high = intrinsics[0, 0] / max(z, LEAST_DEPTH), intrinsics[1, 1] / max(z, LEAST_DEPTH)
        for i in range(3):
            right[i], down[i] = wide * (pose[0, i] - x / z * pose[2, i]), high * (pose[1, i] - y / z * pose[2, i])
        away = (sum_of(place, rest[n], axis) - middle) ** 2
        drift = 2 * by * square / (away + square) ** 2 / count
        xx, xy, yy = across[n, 0], across[n, 1], across[n, 2]
        for i in range(3):
            for j in range(3):
                seen = xx * right[i] * right[j] + xy * (right[i] * down[j] + down[i] * right[j]) + yy * down[i] * down[j]
                curved[n, i, j] = seen + drift * axis[i] * axis[j]
