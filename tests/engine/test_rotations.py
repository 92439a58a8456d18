"""Rotations in torch against scipy's."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from align4d.motion.rotations import matrix_from_quaternion, multiply, quaternion_from_vector, quaternion_to_normal, small_quaternion
from align4d.protocol.quaternions import rotation_matrices

RNG = np.random.default_rng(0)
VECTORS = np.concatenate([RNG.normal(0, 1.5, (50, 3)), RNG.normal(0, 1e-5, (5, 3)), RNG.normal(0, 1e-4, (5, 3)), np.zeros((1, 3))])


def scipy_quaternion(rotation: Rotation) -> np.ndarray:
    """(..., 4) wxyz."""
    return rotation.as_quat()[:, [3, 0, 1, 2]]


def test_rotation_vectors() -> None:
    true = Rotation.from_rotvec(VECTORS)
    quaternion = quaternion_from_vector(torch.from_numpy(VECTORS))
    same = (quaternion.numpy() * scipy_quaternion(true)).sum(axis=1)
    np.testing.assert_allclose(np.abs(same), 1, atol=1e-12)
    np.testing.assert_allclose(matrix_from_quaternion(quaternion), true.as_matrix(), atol=1e-12)


def test_a_product_turns_by_the_second_first() -> None:
    first, second = Rotation.from_rotvec(VECTORS), Rotation.from_rotvec(VECTORS[::-1])
    product = multiply(torch.from_numpy(scipy_quaternion(first)), torch.from_numpy(scipy_quaternion(second)))
    np.testing.assert_allclose(matrix_from_quaternion(product), (first * second).as_matrix(), atol=1e-12)


def test_gradients_at_and_near_no_rotation() -> None:
    for length in (0.0, 1e-6, 0.9e-4, 1.1e-4, 0.5):
        vector = (length * torch.tensor([[0.6, -0.8, 0.0]], dtype=torch.float64)).requires_grad_()
        assert torch.autograd.gradcheck(lambda v: matrix_from_quaternion(quaternion_from_vector(v)), (vector,), eps=1e-5, atol=1e-7)


def test_upright_to_a_normal() -> None:
    normals = RNG.normal(size=(50, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.concatenate([normals, [[0, 0, 1], [0, 0, -1], [1e-9, 0, -1]]])
    turned = matrix_from_quaternion(quaternion_to_normal(torch.from_numpy(normals)))[..., 2]
    np.testing.assert_allclose(turned, normals, atol=1e-6)


def test_small_rotations_from_matrices() -> None:
    vectors = np.concatenate([RNG.normal(0, 0.6, (40, 3)).clip(-1.5, 1.5), np.zeros((1, 3)), [[0, 0, 3.1], [-2.9, 0, 0]]])
    matrices = torch.from_numpy(Rotation.from_rotvec(vectors).as_matrix())
    np.testing.assert_allclose(matrix_from_quaternion(small_quaternion(matrices)), matrices, atol=1e-6)


def test_quaternions_of_a_result_are_those_of_scipy() -> None:
    turns = Rotation.random(20, random_state=0)
    quaternions = 3 * turns.as_quat(scalar_first=True)
    np.testing.assert_allclose(rotation_matrices(quaternions.reshape(4, 5, 4)), turns.as_matrix().reshape(4, 5, 3, 3), atol=1e-12)
