"""Forward kinematics and its hand-written gradient, against a walk down the tree that torch differentiates."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from align4d.motion.kinematics import build_tree, pose_tree
from align4d.motion.rotations import matrix_from_quaternion, multiply, quaternion_from_vector

TREES = {
    "one": [-1],
    "chain": [-1, 0, 1, 2, 3, 4, 5, 6, 7],
    "star": [3, 3, 3, -1, 3],
    "bushy": [4, 0, 0, 1, -1, 4, 5, 5, 6, 8, 9, 2],
}


def down_the_tree(parent: list[int], joint: Tensor, turn: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same part by part, in plain torch."""
    done: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    def transform(part: int) -> tuple[Tensor, Tensor, Tensor]:
        if part not in done:
            quaternion = quaternion_from_vector(turn[:, part])
            rotation = matrix_from_quaternion(quaternion)
            offset = joint[part] + shift[:, part] - rotation @ joint[part]
            if parent[part] >= 0:
                above = transform(parent[part])
                offset = (above[1] @ offset[..., None])[..., 0] + above[2]
                quaternion, rotation = multiply(above[0], quaternion), above[1] @ rotation
            done[part] = quaternion, rotation, offset
        return done[part]

    found = [transform(part) for part in range(len(parent))]
    return tuple(torch.stack(one, 1) for one in zip(*found, strict=True))  # type: ignore[return-value]


def inputs(count: int, frames: int = 3, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Joints, and turns and shifts that want gradients; some turns are zero, tiny, or more than half a turn."""
    random = torch.Generator().manual_seed(count)
    shapes = ((count, 3), (frames, count, 3), (frames, count, 3))
    joint, turn, shift = (torch.randn(*shape, generator=random, dtype=torch.float64) for shape in shapes)
    turn[0, 0], turn[1, 0], turn[2, -1] = 0.0, 1e-5, 4.0
    return joint.to(dtype), turn.to(dtype).requires_grad_(), shift.to(dtype).requires_grad_()


@pytest.mark.parametrize("name", TREES)
def test_transforms_and_gradients_are_those_of_the_walk(name: str) -> None:
    parent = TREES[name]
    joint, turn, shift = inputs(len(parent))
    found = pose_tree(build_tree(np.array(parent), joint.numpy(), turn), turn, shift)
    expected = down_the_tree(parent, joint, turn, shift)
    weights = [torch.randn(one.shape, generator=torch.Generator().manual_seed(1), dtype=one.dtype) for one in expected]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    sums = [torch.stack([(w * one).sum() for w, one in zip(weights, result, strict=True)]).sum() for result in (found, expected)]
    for one, other in zip(*(torch.autograd.grad(one, (turn, shift)) for one in sums), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("output", [0, 1, 2])
def test_gradient_by_finite_differences(output: int) -> None:
    joint, turn, shift = inputs(5)
    tree = build_tree(np.array([1, -1, 1, 2, 3]), joint.numpy(), turn)
    assert torch.autograd.gradcheck(lambda a, b: pose_tree(tree, a, b)[output], (turn, shift), eps=1e-6, atol=1e-7)


def test_single_precision_is_as_good_as_the_walk() -> None:
    parent = TREES["bushy"]
    joint, turn, shift = inputs(len(parent), dtype=torch.float32)
    found = pose_tree(build_tree(np.array(parent), joint.numpy(), turn), turn, shift)
    exact = down_the_tree(parent, joint.double(), turn.double(), shift.double())
    for one, other in zip(found, exact, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=0, atol=3e-5)


def test_steps_grow_with_the_logarithm_of_the_depth() -> None:
    chain = np.arange(64) - 1
    assert len(build_tree(chain, np.zeros((64, 3)), torch.zeros(1)).jumps) == 6
    assert len(build_tree(np.array([-1]), np.zeros((1, 3)), torch.zeros(1)).jumps) == 0


@pytest.mark.parametrize("name", TREES)
def test_the_kernels_are_the_tensors(name: str) -> None:
    """What runs on the processor in float32 against the tensors in float64: values and gradients."""
    parent = TREES[name]
    joint, *leaves = inputs(len(parent))
    found = []
    for dtype in (torch.float32, torch.float64):
        turn, shift = (one.detach().to(dtype).requires_grad_() for one in leaves)
        posed = pose_tree(build_tree(np.array(parent), joint.numpy(), turn), turn, shift)
        pull = [torch.randn(one.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype) for one in posed]
        sum((one * by).sum() for one, by in zip(posed, pull, strict=True)).backward()
        found.append([one.detach().double() for one in (*posed, turn.grad, shift.grad)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=2e-5 * float(theirs.abs().max()))
