"""Back from how parts stand in the world to how their joints are turned: the inverse of forward kinematics."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .rotations import multiply, quaternion_from_vector
from .skeleton import Motion, Skeleton

WHOLE_TURN = 2 * math.pi


def vector_from_quaternion(quaternion: Tensor) -> Tensor:
    """(..., 4) unit quaternions wxyz to (..., 3) rotation vectors [rad] of at most half a turn."""
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    sine = torch.linalg.vector_norm(quaternion[..., 1:], dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, quaternion[..., :1])
    return quaternion[..., 1:] * torch.where(sine > 1e-7, angle / sine.clamp_min(1e-7), torch.full_like(angle, 2.0))


def conjugate(quaternion: Tensor) -> Tensor:
    """The inverse of unit quaternions (..., 4)."""
    return torch.cat([quaternion[..., :1], -quaternion[..., 1:]], -1)


def joints_of(skeleton: Skeleton, motion: Motion) -> tuple[Tensor, Tensor]:
    """Turns and shifts (T, K, 3) whose `Skeleton.pose` is `motion`; turns go on from frame to frame without a jump."""
    parent = torch.from_numpy(skeleton.parent).to(motion.offset.device)
    is_root, above = (parent < 0)[:, None], parent.clamp_min(0)
    joint = torch.from_numpy(skeleton.joint).to(motion.offset)
    still = torch.zeros_like(motion.quaternion)
    still[..., 0] = 1
    above_quaternion = torch.where(is_root, still, motion.quaternion[:, above])
    above_rotation = torch.where(is_root[..., None], torch.eye(3).to(joint), motion.rotation[:, above])
    above_offset = torch.where(is_root, torch.zeros_like(motion.offset), motion.offset[:, above])
    place = (motion.rotation @ joint[..., None])[..., 0] + motion.offset
    shift = (above_rotation.mT @ (place - above_offset)[..., None])[..., 0] - joint
    return without_jumps(vector_from_quaternion(multiply(conjugate(above_quaternion), motion.quaternion))), shift


def without_jumps(turn: Tensor) -> Tensor:
    """The same rotations as (T, K, 3) vectors, each the nearest to the one of the frame before."""
    frames = [turn[0]]
    for one in turn[1:]:
        frames.append(nearest(one, frames[-1]))
    return torch.stack(frames)


def nearest(turn: Tensor, other: Tensor) -> Tensor:
    """The same rotations as vectors (..., 3), each by as many whole turns more or less as bring it nearest to `other` (..., 3)."""
    angle = torch.linalg.vector_norm(turn, dim=-1, keepdim=True)
    axis = turn / angle.clamp_min(1e-9)
    along = (other * axis).sum(-1, keepdim=True)
    return torch.where(angle > 1e-6, axis * (angle + WHOLE_TURN * ((along - angle) / WHOLE_TURN).round()), turn)


def corrected(turn: Tensor, shift: Tensor, change: tuple[Tensor, Tensor], share: Tensor) -> tuple[Tensor, Tensor]:
    """Joints (T, K, 3) with a share (T,) of a change from one pose to another, see `change_between`."""
    part = share[:, None, None]
    turned = multiply(quaternion_from_vector(part * change[0]), quaternion_from_vector(turn))
    return vector_from_quaternion(turned), shift + part * change[1]


def change_between(old: tuple[Tensor, Tensor], new: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """What turns and moves the joints of one pose, (1, K, 3) each, into those of another, in the parents' frames."""
    turned = multiply(quaternion_from_vector(new[0]), conjugate(quaternion_from_vector(old[0])))
    return vector_from_quaternion(turned), new[1] - old[1]
