"""Numba kernels of `drawn_poses`: surface points of many poses as a camera sees them, and what an outline says of them, as `Outline.cost`."""

from __future__ import annotations

import math

import numpy as np

from ..kernels import njit
from .outline import BEHIND, CELLS, HIDDEN, SOFT

LEAST_DEPTH = 0.05
"""Points nearer to the camera than this are seen as if they were so far [longest sides]."""
LEAST_APART = 1e-6
"""Squared distance below which a pixel does not draw its point [px^2]."""


@njit(forceinline=True)
def _in_camera(place, pose):  # type: ignore[no-untyped-def]
    """Right, down and away."""
    return (
        pose[0, 0] * place[0] + pose[0, 1] * place[1] + pose[0, 2] * place[2] + pose[0, 3],
        pose[1, 0] * place[0] + pose[1, 1] * place[1] + pose[1, 2] * place[2] + pose[1, 3],
        pose[2, 0] * place[0] + pose[2, 1] * place[1] + pose[2, 2] * place[2] + pose[2, 3],
    )


@njit(nogil=True, cache=True, error_model="numpy")
def see_points(part, parts, places, pose, intrinsics, side, pixels, extra):  # type: ignore[no-untyped-def]
    """Fills where points (B, N, 3) are seen (B, N, 2), and what those count farther away that others hide (B, N).

    Part p of n takes every n-th pose from the p-th on.
    """
    count = places.shape[1]
    cell, depth, front = np.empty(count, np.int64), np.empty(count), np.empty(CELLS * CELLS)
    for b in range(part, len(places), parts):
        front[:] = np.inf
        for n in range(count):
            x, y, z = _in_camera(places[b, n], pose)
            depth[n] = max(z, LEAST_DEPTH)
            x, y, z = x / depth[n], y / depth[n], z / depth[n]
            right = intrinsics[0, 0] * x + intrinsics[0, 1] * y + intrinsics[0, 2] * z
            down = intrinsics[1, 0] * x + intrinsics[1, 1] * y + intrinsics[1, 2] * z
            pixels[b, n, 0], pixels[b, n, 1] = right, down
            column = int(min(max(right / side * CELLS, 0.0), CELLS - 1.0))
            row = int(min(max(down / side * CELLS, 0.0), CELLS - 1.0))
            cell[n] = column + CELLS * row
            front[cell[n]] = min(front[cell[n]], depth[n])
        for n in range(count):
            extra[b, n] = HIDDEN if depth[n] > front[cell[n]] + BEHIND else 0.0


@njit(forceinline=True, error_model="numpy")
def _outside(distance, x, y):  # type: ignore[no-untyped-def]
    """The distance from the object at a pixel, between the pixels' middles, and its slopes; beyond the border as at the border."""
    last = len(distance) - 1.0
    at_x, at_y = min(max(x - 0.5, 0.0), last), min(max(y - 0.5, 0.0), last)
    left, top = int(min(at_x, last - 1)), int(min(at_y, last - 1))
    across, down = at_x - left, at_y - top
    a, b, c, d = distance[top, left], distance[top, left + 1], distance[top + 1, left], distance[top + 1, left + 1]
    value = (1 - down) * ((1 - across) * a + across * b) + down * ((1 - across) * c + across * d)
    slope_x = (1 - down) * (b - a) + down * (d - c) if 0.0 < x - 0.5 < last else 0.0
    slope_y = (1 - across) * (c - a) + across * (d - b) if 0.0 < y - 0.5 < last else 0.0
    return value, slope_x, slope_y


@njit(forceinline=True)
def _beyond(x, side):  # type: ignore[no-untyped-def]
    """How far a coordinate is beyond the picture, and its slope."""
    if x < 0.0:
        return -x, -1.0
    return (x - side, 1.0) if x > side else (0.0, 0.0)


@njit(nogil=True, cache=True, error_model="numpy")
def draw_points(  # type: ignore[no-untyped-def]
    part, parts, places, pixels, pose, intrinsics, distance, is_cut, wanted, nearest, spacing, by, cost, g_places,
):  # fmt: skip
    """Adds to cost (B,) and to the gradient of the places (B, N, 3), both times `by`.

    Args:
        places, pixels: arguments and results of `see_points`.
        distance: (R, R) of each pixel from the object [px].
        is_cut: the picture's border cuts the object.
        wanted: (M, 2) pixels of the object that want to be covered.
        nearest: (B, M) the point that each is matched with.
        spacing: of these pixels [px].
    """
    count, side = places.shape[1], float(len(distance))
    pull = np.empty((count, 2))
    for b in range(part, len(places), parts):
        pull[:] = 0.0
        outside, uncovered = 0.0, 0.0
        for n in range(count):
            x, y = float(pixels[b, n, 0]), float(pixels[b, n, 1])
            away, slope_x, slope_y = _outside(distance, x, y)
            if not is_cut:
                more_x, lean_x = _beyond(x, side)
                more_y, lean_y = _beyond(y, side)
                away, slope_x, slope_y = away + more_x + more_y, slope_x + lean_x, slope_y + lean_y
            away /= side
            root = math.sqrt(away * away + SOFT * SOFT)
            outside += root - SOFT
            g = 2 * by * away / (root * side * count)
            pull[n, 0], pull[n, 1] = g * slope_x, g * slope_y
        for m in range(len(wanted)):
            n = nearest[b, m]
            x, y = pixels[b, n, 0] - wanted[m, 0], pixels[b, n, 1] - wanted[m, 1]
            square = float(x * x + y * y)
            length = math.sqrt(max(square, LEAST_APART))
            away = (length - spacing / 2) / side
            if away <= 0.0:
                continue
            root = math.sqrt(away * away + SOFT * SOFT)
            uncovered += root - SOFT
            if square >= LEAST_APART:
                g = 2 * by * away / (root * side * len(wanted) * length)
                pull[n, 0] += g * x
                pull[n, 1] += g * y
        cost[b] += 2 * by * (outside / count + uncovered / len(wanted))
        for n in range(count):
            x, y, z = _in_camera(places[b, n], pose)
            depth = max(z, LEAST_DEPTH)
            g_x = (intrinsics[0, 0] * pull[n, 0] + intrinsics[1, 0] * pull[n, 1]) / depth
            g_y = (intrinsics[0, 1] * pull[n, 0] + intrinsics[1, 1] * pull[n, 1]) / depth
            g_z = (intrinsics[0, 2] * pull[n, 0] + intrinsics[1, 2] * pull[n, 1]) / depth
            if z >= LEAST_DEPTH:
                g_z -= (g_x * x + g_y * y + g_z * z) / depth
            for i in range(3):
                g_places[b, n, i] += pose[0, i] * g_x + pose[1, i] * g_y + pose[2, i] * g_z
