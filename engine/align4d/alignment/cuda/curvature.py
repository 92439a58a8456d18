"""Triton kernels: from how the pictures' losses curve to how the cost does by the joints; see `pose_curvature`.

The symmetric matrix of a twist (6, 6) is kept as its 21 entries on and above the diagonal, row after row.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ...gaussians.cuda.surface import depth_moved
from ...motion.cuda.vectors import cross, dot, load3, load_part, plus, turned

UNIQUE = 21
"""Entries of a symmetric matrix of twists."""

_UNIQUE = tl.constexpr(UNIQUE)
_LEAST_DEPTH = tl.constexpr(1e-3)


@triton.jit
def place_kernel(means, shares, cameras, at_rest, held, frames, views, reach, by_held, has_held, each, count, blocks, BLOCK: tl.constexpr):
    """Fills `each` (B, 21, N): by how much the cost curves as what carries each of the means (B, N, 3) turns and moves.

    Args:
        shares: (B, N, 3) the same as it moves in the picture, along x and x, x and y, y and y.
        cameras: (B, 16), see `rendering.cuda.geometry`.
        at_rest, frames, views, reach: see `ride_kernel`.
        held: (N, 2), see `Held`, where anything is; by_held: its price.
    """
    pose, block = tl.program_id(0) // blocks, tl.program_id(0) % blocks
    n = block * BLOCK + tl.arange(0, BLOCK)
    mask = n < count
    mean, camera = load3(means, pose * count + n, mask), cameras + pose * 16
    row_x = (tl.load(camera), tl.load(camera + 1), tl.load(camera + 2))
    row_y = (tl.load(camera + 3), tl.load(camera + 4), tl.load(camera + 5))
    row_z = (tl.load(camera + 6), tl.load(camera + 7), tl.load(camera + 8))
    x, y = dot(row_x, mean) + tl.load(camera + 9), dot(row_y, mean) + tl.load(camera + 10)
    z = tl.where(mask, dot(row_z, mean) + tl.load(camera + 11), 1.0)
    wide, high = tl.load(camera + 12) / tl.maximum(z, _LEAST_DEPTH), tl.load(camera + 13) / tl.maximum(z, _LEAST_DEPTH)
    right, down = plus(row_x, -x / z, row_z), plus(row_y, -y / z, row_z)
    right = (wide * right[0], wide * right[1], wide * right[2])
    down = (high * down[0], high * down[1], high * down[2])
    view = views + tl.load(frames + pose) * 8
    away = depth_moved(mean, load3(at_rest, n, mask), view)
    square = away * away + reach * reach
    drift = 2 * tl.load(view + 3) * reach * reach / (square * square) / count
    axis = (tl.load(view + 4), tl.load(view + 5), tl.load(view + 6))
    xx, xy, yy = load3(shares, pose * count + n, mask)
    first = (xx * right[0] + xy * down[0], xx * right[1] + xy * down[1], xx * right[2] + xy * down[2])
    second = (xy * right[0] + yy * down[0], xy * right[1] + yy * down[1], xy * right[2] + yy * down[2])
    whole = 2 * by_held * tl.load(held + 2 * n, mask=mask & (has_held > 0), other=0.0)
    upright = 2 * by_held * tl.load(held + 2 * n + 1, mask=mask & (has_held > 0), other=0.0)
    row_0 = plus(plus((right[0] * first[0], right[0] * first[1], right[0] * first[2]), down[0], second), drift * axis[0], axis)
    row_1 = plus(plus((right[1] * first[0], right[1] * first[1], right[1] * first[2]), down[1], second), drift * axis[1], axis)
    row_2 = plus(plus((right[2] * first[0], right[2] * first[1], right[2] * first[2]), down[2], second), drift * axis[2], axis)
    row_0 = (row_0[0] + whole, row_0[1], row_0[2])
    row_1 = (row_1[0], row_1[1] + whole, row_1[2])
    row_2 = (row_2[0], row_2[1], row_2[2] + whole + upright)
    moved_0, moved_1, moved_2 = cross(mean, row_0), cross(mean, row_1), cross(mean, row_2)
    turn_0 = cross(mean, (moved_0[0], moved_1[0], moved_2[0]))
    turn_1 = cross(mean, (moved_0[1], moved_1[1], moved_2[1]))
    turn_2 = cross(mean, (moved_0[2], moved_1[2], moved_2[2]))
    entries = (
        turn_0[0], turn_1[0], turn_2[0], moved_0[0], moved_1[0], moved_2[0], turn_1[1], turn_2[1], moved_0[1], moved_1[1], moved_2[1],
        turn_2[2], moved_0[2], moved_1[2], moved_2[2], row_0[0], row_0[1], row_0[2], row_1[1], row_1[2], row_2[2],
    )  # fmt: skip
    for i in tl.static_range(21):
        tl.store(each + (pose * _UNIQUE + i) * count + n, entries[i], mask=mask)


@triton.jit
def pair_kernel(each, table, entries, weights, sums, count, chunks, BLOCK: tl.constexpr):
    """Fills `sums` (B, chunks, 21): the sums of `each`, times weights, over the entries of a chunk, see `gather`; (chunks, 2) of `table`."""
    pose, chunk = tl.program_id(0) // chunks, tl.program_id(0) % chunks
    at = tl.load(table + 2 * chunk) + tl.arange(0, BLOCK)
    mask = at < tl.load(table + 2 * chunk + 1)
    n, weight = tl.load(entries + at, mask=mask, other=0), tl.load(weights + at, mask=mask, other=0.0)
    for i in tl.static_range(21):
        part = weight * tl.load(each + (pose * _UNIQUE + i) * count + n, mask=mask, other=0.0)
        tl.store(sums + (pose * chunks + chunk) * _UNIQUE + i, tl.sum(part))


@triton.jit
def part_kernel(sums, first, pairs, of_edges, matrix, number, chunks, size, BLOCK: tl.constexpr):
    """Fills `matrix` (B, 6 K, 6 K) of the parts' twists: the chunks of each pair of parts, and `of_edges`, which is such a matrix.

    Args:
        first: (pairs + 1,) int32, where the chunks of each pair begin; pairs: (pairs, 2), of which the second part comes no earlier.
        number: of the pairs; size: 6 K.
    """
    pose, pair = tl.program_id(0) // number, tl.program_id(0) % number
    lane = tl.arange(0, BLOCK)
    row, column = lane // 6, lane % 6
    low, high = tl.minimum(row, column), tl.maximum(row, column)
    mask = lane < 36
    total = tl.zeros([BLOCK], tl.float32)
    t, end = tl.load(first + pair), tl.load(first + pair + 1)
    while t < end:
        total += tl.load(sums + (pose * chunks + t) * _UNIQUE + low * (11 - low) // 2 + high, mask=mask, other=0.0)
        t += 1
    i, j = tl.load(pairs + 2 * pair), tl.load(pairs + 2 * pair + 1)
    base = pose * size * size
    above, below = base + (6 * i + row) * size + 6 * j + column, base + (6 * j + row) * size + 6 * i + column
    tl.store(matrix + above, total + tl.load(of_edges + above, mask=mask, other=0.0), mask=mask)
    tl.store(matrix + below, total + tl.load(of_edges + below, mask=mask, other=0.0), mask=mask)


@triton.jit
def _turned_by(above, turn, b, c, axis):
    """How a part turns in the world as its turn grows along an axis."""
    once = cross(turn, axis)
    return turned(above, plus(plus(axis, b, once), c, cross(turn, once)))


@triton.jit
def twist_kernel(joints, lever, place, parent, below, parts, twists, count, BLOCK: tl.constexpr):
    """Fills `twists` (B, 6 K, 6 K): how each part (rows) turns and moves at the origin by each scaled joint (columns); see `tree`."""
    pose, j = tl.program_id(0) // count, tl.program_id(0) % count
    own, scale = joints + (pose * count + j) * 6, lever + 6 * j
    turn = (tl.load(own) * tl.load(scale), tl.load(own + 1) * tl.load(scale + 1), tl.load(own + 2) * tl.load(scale + 2))
    square = dot(turn, turn)
    angle = tl.sqrt(square)
    sinc = tl.where(angle < 1e-4, 1.0, tl.sin(0.5 * angle) / tl.maximum(0.5 * angle, 5e-5))
    series = 1.0 / 6 - square / 120 + square * square / 5040
    c = tl.where(square < 1e-3, series, (1 - tl.sin(angle) / tl.maximum(angle, 1e-4)) / tl.maximum(square, 1e-8))
    b = 0.5 * sinc * sinc
    hangs_on = tl.load(parent + j)
    _, above, _ = load_part(parts, pose * count + hangs_on, hangs_on < count)
    _, rotation, offset = load_part(parts, pose * count + j, j < count)
    at = plus(offset, 1.0, turned(rotation, load3(place, j, j < count)))
    part = tl.arange(0, BLOCK)
    mask = part < count
    size = 6 * count
    into = twists + pose * size * size + 6 * part * size + 6 * j
    hangs = tl.load(below + j * count + part, mask=mask, other=0.0)
    for column in tl.static_range(3):
        axis = (1.0 * (column == 0), 1.0 * (column == 1), 1.0 * (column == 2))
        turns = _turned_by(above, turn, b, c, axis)
        moves = cross(at, turns)
        by_turn, by_shift = hangs * tl.load(scale + column), hangs * tl.load(scale + 3 + column)
        for row in tl.static_range(3):
            tl.store(into + row * size + column, by_turn * turns[row], mask=mask)
            tl.store(into + (3 + row) * size + column, by_turn * moves[row], mask=mask)
            tl.store(into + row * size + 3 + column, 0.0 * hangs, mask=mask)
            tl.store(into + (3 + row) * size + 3 + column, by_shift * above[3 * row + column], mask=mask)
