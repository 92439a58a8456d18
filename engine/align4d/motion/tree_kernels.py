"""Numba kernels: forward kinematics of a tree of parts and its gradient, part by part, for the processor.

A tree has a few dozen parts: as tensors each of some fifty small operations costs more than all of the arithmetic. `kinematics` has the
same as tensors, for GPUs and as what these kernels are tested against.
"""

from __future__ import annotations

import math

from ..kernels import njit
from ..kernels.algebra import conjugate, cross, product, vector
from ..kernels.algebra import quaternion as quaternion_of

SMALL = 1e-4
"""Below this angle [rad] sine and cosine are series."""


@njit(forceinline=True)
def _turned(rotation, a):
    return (
        rotation[0, 0] * a[0] + rotation[0, 1] * a[1] + rotation[0, 2] * a[2],
        rotation[1, 0] * a[0] + rotation[1, 1] * a[1] + rotation[1, 2] * a[2],
        rotation[2, 0] * a[0] + rotation[2, 1] * a[1] + rotation[2, 2] * a[2],
    )


@njit(forceinline=True, error_model="numpy")
def _turn_gradient(turn, g):
    """As `rotations.turn_jacobian_transposed`."""
    square = turn[0] * turn[0] + turn[1] * turn[1] + turn[2] * turn[2]
    angle = math.sqrt(square)
    half = 0.5 * angle
    b = 0.5 if angle < SMALL else 0.5 * (math.sin(half) / half) ** 2
    c = 1 / 6 - square / 120 + square * square / 5040 if square < 1e-3 else (1 - math.sin(angle) / angle) / square
    once = cross(turn, g)
    twice = cross(turn, once)
    return g[0] - b * once[0] + c * twice[0], g[1] - b * once[1] + c * twice[1], g[2] - b * once[2] + c * twice[2]


@njit(nogil=True, cache=True, error_model="numpy")
def pose_parts(order, parent, joint, turn, shift, quaternion, rotation, offset):
    """Fills the world transforms of the parts.

    Args:
        order: (K,) the parts, each after the one that it hangs on.
        parent, joint: see `kinematics.Tree`.
        turn, shift: (T, K, 3).
        quaternion, rotation, offset: to be filled, (T, K, 4), (T, K, 3, 3) and (T, K, 3).
    """
    for t in range(len(turn)):
        for part in order:
            x, y, z = vector(turn[t, part], 0)
            angle = math.sqrt(x * x + y * y + z * z)
            w, by = math.cos(0.5 * angle), 0.5 if angle < SMALL else math.sin(0.5 * angle) / angle
            x, y, z = by * x, by * y, by * z
            local, own, place = (w, x, y, z), rotation[t, part], vector(joint[part], 0)
            own[0, 0], own[0, 1], own[0, 2] = w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)
            own[1, 0], own[1, 1], own[1, 2] = 2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)
            own[2, 0], own[2, 1], own[2, 2] = 2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z
            there = _turned(own, place)
            at = place[0] + shift[t, part, 0] - there[0], place[1] + shift[t, part, 1] - there[1], place[2] + shift[t, part, 2] - there[2]
            above = parent[part]
            if above < len(order):
                held, moved = rotation[t, above], _turned(rotation[t, above], at)
                at = moved[0] + offset[t, above, 0], moved[1] + offset[t, above, 1], moved[2] + offset[t, above, 2]
                for column in range(3):
                    own[0, column], own[1, column], own[2, column] = _turned(held, (own[0, column], own[1, column], own[2, column]))
                local = product(quaternion_of(quaternion[t, above], 0), local)
            offset[t, part, 0], offset[t, part, 1], offset[t, part, 2] = at
            quaternion[t, part, 0], quaternion[t, part, 1], quaternion[t, part, 2], quaternion[t, part, 3] = local


@njit(nogil=True, cache=True, error_model="numpy")
def pose_parts_backward(
    order, parent, joint, turn, quaternion, rotation, offset, g_quaternion, g_rotation, g_offset, load, g_turn, g_shift,
):  # fmt: skip
    """The gradient of `pose_parts`, whose arguments and results come first.

    Args:
        load: (K, 6) float64, for what is summed up: torque and force of all that hangs on a part.
        g_turn, g_shift: to be filled.
    """
    count = len(order)
    for t in range(len(turn)):
        for part in range(count):
            # a small turn w of the part changes its quaternion q by (0, w) q / 2
            swirl = product(quaternion_of(g_quaternion[t, part], 0), conjugate(quaternion_of(quaternion[t, part], 0)))
            force = vector(g_offset[t, part], 0)
            torque = cross(vector(offset[t, part], 0), force)
            for column in range(3):
                axis, pull = vector(rotation[t, part, :, column], 0), vector(g_rotation[t, part, :, column], 0)
                more = cross(axis, pull)
                torque = torque[0] + more[0], torque[1] + more[1], torque[2] + more[2]
            for i in range(3):
                load[part, i], load[part, 3 + i] = torque[i] + 0.5 * swirl[1 + i], force[i]
        for index in range(count - 1, -1, -1):
            part = order[index]
            above = parent[part]
            torque, force = vector(load[part, :3], 0), vector(load[part, 3:], 0)
            place, at = _turned(rotation[t, part], vector(joint[part], 0)), vector(offset[t, part], 0)
            lever = cross((place[0] + at[0], place[1] + at[1], place[2] + at[2]), force)
            about = torque[0] - lever[0], torque[1] - lever[1], torque[2] - lever[2]
            if above < count:
                for i in range(6):
                    load[above, i] += load[part, i]
                about, force = _turned(rotation[t, above].T, about), _turned(rotation[t, above].T, force)
            g_turn[t, part, 0], g_turn[t, part, 1], g_turn[t, part, 2] = _turn_gradient(vector(turn[t, part], 0), about)
            g_shift[t, part, 0], g_shift[t, part, 1], g_shift[t, part, 2] = force
