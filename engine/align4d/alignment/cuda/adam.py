"""Triton kernel: a step of `LeveredAdam`."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def adam_kernel(
    joints, gradient, first, second, steps, counts, size, floor, rate, last_rate, fast, slow, BLOCK: tl.constexpr,
):  # fmt: skip
    """Changes joints, moments (B, size each) and `steps` (B,), of `counts` (B,), in place; `floor` is squared."""
    pose, n = tl.program_id(0), tl.arange(0, BLOCK)
    mask = n < size
    at = pose * size + n
    g, done = tl.load(gradient + at, mask=mask, other=0.0), tl.load(steps + pose)
    here = rate + (last_rate - rate) * done / tl.load(counts + pose)
    done += 1
    mean = tl.load(first + at, mask=mask, other=0.0)
    mean += (1 - fast) * (g - mean)
    square = slow * tl.load(second + at, mask=mask, other=0.0) + (1 - slow) * g * g
    floored = (square * size + floor * tl.sum(square)) / ((1 + floor) * (1 - tl.exp(done * tl.log(slow))))
    change = mean / (tl.sqrt(floored) + 1e-12) * (here / (1 - tl.exp(done * tl.log(fast))))
    tl.store(joints + at, tl.load(joints + at, mask=mask, other=0.0) - change, mask=mask)
    tl.store(first + at, mean, mask=mask)
    tl.store(second + at, square, mask=mask)
    tl.store(steps + pose, done)
