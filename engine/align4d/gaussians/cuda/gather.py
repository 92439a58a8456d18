"""Triton kernels: what pulls at corners and Gaussians, summed up part by part in a fixed order.

Entries are sorted by part and cut into chunks, each of one part (see `seats`): a program sums up one chunk. What follows sums up the chunks
of each part one after the other.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ...motion.cuda.vectors import cross, load3, load_part, plus, turned
from .surface import CORNERS


@triton.jit
def gather_kernel(parts, offset, rest, g_corners, g_holder, table, entries, weights, pulls, has_offset, number, count, chunks, BLOCK: tl.constexpr):
    """Fills `pulls` (B, chunks, 6): torque about the origin and force.

    Args:
        parts, offset, rest: see `corner_kernel`.
        g_corners, g_holder: see `ride_backward_kernel`.
        table: (chunks, 4) int32 of each its part, where its entries begin and end, and 1 where these are corners.
        entries, weights: of each the corner 3 n + i, or the Gaussian n whose triangle the part holds; and by how much the part carries it.
    """
    pose, chunk = tl.program_id(0) // chunks, tl.program_id(0) % chunks
    row = table + 4 * chunk
    part, begin, end, is_corner = tl.load(row), tl.load(row + 1), tl.load(row + 2), tl.load(row + 3)
    at = begin + tl.arange(0, BLOCK)
    mask = at < end
    entry = tl.load(entries + at, mask=mask, other=0)
    into = pulls + (pose * chunks + chunk) * 6
    if is_corner > 0:
        n, which = entry // 3, entry % 3
        weight = tl.load(weights + at, mask=mask, other=0.0)
        near = rest + (CORNERS + 3 * which) * count + n
        place = (tl.load(near, mask=mask, other=0.0), tl.load(near + count, mask=mask, other=0.0), tl.load(near + 2 * count, mask=mask, other=0.0))
        if has_offset > 0:
            place = plus(place, 1.0, load3(offset, pose * count + n, mask))
        _, rotation, moved = load_part(parts, pose * number + part, True)
        g = g_corners + (pose * 9 + 3 * which) * count + n
        force = (
            weight * tl.load(g, mask=mask, other=0.0),
            weight * tl.load(g + count, mask=mask, other=0.0),
            weight * tl.load(g + 2 * count, mask=mask, other=0.0),
        )
        torque = cross(plus(moved, 1.0, turned(rotation, place)), force)
        tl.store(into, tl.sum(torque[0]))
        tl.store(into + 1, tl.sum(torque[1]))
        tl.store(into + 2, tl.sum(torque[2]))
        tl.store(into + 3, tl.sum(force[0]))
        tl.store(into + 4, tl.sum(force[1]))
        tl.store(into + 5, tl.sum(force[2]))
    else:
        g = g_holder + pose * 3 * count + entry
        tl.store(into, tl.sum(tl.load(g, mask=mask, other=0.0)))
        tl.store(into + 1, tl.sum(tl.load(g + count, mask=mask, other=0.0)))
        tl.store(into + 2, tl.sum(tl.load(g + 2 * count, mask=mask, other=0.0)))
        for i in tl.static_range(3):
            tl.store(into + 3 + i, 0.0)


@triton.jit
def pulled(pulls, chunks, pose, part, number, mask, BLOCK: tl.constexpr):
    """Torque and force on each part: the sums over its chunks of `pulls` (B, number, 6)."""
    first, end = tl.load(chunks + part, mask=mask, other=0), tl.load(chunks + part + 1, mask=mask, other=0)
    a, b, c = tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32)
    d, e, f = tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32)
    most, t, column = tl.max(end - first), 0, tl.arange(0, 4)[None, :]
    while t < most:
        chunk = first[:, None] + t + column
        at, here = pulls + (pose * number + chunk) * 6, mask[:, None] & (chunk < end[:, None])
        a += tl.sum(tl.load(at, mask=here, other=0.0), 1)
        b += tl.sum(tl.load(at + 1, mask=here, other=0.0), 1)
        c += tl.sum(tl.load(at + 2, mask=here, other=0.0), 1)
        d += tl.sum(tl.load(at + 3, mask=here, other=0.0), 1)
        e += tl.sum(tl.load(at + 4, mask=here, other=0.0), 1)
        f += tl.sum(tl.load(at + 5, mask=here, other=0.0), 1)
        t += 4
    return (a, b, c), (d, e, f)


@triton.jit
def part_gradient_kernel(parts, pulls, chunks, g_parts, count, number, BLOCK: tl.constexpr):
    """Fills the gradient of `parts` (B, K, 16) that pulls at them as `pulls` do.

    Of all gradients of a rotation R that turn a part by the same torque t it is t x R / 2; that of the quaternion is 0, since both are one turn.
    """
    pose, k = tl.program_id(0), tl.arange(0, BLOCK)
    mask = k < count
    torque, force = pulled(pulls, chunks, pose, k, number, mask, BLOCK)
    _, rotation, offset = load_part(parts, pose * count + k, mask)
    torque = plus(torque, -1.0, cross(offset, force))
    at = g_parts + (pose * count + k) * 16
    for i in tl.static_range(4):
        tl.store(at + i, 0.0 * force[0], mask=mask)
    for i in tl.static_range(3):
        pull = cross(torque, (rotation[i], rotation[3 + i], rotation[6 + i]))
        tl.store(at + 4 + i, 0.5 * pull[0], mask=mask)
        tl.store(at + 7 + i, 0.5 * pull[1], mask=mask)
        tl.store(at + 10 + i, 0.5 * pull[2], mask=mask)
        tl.store(at + 13 + i, force[i], mask=mask)
