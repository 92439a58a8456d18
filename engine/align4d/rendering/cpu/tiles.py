"""Numba kernels: blend the Gaussians of every tile, and the gradient of that.

Both go front to back. Written for the vectorizer: the pixels of a tile row are 16 lanes, all per-pixel state of a row
lies in one array (several would need alias checks, which stop vectorization), inner loops have that constant length
(8 is unrolled and left scalar), constants are float32, the exponential is a polynomial, and a division by zero is not
an exception (error_model).
"""

from __future__ import annotations

import numpy as np

from ...kernels import njit
from ..types import ALPHA_CUT, ALPHA_MAX, TRANSMITTANCE_STOP
from .geometry import BLUE, FALLOFF_X, FALLOFF_Y, GREEN, LANES, LOG2_OPACITY, MEAN_X, MEAN_Y, REACH_Y, RED, ROWS, SLOPE

F = np.float32
CUT, MAX, STOP = F(ALPHA_CUT), F(ALPHA_MAX), F(TRANSMITTANCE_STOP)
ZERO, HALF, ONE, EIGHTH = F(0.0), F(0.5), F(1.0), F(0.125)
LOOK_EVERY = 16
"""Gaussians between two looks at which rows of a tile still have an open pixel."""

LOWEST = F(-8.1)
"""Exponents are clamped to this: 2^-8.1 is below the alpha cut."""

# 2^x on [-1.02, 0], Chebyshev interpolation of degree 5; to the power of 8 its relative error is 2.5e-6.
E0, E1, E2, E3, E4, E5 = (F(c) for c in (0.99999993717, 0.69314273917, 0.24017532369, 0.055286662744, 0.0091946469137, 0.00094049936288))

FAST = {"nnan", "ninf", "nsz", "arcp", "contract"}


@njit(forceinline=True)
def _power_of_two(exponent):
    """2^exponent for float32 exponents in [-8.1, 0.01]."""
    x = max(exponent, LOWEST) * EIGHTH
    y = E0 + x * (E1 + x * (E2 + x * (E3 + x * (E4 + x * E5))))
    y = y * y
    y = y * y
    return y * y


@njit(forceinline=True)
def _rows(splat, top):
    """First and end row, within the tile that starts at pixel row `top`, that the Gaussian can reach."""
    first = max(int(np.floor(splat[MEAN_Y] - splat[REACH_Y] - HALF)) - top, 0)
    end = min(int(np.ceil(splat[MEAN_Y] + splat[REACH_Y] + HALF)) - top, ROWS)
    return first, end


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def _blend_row(row, offset, peak, falloff, red, green, blue, index):
    """Blend one Gaussian into a row of pixels; row = transmittance (0 once closed), red, green, blue, final, closed by."""
    for i in range(LANES):
        u = F(i) + offset
        alpha = min(_power_of_two(peak - falloff * u * u), MAX)
        alpha = alpha if alpha >= CUT else ZERO
        before = row[i]
        after = before * (ONE - alpha)
        is_open = after > STOP
        weight = alpha * before if is_open else ZERO
        closes = (before > ZERO) & (after <= STOP)
        row[i] = after if is_open else ZERO
        row[LANES + i] += weight * red
        row[2 * LANES + i] += weight * green
        row[3 * LANES + i] += weight * blue
        row[4 * LANES + i] = after if is_open else row[4 * LANES + i]
        row[5 * LANES + i] = index if closes else row[5 * LANES + i]


@njit(forceinline=True)
def _look_for_open(state, is_open):
    """Mark the rows with a pixel that is not closed; returns whether there is one."""
    found = False
    for r in range(ROWS):
        most = ZERO
        for i in range(LANES):
            most = max(most, state[r, i])
        is_open[r] = most > ZERO
        found |= is_open[r]
    return found


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def _blend_tile(pairs, start, end, splats, left, top, state, is_open):
    for k in range(start, end):
        if (k - start) % LOOK_EVERY == LOOK_EVERY - 1 and not _look_for_open(state, is_open):
            break
        splat = splats[pairs[k, 0]]
        first, last = _rows(splat, top)
        for r in range(first, last):
            dy = F(top + r) + HALF - splat[MEAN_Y]
            peak = splat[LOG2_OPACITY] - splat[FALLOFF_Y] * dy * dy
            if peak > LOWEST and is_open[r]:
                offset = F(left) + HALF - splat[MEAN_X] - splat[SLOPE] * dy
                _blend_row(state[r], offset, peak, splat[FALLOFF_X], splat[RED], splat[GREEN], splat[BLUE], F(k - start))


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def blend(part, parts, pairs, first_pair, tile_order, splats, background, color, alpha, final, closed_by):
    """Render every tile.

    Args:
        tile_order: (C * tiles,) the tiles by descending work; part p of n takes every n-th from the p-th on.
        background: (3,) float32.
        color, alpha, final, closed_by: to be filled, float32: (C, 3, H, W), (C, 1, H, W), final transmittance (C, H, W),
            and the place in the tile's list of the Gaussian that closed the pixel (C, H, W).
    """
    _, height, width = final.shape
    tiles_x, tiles_y = (width + LANES - 1) // LANES, (height + ROWS - 1) // ROWS
    state, is_open = np.empty((ROWS, 6 * LANES), np.float32), np.empty(ROWS, np.bool_)
    for i in range(part, tile_order.shape[0], parts):
        tile = tile_order[i]
        c, inner = tile // (tiles_x * tiles_y), tile % (tiles_x * tiles_y)
        left, top = inner % tiles_x * LANES, inner // tiles_x * ROWS
        right, bottom = min(LANES, width - left), min(ROWS, height - top)
        state[:] = ZERO
        state[:bottom, :right] = ONE
        state[:, 4 * LANES : 5 * LANES] = ONE
        state[:, 5 * LANES :] = F(1e9)
        is_open[:bottom], is_open[bottom:] = True, False
        _blend_tile(pairs, first_pair[tile], first_pair[tile + 1], splats[c], left, top, state, is_open)
        for r in range(bottom):
            for x in range(right):
                through = state[r, 4 * LANES + x]
                for channel in range(3):
                    color[c, channel, top + r, left + x] = state[r, LANES * (1 + channel) + x] + through * background[channel]
                alpha[c, 0, top + r, left + x] = ONE - through
                final[c, top + r, left + x] = through
                closed_by[c, top + r, left + x] = state[r, 5 * LANES + x]


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def _blend_row_backward(row, sums, offset, peak, falloff, red, green, blue, index, y):
    """Gradient of one Gaussian in one row; row = transmittance, what lies behind, gradient of red, green, blue, closed by.

    sums, LANES each: v, v y, v y^2 with v = dLoss/d(log alpha), and the gradient of red, green, blue.
    """
    for i in range(LANES):
        u = F(i) + offset
        unclamped = _power_of_two(peak - falloff * u * u)
        alpha = min(unclamped, MAX)
        alpha = alpha if (alpha >= CUT) & (index < row[5 * LANES + i]) else ZERO
        before = row[i]
        weight = alpha * before
        along = row[2 * LANES + i] * red + row[3 * LANES + i] * green + row[4 * LANES + i] * blue
        behind = row[LANES + i] - weight * along
        through = ONE - alpha
        v = alpha * (before * along - behind / through)
        v = v if unclamped <= MAX else ZERO
        row[i] = before * through
        row[LANES + i] = behind
        sums[i] += v
        sums[LANES + i] += v * y
        sums[2 * LANES + i] += v * y * y
        sums[3 * LANES + i] += weight * row[2 * LANES + i]
        sums[4 * LANES + i] += weight * row[3 * LANES + i]
        sums[5 * LANES + i] += weight * row[4 * LANES + i]


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def _blend_row_colors(row, sums, offset, peak, falloff, index):
    """The gradient of the colors alone; arguments as of `_blend_row_backward`."""
    for i in range(LANES):
        u = F(i) + offset
        alpha = min(_power_of_two(peak - falloff * u * u), MAX)
        alpha = alpha if (alpha >= CUT) & (index < row[5 * LANES + i]) else ZERO
        before = row[i]
        weight = alpha * before
        row[i] = before * (ONE - alpha)
        sums[3 * LANES + i] += weight * row[2 * LANES + i]
        sums[4 * LANES + i] += weight * row[3 * LANES + i]
        sums[5 * LANES + i] += weight * row[4 * LANES + i]


@njit(forceinline=True, fastmath=FAST | {"reassoc"})
def _store_slot(sums, splat, left, top, slot):
    """Turn lane sums into the slot's sums over u and dy (float64: needle-thin Gaussians cancel here)."""
    v, vx, vxx, vy, vxy, vyy = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    red, green, blue = 0.0, 0.0, 0.0
    for i in range(LANES):
        v += sums[i]
        vx += sums[i] * float(i)
        vxx += sums[i] * float(i * i)
        vy += sums[LANES + i]
        vxy += sums[LANES + i] * float(i)
        vyy += sums[2 * LANES + i]
        red += sums[3 * LANES + i]
        green += sums[4 * LANES + i]
        blue += sums[5 * LANES + i]
    slope = float(splat[SLOPE])
    dy = top + 0.5 - splat[MEAN_Y]  # of the tile's first row
    u = left + 0.5 - splat[MEAN_X] - slope * dy  # of the tile's first pixel; u(x, y) = u + x - slope y
    slot[0] = v
    slot[1] = u * v + vx - slope * vy
    slot[2] = dy * v + vy
    slot[3] = u * u * v + vxx + slope * slope * vyy + 2 * (u * vx - u * slope * vy - slope * vxy)
    slot[4] = u * dy * v + u * vy + dy * vx + vxy - slope * (dy * vy + vyy)
    slot[5] = dy * dy * v + 2 * dy * vy + vyy
    slot[6], slot[7], slot[8] = red, green, blue


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def _tile_backward(pairs, start, end, splats, left, top, state, row_end, sums, coloring, slots):
    for k in range(start, end):
        splat = splats[pairs[k, 0]]
        first, last = _rows(splat, top)
        seen = False
        for r in range(first, last):
            dy = F(top + r) + HALF - splat[MEAN_Y]
            peak = splat[LOG2_OPACITY] - splat[FALLOFF_Y] * dy * dy
            if peak > LOWEST and F(k - start) < row_end[r]:
                if not seen:
                    sums[:] = ZERO
                    seen = True
                offset = F(left) + HALF - splat[MEAN_X] - splat[SLOPE] * dy
                index, falloff = F(k - start), splat[FALLOFF_X]
                if coloring:
                    _blend_row_colors(state[r], sums, offset, peak, falloff, index)
                else:
                    _blend_row_backward(state[r], sums, offset, peak, falloff, splat[RED], splat[GREEN], splat[BLUE], index, F(r))
        if seen:
            _store_slot(sums, splat, left, top, slots[pairs[k, 1]])
        else:  # it lies behind what has closed every pixel that it reaches
            slots[pairs[k, 1]] = ZERO


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def blend_backward(part, parts, pairs, first_pair, tile_order, splats, color, final, closed_by, g_color, g_alpha, coloring, slots):
    """Fill the gradient slots (P, 9) float32, see `geometry.SLOT_WIDTH`; the rest are arguments and results of `blend`.

    Args:
        coloring: whether the gradient of the colors is all that is asked for; the slots' other sums are zero then.
    """
    _, height, width = final.shape
    tiles_x, tiles_y = (width + LANES - 1) // LANES, (height + ROWS - 1) // ROWS
    state, sums = np.empty((ROWS, 6 * LANES), np.float32), np.empty(6 * LANES, np.float32)
    row_end = np.empty(ROWS, np.float32)
    for i in range(part, tile_order.shape[0], parts):
        tile = tile_order[i]
        c, inner = tile // (tiles_x * tiles_y), tile % (tiles_x * tiles_y)
        left, top = inner % tiles_x * LANES, inner // tiles_x * ROWS
        right, bottom = min(LANES, width - left), min(ROWS, height - top)
        state[:] = ZERO
        row_end[:] = ZERO
        for r in range(bottom):
            for x in range(right):
                behind = -g_alpha[c, 0, top + r, left + x] * final[c, top + r, left + x]
                for channel in range(3):
                    gradient = g_color[c, channel, top + r, left + x]
                    state[r, LANES * (2 + channel) + x] = gradient
                    behind += gradient * color[c, channel, top + r, left + x]
                state[r, x], state[r, LANES + x] = ONE, behind
                state[r, 5 * LANES + x] = closed_by[c, top + r, left + x]
                row_end[r] = max(row_end[r], state[r, 5 * LANES + x])
        _tile_backward(pairs, first_pair[tile], first_pair[tile + 1], splats[c], left, top, state, row_end, sums, coloring, slots)
