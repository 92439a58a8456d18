"""Numba kernels: which Gaussians touch which tile, nearest first.

Per camera: a radix sort of all Gaussians by depth, then a counting sort into tiles, which keeps that order. Ties in
depth keep the order of the input. Every (tile, Gaussian) pair also gets a gradient slot; the slots of one Gaussian
lie next to each other, so that they can be summed in a fixed order without atomics.
"""

from __future__ import annotations

import numpy as np

from ...kernels import njit

RADIX_BITS = 11
RADIX = 1 << RADIX_BITS


@njit
def _depth_order(depths, rects):
    """Indices of the drawn Gaussians, nearest first: a stable radix sort on the bits of the (positive) float32."""
    count = depths.shape[0]
    keys = depths.view(np.uint32)
    order, other = np.empty(count, np.int32), np.empty(count, np.int32)
    drawn = 0
    for n in range(count):
        if rects[n, 2] > rects[n, 0]:
            order[drawn] = n
            drawn += 1
    histogram = np.empty(RADIX, np.int32)
    for digit in range(3):
        shift = np.uint32(digit * RADIX_BITS)
        histogram[:] = 0
        for i in range(drawn):
            histogram[(keys[order[i]] >> shift) & np.uint32(RADIX - 1)] += 1
        position = 0
        for value in range(RADIX):
            size = histogram[value]
            histogram[value] = position
            position += size
        for i in range(drawn):
            value = (keys[order[i]] >> shift) & np.uint32(RADIX - 1)
            other[histogram[value]] = order[i]
            histogram[value] += 1
        order, other = other, order
    return order[:drawn]


@njit(nogil=True, cache=True)
def count_pairs(part, parts, rects, tiles_x, in_tile, first_slot):
    """Count the pairs of every tile, into in_tile (C, tiles) int64 zeros, and where each Gaussian's slots start.

    first_slot (C, N + 1) int64 counts from 0 in each camera; its last entry is the camera's number of pairs.
    """
    cameras, count = rects.shape[0], rects.shape[1]
    for c in range(part, cameras, parts):
        total = 0
        for n in range(count):
            first_slot[c, n] = total
            x0, y0, x1, y1 = rects[c, n, 0], rects[c, n, 1], rects[c, n, 2], rects[c, n, 3]
            total += (x1 - x0) * (y1 - y0)
            for y in range(y0, y1):
                for x in range(x0, x1):
                    in_tile[c, y * tiles_x + x] += 1
        first_slot[c, count] = total


@njit(nogil=True, cache=True)
def fill_pairs(part, parts, rects, depths, tiles_x, first_pair, first_slot, pairs):
    """Write the pairs of every tile, nearest first, into pairs (P, 2) int32: the Gaussian's index and its gradient slot.

    first_pair (C * tiles + 1,) and first_slot (C, N + 1) count over all cameras here.
    """
    cameras = rects.shape[0]
    tiles = (first_pair.shape[0] - 1) // cameras
    for c in range(part, cameras, parts):
        order = _depth_order(depths[c], rects[c])
        cursor = first_pair[c * tiles : (c + 1) * tiles].copy()
        for n in order:
            slot = first_slot[c, n]
            for y in range(rects[c, n, 1], rects[c, n, 3]):
                for x in range(rects[c, n, 0], rects[c, n, 2]):
                    tile = y * tiles_x + x
                    pairs[cursor[tile], 0] = n
                    pairs[cursor[tile], 1] = slot
                    cursor[tile] += 1
                    slot += 1
