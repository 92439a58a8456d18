"""The kernels as one differentiable torch function."""

from __future__ import annotations

from typing import Any

import torch
import triton
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...kernels.launch import launch
from .tree import pose_backward_kernel, pose_kernel


def pose_on_gpu(place: Tensor, steps: Tensor, below: Tensor, turn: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As `kinematics.pose_tree`, of the `joint`, `steps` and `below` of a tree."""
    parts: Tensor = _Pose.apply(place, steps, below, torch.cat([turn, shift], -1))
    return parts[..., :4], parts[..., 4:13].unflatten(-1, (3, 3)), parts[..., 13:]


class _Pose(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, place: Tensor, steps: Tensor, below: Tensor, joints: Tensor) -> Tensor:
        frames, count, _ = joints.shape
        ctx.tree = place, steps, below, torch.ones_like(joints[0])
        parts, between = joints.new_empty(frames, count, 16), joints.new_empty(frames, 2, count, 16)
        launch(
            pose_kernel, frames, joints.device,
            joints, ctx.tree[3], place, steps, between, parts, count, len(steps) - 1, BLOCK=_lanes(count), warps=2,
        )  # fmt: skip
        ctx.save_for_backward(joints, parts)
        return parts

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_parts: Tensor) -> tuple[None, None, None, Tensor]:
        joints, parts = ctx.saved_tensors
        (place, steps, below, lever), (frames, count, _) = ctx.tree, joints.shape
        gradient, between = torch.empty_like(joints), torch.empty_like(joints)
        launch(
            pose_backward_kernel, frames, joints.device,
            joints, lever, place, steps[-1], below, parts, g_parts.contiguous(), between, gradient, count, BLOCK=_lanes(count), warps=2,
        )  # fmt: skip
        return None, None, None, gradient


def _lanes(count: int) -> int:
    return max(64, triton.next_power_of_2(count))
