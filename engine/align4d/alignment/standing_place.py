"""Where a body stands in depth: one clip says how far it is from the camera, and nothing of where both are.

A world that is moved with its camera looks the same, so the motion that a body and its camera have in common is free. It is chosen so that
the body is, in depth, where the mesh stands.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..cameras.orbit import Orbit, orbit_from_matrix
from ..gaussians.surface_bound import BoundGaussians
from ..motion.rotations import matrix_from_quaternion, quaternion_from_vector
from ..motion.skeleton import Skeleton
from .animated_asset import AnimatedAsset

LIES_OTHERWISE = math.radians(45)
"""A body that is turned by more lies otherwise than the mesh."""


@torch.no_grad()
def away(animated: AnimatedAsset, skeleton: Skeleton, turn: Tensor, shift: Tensor, axis: np.ndarray) -> np.ndarray:
    """(3,) how far a body has moved along `axis` (3,), a unit vector, in the mean over poses (T, K, 3).

    Where the artist's bones say what its trunk is, that has moved so far: limbs reach out to one side, and the body stays where it is.
    Else, or where the body lies otherwise than the mesh, the whole surface has, in the mean.
    """
    motion, along = skeleton.pose(turn, shift), torch.from_numpy(axis)
    lies_otherwise = float(turn[:, skeleton.root].norm(dim=-1).median()) > LIES_OTHERWISE
    if skeleton.trunk is None or lies_otherwise:
        moved = animated.perform(motion).means - animated.bound.means
    else:
        part, joint = skeleton.trunk[0], torch.from_numpy(skeleton.trunk[1]).to(turn)
        moved = motion.rotation[:, part] @ joint + motion.offset[:, part] - joint
    return axis * float((moved @ along.to(moved)).mean())


def turned_rest(bound: BoundGaussians, turn: Tensor) -> tuple[Tensor, Tensor]:
    """Places and normals (N, 3) of the mesh at rest, turned about its middle by a rotation vector (3,), where that is a large one.

    A rig may rest on its back: what it moves in depth counts from how the body lies in the clip. One that leans from where it rests is
    another matter: that it does is motion, and as dear as any.
    """
    if float(turn.norm()) < LIES_OTHERWISE:
        return bound.means, bound.normals
    rotation, middle = matrix_from_quaternion(quaternion_from_vector(turn)), bound.means.mean(0)
    return (bound.means - middle) @ rotation.mT + middle, bound.normals @ rotation.mT


def moved_camera(camera: Orbit, by: np.ndarray) -> Orbit:
    """The camera of a world that is moved by `by` (3,)."""
    matrix = camera.world_to_camera()
    matrix[:3, 3] -= matrix[:3, :3] @ by
    return orbit_from_matrix(matrix, camera.fovy)


def moved_body(skeleton: Skeleton, shift: Tensor, by: np.ndarray) -> Tensor:
    """The shifts of joints (T, K, 3) in a world that is moved by `by` (3,)."""
    moved = shift.clone()
    moved[:, skeleton.root] += torch.from_numpy(by).to(moved)
    return moved
