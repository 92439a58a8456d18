"""Rotations in torch: rotation vectors, quaternions (wxyz), matrices. All batched over leading dimensions."""

from __future__ import annotations

import torch
from torch import Tensor


def quaternion_from_vector(vector: Tensor) -> Tensor:
    """(..., 3) rotation vectors [rad] to (..., 4) unit quaternions; differentiable at zero."""
    square = (vector * vector).sum(-1, keepdim=True)
    small = square < 1e-8
    angle = torch.where(small, torch.ones_like(square), square).sqrt()
    real = torch.where(small, 1 - square / 8, torch.cos(angle / 2))
    factor = torch.where(small, 0.5 - square / 48, torch.sin(angle / 2) / angle)
    return torch.cat([real, vector * factor], -1)


def multiply(first: Tensor, second: Tensor) -> Tensor:
    """Hamilton product of quaternions: rotates by `second`, then by `first`."""
    w, x, y, z = first.unbind(-1)
    p, i, j, k = second.unbind(-1)
    return torch.stack(
        [w * p - x * i - y * j - z * k, w * i + x * p + y * k - z * j, w * j - x * k + y * p + z * i, w * k + x * j - y * i + z * p], -1
    )


def matrix_from_quaternion(quaternion: Tensor) -> Tensor:
    """(..., 4) unit quaternions to (..., 3, 3)."""
    w, x, y, z = quaternion.unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z),
        2 * (x * y - w * z),
        2 * (x * z + w * y),
        2 * (x * y + w * z),
        1 - 2 * (x * x + z * z),
        2 * (y * z - w * x),
        2 * (x * z - w * y),
        2 * (y * z + w * x),
        1 - 2 * (x * x + y * y),
    ]
    return torch.stack(rows, -1).reshape(*quaternion.shape[:-1], 3, 3)


def quaternion_to_normal(normal: Tensor) -> Tensor:
    """(..., 3) unit vectors to quaternions that turn +Z into them."""
    x, y, z = normal.unbind(-1)
    zero = torch.zeros_like(x)
    down = torch.stack([zero, zero + 1, zero, zero], -1)
    turn = torch.stack([1 + z, -y, x, zero], -1)
    turn = torch.where((z < -1 + 1e-6)[..., None], down, turn)
    return torch.nn.functional.normalize(turn, dim=-1)
