"""How far joints may turn: what poses beyond their limits cost, and the nearest poses within them."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from .joints import nearest, vector_from_quaternion
from .rotations import quaternion_from_matrix
from .skeleton import Skeleton

INSIDE = 1e-4
"""So far inside of its limits an angle is put that was beyond them [rad]: what is rounded after that stays inside."""

ROUNDS = 4
"""How often the limits of one part are kept, one after the other, where it has several."""


@dataclass(frozen=True)
class JointLimits:
    """Limits of parts K that are bones.

    An angle is one of X, then Y, then Z that make the matrix frame^T R stand, R being the turn of a part against another one.

    Attributes:
        above: (K,) int64 the part whose bone is above that of each part; K, which stands for the world, where there is none.
        part, against: (L,) int64 which part each limit is of, and against which it turns.
        frame, stand: (L, 3, 3).
        middle: (L, 3) of what the angles may be [rad].
        reach: (L, 3) how far they may be from there; infinite where they are free.
    """

    above: Tensor
    part: Tensor
    against: Tensor
    frame: Tensor
    stand: Tensor
    middle: Tensor
    reach: Tensor

    def to(self, like: Tensor) -> JointLimits:
        """On the device and of the type of `like`; indices stay whole."""
        return JointLimits(*(one.to(like) if (one := getattr(self, item.name)).is_floating_point() else one.to(like.device) for item in fields(self)))

    def beyond(self, rotation: Tensor) -> Tensor:
        """(T,) how far world rotations of the parts (T, K, 3, 3) are beyond all limits, squared [rad^2]."""
        angles = euler_of(self.frame.mT @ self._relative(rotation) @ self.stand)
        return (torch.relu(_wrapped(angles - self.middle).abs() - self.reach) ** 2).sum((-2, -1))

    @torch.no_grad()
    def kept(self, skeleton: Skeleton, turn: Tensor, shift: Tensor) -> Tensor:
        """Turns (T, K, 3) like these of joints with shifts (T, K, 3), and within the limits; frames that are within them stay as they are.

        Bones above keep their turn: what hangs on a bone that is turned back goes with it.
        """
        rotation = skeleton.pose(turn, shift).rotation
        beyond = self.beyond(rotation) > 0
        if not beyond.any():
            return turn
        world = torch.eye(3).to(rotation).expand(len(rotation), 1, 3, 3)
        old, new = torch.cat([rotation, world], 1), torch.cat([rotation, world], 1)
        for part in self._from_above():
            above = int(self.above[part])
            new[:, part] = new[:, above] @ old[:, above].mT @ old[:, part]
            own = torch.nonzero(self.part == part)[:, 0].tolist()
            for index in own * (ROUNDS if len(own) > 1 else 1):
                new[:, part] = self._limited(index, new)
        parent = torch.from_numpy(np.where(skeleton.parent < 0, skeleton.count, skeleton.parent)).to(turn.device)
        local = new[:, parent].mT @ new[:, :-1]
        found = nearest(vector_from_quaternion(quaternion_from_matrix(local.double()).to(turn)), turn)
        return torch.where(beyond[:, None, None], found, turn)

    def _relative(self, rotation: Tensor) -> Tensor:
        """(T, L, 3, 3) of the limited parts."""
        world = torch.eye(3, dtype=rotation.dtype, device=rotation.device).expand(len(rotation), 1, 3, 3)
        every = torch.cat([rotation, world], 1)
        return every.index_select(1, self.against).mT @ every.index_select(1, self.part)

    def _limited(self, index: int, rotation: Tensor) -> Tensor:
        """(T, 3, 3) how the part of one limit has to be turned, of all that are turned so (T, K + 1, 3, 3)."""
        against = rotation[:, self.against[index]]
        angles = euler_of(self.frame[index].mT @ against.mT @ rotation[:, self.part[index]] @ self.stand[index])
        away, reach = _wrapped(angles - self.middle[index]), self.reach[index]
        inside = (reach - INSIDE).clamp_min(0)
        angles = torch.where(away.abs() > reach, self.middle[index] + away.minimum(inside).maximum(-inside), angles)
        return against @ self.frame[index] @ matrix_of(angles) @ self.stand[index].mT

    def _from_above(self) -> list[int]:
        """The parts, each after the one above it."""
        above = self.above.tolist()
        found: list[int] = []
        while len(found) < len(above):
            found += [part for part in range(len(above)) if part not in found and (above[part] == len(above) or above[part] in found)]
        return found


def limits_between(
    above: np.ndarray,
    part: np.ndarray,
    against: np.ndarray,
    frame: np.ndarray,
    stand: np.ndarray,
    axes: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> JointLimits:
    """Limits of angles about any axes; they are widened so that the pose in which all parts stand is within them.

    Args:
        above, part, against, frame, stand: see `JointLimits`.
        axes: (L, 3) in which order the angles turn, 0, 1, 2 for X, Y, Z.
        low, high: (L, 3) [rad] in this order.
    """
    order = np.eye(3)[axes]
    channel, stands = (torch.from_numpy(one @ order.swapaxes(1, 2)).float() for one in (frame, stand))
    # about axes that are renamed so that they are a left hand's, angles count the other way
    turned_over = np.linalg.det(order)[:, None] < 0
    low, high = np.where(turned_over, -high, low), np.where(turned_over, -low, high)
    free = ~(high - low < 2 * math.pi)
    low, high = np.where(free, 0, low), np.where(free, 0, high)
    middle, reach = (torch.from_numpy(one).float() for one in ((low + high) / 2, np.where(free, np.inf, (high - low) / 2)))
    reach = reach.clamp_min(INSIDE)  # of a locked axis: to the digit no rounded angle is what it should be
    away = _wrapped(euler_of(channel.mT @ stands) - middle)
    wider = torch.relu(away.abs() - reach) / 2
    of, other, over = (torch.from_numpy(one.astype(np.int64)) for one in (part, against, above))
    return JointLimits(over, of, other, channel, stands, middle + away.sign() * wider, reach + wider)


def euler_of(matrix: Tensor) -> Tensor:
    """(..., 3) angles about X, then Y, then Z, of rotation matrices (..., 3, 3); that about Y is at most a quarter turn."""
    across = (matrix[..., 0, 0] ** 2 + matrix[..., 1, 0] ** 2 + 1e-12).sqrt()
    first, last = _angle(matrix[..., 2, 1], matrix[..., 2, 2]), _angle(matrix[..., 1, 0], matrix[..., 0, 0])
    return torch.stack([first, torch.atan2(-matrix[..., 2, 0], across), last], -1)


def matrix_of(angles: Tensor) -> Tensor:
    """(..., 3, 3) of `euler_of`."""
    (cx, cy, cz), (sx, sy, sz) = angles.cos().unbind(-1), angles.sin().unbind(-1)
    rows = [cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz, cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz, -sy, sx * cy, cx * cy]
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def _angle(sine: Tensor, cosine: Tensor) -> Tensor:
    """The angle of a direction; 0, without a gradient, where there is none."""
    there = sine**2 + cosine**2 > 1e-10
    return torch.atan2(torch.where(there, sine, torch.zeros_like(sine)), torch.where(there, cosine, torch.ones_like(cosine)))


def _wrapped(angle: Tensor) -> Tensor:
    """The same angle between minus and plus half a turn."""
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi
