"""The poses of a result: a point that follows them stands where the motion puts it, in the artist's world."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from align4d import protocol
from align4d.bake.poses import sparse_weights, write_poses
from align4d.inputs.asset import Similarity
from align4d.motion.kinematics import build_tree, pose_tree
from align4d.motion.skeleton import Motion, Skeleton

PARENT = np.array([-1, 0, 1])
JOINT = np.array([[0.0, 0, 0], [0.1, 0, 0], [0.1, 0.2, 0]])
SIMILARITY = Similarity(np.array([3.0, -1.0, 2.0]), 2.5)


def bent(frames: int = 4) -> tuple[Skeleton, Motion]:
    """A chain of three parts that bends and wanders."""
    levels = tuple(np.array([i]) for i in range(3))
    skeleton = Skeleton(PARENT, JOINT, np.ones(3), np.ones(3), np.ones(3), levels)
    generator = torch.Generator().manual_seed(0)
    turn, shift = (0.4 * torch.randn(frames, 3, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    return skeleton, Motion(*pose_tree(build_tree(PARENT, JOINT, turn), turn, shift))


def test_points_follow_the_stored_poses_in_the_world(tmp_path: Path) -> None:
    skeleton, motion = bent()
    points = np.random.default_rng(0).normal(size=(5, 3))
    weights = np.random.default_rng(1).dirichlet(np.ones(3), 5)
    assert write_poses(tmp_path, SIMILARITY, skeleton, sparse_weights(weights), motion) == protocol.POSES
    stored = protocol.read_arrays(tmp_path / protocol.POSES)
    expected = np.einsum("bk,tkij,bj->tbi", weights, motion.rotation.numpy(), points) + np.einsum("bk,tki->tbi", weights, motion.offset.numpy())
    world = SIMILARITY.invert(points)
    for frame in range(4):
        turns = Rotation.from_quat(stored["rotation"][frame], scalar_first=True).as_matrix()
        moved = np.einsum("kij,bj->bki", turns, world) + stored["translation"][frame]
        found = np.zeros((5, 3))
        np.add.at(found, stored["point"], stored["weight"][:, None] * moved[stored["point"], stored["part"]])
        np.testing.assert_allclose(found, SIMILARITY.invert(expected[frame]), atol=1e-5)
    np.testing.assert_allclose(stored["joint"], SIMILARITY.invert(JOINT), atol=1e-6)


def test_the_arrays_are_what_the_protocol_says(tmp_path: Path) -> None:
    skeleton, motion = bent()
    write_poses(tmp_path, SIMILARITY, skeleton, sparse_weights(np.eye(3)), motion)
    stored = protocol.read_arrays(tmp_path / protocol.POSES)
    sizes = {"K": 3, "T": 4, "N": 3}
    assert {name: (str(array.dtype), array.shape) for name, array in stored.items()} == {
        name: (dtype, tuple(sizes[one] if isinstance(one, str) else one for one in shape)) for name, (dtype, shape) in protocol.POSE_ARRAYS.items()
    }


def test_a_point_follows_at_most_four_parts_and_its_weights_sum_to_one() -> None:
    found = sparse_weights(np.random.default_rng(2).dirichlet(np.ones(9), 50))
    assert np.bincount(found["point"]).max() == 4
    np.testing.assert_allclose(np.bincount(found["point"], found["weight"]), 1.0, atol=1e-6)
