"""Rotations in torch: rotation vectors, quaternions (wxyz), matrices. All batched over leading dimensions.

Products of quaternions are written as matrix products with constant tables: a handful of operations in the place of
dozens, which is what counts on a GPU.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from torch import Tensor


def _hamilton() -> np.ndarray:
    """(4, 4, 4) with (p q)_k = sum over i, j of p_i q_j H[i, j, k]."""
    result = np.zeros((4, 4, 4))
    result[0, range(4), range(4)] = result[range(4), 0, range(4)] = 1
    for i in (1, 2, 3):
        result[i, i] = [-1, 0, 0, 0]
        j, k = i % 3 + 1, (i + 1) % 3 + 1
        result[i, j, k], result[j, i, k] = 1, -1
    return result


_HAMILTON = _hamilton()
HAMILTON = "hamilton"
"""(16, 4): the outer product of two quaternions to their product."""
LEFT = "left"
"""(4, 16): p to the 4x4 matrix with L(p) q = p q."""
RIGHT = "right"
"""(4, 16): q to the 4x4 matrix with R(q) p = p q."""
AXIAL = "axial"
"""(9, 3): M to the vector a with a . w = sum of M * [w]x."""

_TABLES = {
    HAMILTON: _HAMILTON.reshape(16, 4),
    LEFT: _HAMILTON.transpose(0, 2, 1).reshape(4, 16),
    RIGHT: _HAMILTON.transpose(1, 2, 0).reshape(4, 16),
    AXIAL: _HAMILTON[1:, 1:, 1:].transpose(2, 1, 0).reshape(9, 3),
}


def table(name: str, like: Tensor) -> Tensor:
    """One of the constants above, on the device and of the type of `like`."""
    return _table(name, like.device, like.dtype)


@functools.cache
def _table(name: str, device: torch.device, dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(_TABLES[name])).to(device, dtype)


def quaternion_from_vector(vector: Tensor) -> Tensor:
    """(..., 3) rotation vectors [rad] to (..., 4) unit quaternions; differentiable at zero."""
    angle = torch.linalg.vector_norm(vector, dim=-1, keepdim=True)
    return torch.cat([torch.cos(angle / 2), vector * (torch.sinc(angle / (2 * math.pi)) / 2)], -1)


def turn_jacobian_transposed(vector: Tensor, gradient: Tensor) -> Tensor:
    """Gradient by a rotation vector (..., 3) from the gradient by a small turn after it (..., 3).

    The transpose of the left Jacobian of SO(3): g - b v x g + c v x (v x g), b = (1 - cos a) / a^2, c = (a - sin a) / a^3.
    """
    angle = torch.linalg.vector_norm(vector, dim=-1, keepdim=True)
    square = angle * angle
    b = torch.sinc(angle / (2 * math.pi)) ** 2 / 2
    c = torch.where(square < 1e-3, 1 / 6 - square / 120 + square**2 / 5040, (1 - torch.sinc(angle / math.pi)) / square)
    once = torch.linalg.cross(vector, gradient)
    return gradient - b * once + c * torch.linalg.cross(vector, once)


def multiply(first: Tensor, second: Tensor) -> Tensor:
    """Hamilton product of quaternions: rotates by `second`, then by `first`."""
    return (first[..., :, None] * second[..., None, :]).flatten(-2) @ table(HAMILTON, first)


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


def quaternion_from_matrix(matrix: Tensor) -> Tensor:
    """(..., 4) unit quaternions of rotation matrices (..., 3, 3): the eigenvector of Bar-Itzhack 2000, whatever the angle."""
    m = {f"{row}{column}": matrix[..., row, column] for row in range(3) for column in range(3)}
    rows = [
        torch.stack([m["00"] + m["11"] + m["22"], m["21"] - m["12"], m["02"] - m["20"], m["10"] - m["01"]], -1),
        torch.stack([m["21"] - m["12"], m["00"] - m["11"] - m["22"], m["01"] + m["10"], m["02"] + m["20"]], -1),
        torch.stack([m["02"] - m["20"], m["01"] + m["10"], m["11"] - m["00"] - m["22"], m["12"] + m["21"]], -1),
        torch.stack([m["10"] - m["01"], m["02"] + m["20"], m["12"] + m["21"], m["22"] - m["00"] - m["11"]], -1),
    ]
    return torch.linalg.eigh(torch.stack(rows, -2))[1][..., -1]


def small_quaternion(matrix: Tensor) -> Tensor:
    """(..., 4) unit quaternions of rotation matrices (..., 3, 3) by less than a half turn."""
    twice = matrix - matrix.mT
    real = 1 + matrix[..., 0, 0] + matrix[..., 1, 1] + matrix[..., 2, 2]
    parts = [real.clamp_min(1e-3), twice[..., 2, 1], twice[..., 0, 2], twice[..., 1, 0]]
    return torch.nn.functional.normalize(torch.stack(parts, -1), dim=-1)


def quaternion_to_normal(normal: Tensor) -> Tensor:
    """(..., 3) unit vectors to quaternions that turn +Z into them."""
    x, y, z = normal.unbind(-1)
    zero = torch.zeros_like(x)
    down = torch.stack([zero, zero + 1, zero, zero], -1)
    turn = torch.stack([1 + z, -y, x, zero], -1)
    turn = torch.where((z < -1 + 1e-6)[..., None], down, turn)
    return torch.nn.functional.normalize(turn, dim=-1)
