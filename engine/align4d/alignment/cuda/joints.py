"""Triton kernel: what a pose costs in all, and the gradient by its joints."""

from __future__ import annotations

import triton
import triton.language as tl

from ...gaussians.cuda.gather import pulled
from ...motion.cuda.tree import hanging, joint_gradient, scaled, store_joints
from ...motion.cuda.vectors import load3, plus


@triton.jit
def _summed(sums, first, number, stride, BLOCK: tl.constexpr):
    """The sum of every `stride`-th of numbers."""
    n = tl.arange(0, BLOCK)
    total, start = tl.zeros([BLOCK], tl.float32), 0
    while start < number:
        total += tl.load(sums + first + (start + n) * stride, mask=start + n < number, other=0.0)
        start += BLOCK
    return tl.sum(total)


@triton.jit
def feel_kernel(
    joints, lever, place, parent, below, parts, pulls, chunks, between, neutral, stiff, firmness, extra_torque, extra_cost,
    of_surface, of_pictures, frames, views, gradient, told, noted, bend, slack, stretch,
    has_extra, count, number, blocks, squares, BLOCK: tl.constexpr,
):  # fmt: skip
    """Fills the gradient (B, K, 6) by scaled joints and `told` (B, 2), the cost and the known-view loss in it.

    Args:
        parent: (K,) int32, K for the root; below: (K, K), 1 where the column's part hangs on the row's joint.
        pulls, chunks: see `gather`; between: (B, K, 6), room for their sums.
        neutral, stiff, firmness, bend, slack: see `PoseCost`.
        extra_torque, extra_cost: (B, K, 3) and (B,), what else pulls and costs, where there is any.
        of_surface, of_pictures: (B, blocks, 2) and (B, squares, 2), parts of the sums that the cost is made of; stretch: its price.
        frames, views: see `pictures`.
        noted: see `Deferral`.
    """
    pose, k = tl.program_id(0), tl.arange(0, BLOCK)
    mask = k < count
    torque, force = pulled(pulls, chunks, pose, k, number, mask, BLOCK)
    torque = plus(torque, 1.0, load3(extra_torque, pose * count + k, mask & (has_extra > 0)))
    torque, force = hanging(torque, force, between + pose * count * 6, below, k, count, mask, BLOCK)
    turn, shift, by_turn, by_shift = scaled(joints, lever, pose, k, count, mask)
    about, force = joint_gradient(torque, force, turn, place, parent, parts, pose, k, count, mask)
    bent = plus(turn, -1.0, load3(neutral, k, mask))
    resists, loose = tl.load(stiff + k, mask=mask, other=0.0), tl.load(firmness + k, mask=mask, other=0.0)
    about = plus(about, 2 * bend * resists, bent)
    force = plus(force, 2 * slack * loose, shift)
    store_joints(gradient + pose * count * 6, k, about, force, by_turn, by_shift, mask)
    cost = bend * tl.sum(resists * (bent[0] * bent[0] + bent[1] * bent[1] + bent[2] * bent[2]))
    cost += slack * tl.sum(loose * (shift[0] * shift[0] + shift[1] * shift[1] + shift[2] * shift[2]))
    view = views + tl.load(frames + pose) * 8
    cost += stretch * _summed(of_surface, pose * blocks * 2, blocks, 2, 128)
    cost += tl.load(view + 3) * _summed(of_surface, pose * blocks * 2 + 1, blocks, 2, 128)
    known = tl.load(view) * tl.load(view + 1) * _summed(of_pictures, pose * squares * 2, squares, 2, 128)
    cost += known + tl.load(view) * tl.load(view + 2) * _summed(of_pictures, pose * squares * 2 + 1, squares, 2, 128)
    cost += tl.load(extra_cost + pose, mask=has_extra > 0, other=0.0)
    tl.store(told + 2 * pose, cost)
    tl.store(told + 2 * pose + 1, known)
    if not (cost < float("inf")):
        tl.store(noted + 1, 1)
