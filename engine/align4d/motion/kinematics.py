"""Forward kinematics of a tree of parts in few large steps, and its gradient in closed form.

A walk down the tree, level by level, is a dozen tiny tensor operations for each level, and as many again for its
gradient: a GPU then waits for Python. Here

- the transform of a part is composed with that of the part 1, 2, 4, ... joints above it, all parts at once, so that a
  tree of depth D takes log2(D) steps (pointer jumping; Hillis and Steele 1986);
- the gradient needs no tree at all: what hangs on a joint moves as a rigid body when the joint moves, so the gradient of
  a joint is the torque and the force on everything below it, one product with the matrix "who hangs on whom".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..kernels.gpu import by_triton
from .rotations import AXIAL, LEFT, RIGHT, quaternion_from_vector, table, turn_jacobian_transposed
from .tree_kernels import pose_parts, pose_parts_backward


@dataclass(frozen=True)
class Tree:
    """What forward kinematics knows of a skeleton, on one device.

    Attributes:
        joint: (K, 3).
        parent: (K,) int64; the root's is K, which stands for the world.
        jumps: for each step (K + 1,) int64, the part 1, 2, 4, ... joints above; K for the world and beyond.
        below: (K, K), 1 where the column's part hangs on the row's joint.
        walk: for the processor's kernels the parts (K,), each after the one that it hangs on, `parent`, and `joint`.
        steps: for a GPU's kernels (len(jumps) + 1, K) int32, `jumps` of the parts alone, and `parent`.
    """

    joint: Tensor
    parent: Tensor
    jumps: tuple[Tensor, ...]
    below: Tensor
    walk: tuple[np.ndarray, np.ndarray, np.ndarray]
    steps: Tensor


def build_tree(parent: np.ndarray, joint: np.ndarray, like: Tensor) -> Tree:
    """Of `parent` (K,), -1 for the root, and `joint` (K, 3), on the device and of the type of `like`."""
    count = len(parent)
    above = np.append(np.where(parent < 0, count, parent), count)
    below = np.eye(count + 1, dtype=bool)
    jumps = []
    jump = above
    while (jump[:count] < count).any():
        jumps.append(jump)
        jump = jump[jump]
    ancestor = above
    for _ in range(count):
        below[ancestor, np.arange(count + 1)] = True
        ancestor = above[ancestor]

    def index(array: np.ndarray) -> Tensor:
        return torch.from_numpy(array.astype(np.int64)).to(like.device)

    # a part hangs on fewer parts than those that hang on it
    order = np.argsort(below[:count, :count].sum(0), kind="stable")
    walk = order, above[:count].astype(np.int64), joint.astype(np.float64)
    steps = torch.from_numpy(np.stack([*jumps, above])[:, :count].astype(np.int32)).to(like.device)
    hangs = torch.from_numpy(below[:count, :count]).to(like)
    return Tree(torch.from_numpy(joint).to(like), index(above[:count]), tuple(map(index, jumps)), hangs, walk, steps)


def pose_tree(tree: Tree, turn: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """World transforms of the parts; differentiable once.

    Args:
        turn, shift: (T, K, 3), see `Skeleton.pose`.

    Returns:
        Quaternions (T, K, 4), rotations (T, K, 3, 3) and offsets (T, K, 3).
    """
    if by_triton(turn):
        from .cuda.function import pose_on_gpu  # it needs Triton

        return pose_on_gpu(tree.joint, tree.steps, tree.below, turn, shift)
    walked = turn.device.type == "cpu" and turn.dtype == torch.float32
    quaternion, rotation, offset = (_Walk if walked else _Pose).apply(tree, turn, shift)
    return quaternion, rotation, offset


class _Pose(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tree: Tree, turn: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        count, local = len(tree.joint), quaternion_from_vector(turn)
        left, right = ((local @ table(side, turn)).unflatten(-1, (4, 4)) for side in (LEFT, RIGHT))
        # q v conj(q) in the basis (1, v); below its first row it is the rotation matrix
        rotation = (left @ right.mT)[..., 1:, 1:]
        # for each part, and for the world: the matrix of its quaternion, and its transform of (1, x)
        world = torch.eye(4, dtype=turn.dtype, device=turn.device).repeat(len(turn), count + 1, 2, 1, 1)
        world[:, :count, 0] = left
        world[:, :count, 1, 1:, 1:] = rotation
        world[:, :count, 1, 1:, 0] = tree.joint + shift - (rotation @ tree.joint[..., None])[..., 0]
        for jump in tree.jumps:
            world = world.index_select(1, jump) @ world
        quaternion, affine = world[:, :count, 0, :, 0].contiguous(), world[:, :, 1, 1:]
        ctx.tree = tree
        ctx.save_for_backward(turn, quaternion, affine)
        return quaternion, affine[:, :count, :, 1:].contiguous(), affine[:, :count, :, 0].contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_quaternion: Tensor, g_rotation: Tensor, g_offset: Tensor) -> tuple[None, Tensor, Tensor]:
        turn, quaternion, affine = ctx.saved_tensors
        tree: Tree = ctx.tree
        own, above = affine[:, :-1], affine.index_select(1, tree.parent)[..., 1:]
        # how the loss changes when a part alone turns about the world's origin
        spin = torch.cat([g_offset[..., None], g_rotation], -1) @ own.mT
        swirl = (quaternion @ table(RIGHT, turn)).unflatten(-1, (4, 4)).mT @ g_quaternion[..., None]
        torque = spin.flatten(-2) @ table(AXIAL, turn) + 0.5 * swirl[..., 1:, 0]
        load = tree.below @ torch.cat([torque, g_offset], -1)
        torque, force = load[..., :3], load[..., 3:]
        place = (own[..., 1:] @ tree.joint[..., None])[..., 0] + own[..., 0]
        about_joint = torque - torch.linalg.cross(place, force)
        local = above.mT @ torch.stack([about_joint, force], -1)
        return None, turn_jacobian_transposed(turn, local[..., 0]), local[..., 1].contiguous()


class _Walk(torch.autograd.Function):
    """The same by kernels, of float32 tensors on the processor."""

    @staticmethod
    def forward(ctx: Any, tree: Tree, turn: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        frames, count, _ = turn.shape
        found = [np.empty((frames, count, *shape), np.float32) for shape in ((4,), (3, 3), (3,))]
        pose_parts(*tree.walk, *(one.detach().contiguous().numpy() for one in (turn, shift)), *found)
        quaternion, rotation, offset = map(torch.from_numpy, found)
        ctx.tree = tree
        ctx.save_for_backward(turn, quaternion, rotation, offset)
        return quaternion, rotation, offset

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, Tensor]:
        given = [one.detach().contiguous().numpy() for one in (*ctx.saved_tensors, *gradients)]
        g_turn, g_shift = np.empty_like(given[0]), np.empty_like(given[0])
        pose_parts_backward(*ctx.tree.walk, *given, np.empty((len(ctx.tree.joint), 6)), g_turn, g_shift)
        return None, torch.from_numpy(g_turn), torch.from_numpy(g_shift)
