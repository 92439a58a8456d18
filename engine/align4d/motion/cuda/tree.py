"""Triton kernels: forward kinematics of a tree of parts and its gradient; `kinematics` has both as tensors.

One program is one pose, and each of its threads a part. Parts are told of each other through memory that only their program touches.
"""

from __future__ import annotations

import triton
import triton.language as tl

from .vectors import conjugate, cross, load3, load_part, multiplied, plus, product, store_part, turned, turned_back

_SMALL = tl.constexpr(1e-4)


@triton.jit
def _local(turn):
    """The quaternion and the matrix of a rotation vector."""
    x, y, z = turn
    angle = tl.sqrt(x * x + y * y + z * z)
    by = tl.where(angle < _SMALL, 0.5, tl.sin(0.5 * angle) / tl.maximum(angle, _SMALL))
    w, x, y, z = tl.cos(0.5 * angle), by * x, by * y, by * z
    rotation = (
        w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z,
    )  # fmt: skip
    return (w, x, y, z), rotation


@triton.jit
def scaled(joints, lever, pose, k, count, mask):
    """Turn and shift of joints (B, K, 6), times their levers (K, 6)."""
    turn, shift = load3(joints, 2 * (pose * count + k), mask), load3(joints + 3, 2 * (pose * count + k), mask)
    by_turn, by_shift = load3(lever, 2 * k, mask), load3(lever + 3, 2 * k, mask)
    turn = (turn[0] * by_turn[0], turn[1] * by_turn[1], turn[2] * by_turn[2])
    return turn, (shift[0] * by_shift[0], shift[1] * by_shift[1], shift[2] * by_shift[2]), by_turn, by_shift


@triton.jit
def pose_kernel(joints, lever, place, jumps, between, parts, count, steps, BLOCK: tl.constexpr):
    """Fills `parts` (B, K, 16): quaternion, rotation and offset of each; `between` (B, 2, K, 16) is room for what lies between.

    Args:
        place: (K, 3) of the joints.
        jumps: (steps, K) int32, the part 1, 2, 4, ... joints above, K where there is none.
    """
    pose = tl.program_id(0)
    k = tl.arange(0, BLOCK)
    mask = k < count
    turn, shift, _, _ = scaled(joints, lever, pose, k, count, mask)
    at = load3(place, k, mask)
    quaternion, rotation = _local(turn)
    offset = plus(plus(at, 1.0, shift), -1.0, turned(rotation, at))
    step = 0
    while step < steps:
        own = (2 * pose + step % 2) * count
        store_part(between, own + k, quaternion, rotation, offset, mask)
        tl.debug_barrier()
        jump = tl.load(jumps + step * count + k, mask=mask, other=0)
        above = load_part(between, own + jump, mask & (jump < count))
        quaternion, offset = product(above[0], quaternion), plus(above[2], 1.0, turned(above[1], offset))
        rotation = multiplied(above[1], rotation)
        step += 1
    store_part(parts, pose * count + k, quaternion, rotation, offset, mask)


@triton.jit
def turn_gradient(turn, g):
    """As `rotations.turn_jacobian_transposed`."""
    square = turn[0] * turn[0] + turn[1] * turn[1] + turn[2] * turn[2]
    angle = tl.sqrt(square)
    half = 0.5 * angle
    sinc = tl.where(angle < _SMALL, 1.0, tl.sin(half) / tl.maximum(half, _SMALL / 2))
    series = 1.0 / 6 - square / 120 + square * square / 5040
    c = tl.where(square < 1e-3, series, (1 - tl.sin(angle) / tl.maximum(angle, _SMALL)) / tl.maximum(square, 1e-8))
    once = cross(turn, g)
    twice = cross(turn, once)
    return plus(plus(g, -0.5 * sinc * sinc, once), c, twice)


@triton.jit
def hanging(torque, force, between, below, k, count, mask, BLOCK: tl.constexpr):
    """Torque and force on all that hangs on each part, from those on each alone, which the parts tell each other through `between` (K, 6)."""
    own = between + k * 6
    for i in tl.static_range(3):
        tl.store(own + i, torque[i], mask=mask)
        tl.store(own + 3 + i, force[i], mask=mask)
    tl.debug_barrier()
    a, b, c = tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32)
    d, e, f = tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32)
    part = 0
    while part < count:
        hangs, at = tl.load(below + k * count + part, mask=mask, other=0.0), between + part * 6
        a, b, c = a + hangs * tl.load(at), b + hangs * tl.load(at + 1), c + hangs * tl.load(at + 2)
        d, e, f = d + hangs * tl.load(at + 3), e + hangs * tl.load(at + 4), f + hangs * tl.load(at + 5)
        part += 1
    return (a, b, c), (d, e, f)


@triton.jit
def joint_gradient(torque, force, turn, place, parent, parts, pose, k, count, mask):
    """Gradients of turn and shift of each joint, from torque about the origin and force on all that hangs on it."""
    _, rotation, offset = load_part(parts, pose * count + k, mask)
    at = plus(offset, 1.0, turned(rotation, load3(place, k, mask)))
    above = tl.load(parent + k, mask=mask, other=0)
    _, held, _ = load_part(parts, pose * count + above, mask & (above < count))
    return turn_gradient(turn, turned_back(held, plus(torque, -1.0, cross(at, force)))), turned_back(held, force)


@triton.jit
def store_joints(gradient, k, g_turn, g_shift, by_turn, by_shift, mask):
    """The gradient (K, 6) of scaled joints, from those of turn and shift."""
    into = gradient + k * 6
    for i in tl.static_range(3):
        tl.store(into + i, g_turn[i] * by_turn[i], mask=mask)
        tl.store(into + 3 + i, g_shift[i] * by_shift[i], mask=mask)


@triton.jit
def swirl(quaternion, g):
    """The torque that the gradient of a quaternion is: a small turn w changes it by (0, w) q / 2."""
    whole = product(g, conjugate(quaternion))
    return 0.5 * whole[1], 0.5 * whole[2], 0.5 * whole[3]


@triton.jit
def pose_backward_kernel(joints, lever, place, parent, below, parts, g_parts, between, gradient, count, BLOCK: tl.constexpr):
    """Fills the gradient (B, K, 6) of scaled joints from that of `parts`; arguments as of `pose_kernel`.

    Args:
        parent: (K,) int32, K for the root; below: (K, K), 1 where the column's part hangs on the row's joint.
        between: (B, K, 6), room for torque and force on each part alone.
    """
    pose, k = tl.program_id(0), tl.arange(0, BLOCK)
    mask = k < count
    quaternion, rotation, offset = load_part(parts, pose * count + k, mask)
    at = g_parts + (pose * count + k) * 16
    g = (
        tl.load(at, mask=mask, other=0.0),
        tl.load(at + 1, mask=mask, other=0.0),
        tl.load(at + 2, mask=mask, other=0.0),
        tl.load(at + 3, mask=mask, other=0.0),
    )
    force = (tl.load(at + 13, mask=mask, other=0.0), tl.load(at + 14, mask=mask, other=0.0), tl.load(at + 15, mask=mask, other=0.0))
    torque = plus(swirl(quaternion, g), 1.0, cross(offset, force))
    for i in tl.static_range(3):
        axis = (rotation[i], rotation[3 + i], rotation[6 + i])
        pull = (tl.load(at + 4 + i, mask=mask, other=0.0), tl.load(at + 7 + i, mask=mask, other=0.0), tl.load(at + 10 + i, mask=mask, other=0.0))
        torque = plus(torque, 1.0, cross(axis, pull))
    torque, force = hanging(torque, force, between + pose * count * 6, below, k, count, mask, BLOCK)
    turn, _, by_turn, by_shift = scaled(joints, lever, pose, k, count, mask)
    g_turn, g_shift = joint_gradient(torque, force, turn, place, parent, parts, pose, k, count, mask)
    store_joints(gradient + pose * count * 6, k, g_turn, g_shift, by_turn, by_shift, mask)
