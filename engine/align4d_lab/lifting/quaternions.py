"""Quaternions (wxyz) as rotation vectors and back, in torch, batched over leading dimensions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from align4d.motion.rotations import multiply


def toward(quaternion: Tensor, like: Tensor) -> Tensor:
    """The one of q and -q that is nearer to `like`."""
    return torch.where((quaternion * like).sum(-1, keepdim=True) < 0, -quaternion, quaternion)


def conjugate(quaternion: Tensor) -> Tensor:
    """The inverse of a unit quaternion."""
    return torch.cat([quaternion[..., :1], -quaternion[..., 1:]], -1)


def vector_from_quaternion(quaternion: Tensor) -> Tensor:
    """(..., 4) unit quaternions to (..., 3) rotation vectors by at most a half turn [rad]."""
    near = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    sine = near[..., 1:].norm(dim=-1, keepdim=True)
    return near[..., 1:] * (2 * torch.atan2(sine, near[..., :1]) / sine.clamp_min(1e-8))


def mean_and_turns(quaternion: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (B, 1, ..., 4) over the second dimension, and rotation vectors (B, T, ..., 3) from it."""
    mean = normalize(toward(quaternion, quaternion[:, :1]).mean(1, keepdim=True), dim=-1)
    return mean, vector_from_quaternion(multiply(conjugate(mean).expand_as(quaternion), quaternion))
