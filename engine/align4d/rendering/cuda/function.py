"""The Triton kernels as one differentiable torch function."""

from __future__ import annotations

from typing import Any

import torch
import triton
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...kernels.launch import launch
from ..types import Cameras
from .binning import Bins, bin_gaussians
from .geometry import SLOT_WIDTH, SPLAT_WIDTH, project_kernel
from .geometry_gradient import project_backward_kernel
from .tiles import blend_backward_kernel, blend_kernel

NAMES = ("means", "quats", "scales", "opacities", "colors")
TILE_X, TILE_Y = 8, 8
BLOCK = 128


def rasterize_triton(
    tensors: dict[str, Tensor], cameras: Cameras, size: tuple[int, int], background: Tensor, low_pass: float
) -> tuple[Tensor, Tensor]:
    """Color (C, 3, H, W) and alpha (C, 1, H, W) of float32 CUDA tensors with a leading set dimension.

    Waits for the GPU once, to learn how many (tile, Gaussian) pairs there are; within a `Deferral` that has room, not at all.
    The same input gives the same bits, forward and backward: nothing is added up in an order that could change.
    """
    like = tensors["means"]
    packed = torch.cat([cameras.viewmats[:, :3, :3].reshape(-1, 9), cameras.viewmats[:, :3, 3]], 1)
    lens = cameras.Ks
    packed = torch.cat([packed, torch.stack([lens[:, 0, 0], lens[:, 1, 1], lens[:, 0, 2], lens[:, 1, 2]], 1)], 1).to(like).contiguous()
    color, alpha = _Rasterize.apply((packed, size, float(cameras.near), float(low_pass), background), *(tensors[name] for name in NAMES))
    return color, alpha


class _Rasterize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, view: tuple[Tensor, tuple[int, int], float, float, Tensor], *tensors: Tensor) -> tuple[Tensor, Tensor]:
        cameras, (height, width), near, low_pass, background = view
        tensors = tuple(tensor.contiguous() for tensor in tensors)
        number, count = cameras.shape[0], tensors[0].shape[1]
        total, views = number * count, [number // tensor.shape[0] for tensor in tensors]
        tiles_x, tiles_y = triton.cdiv(width, TILE_X), triton.cdiv(height, TILE_Y)
        new, kind = cameras.new_empty, torch.int32
        splats, depths = new(total, SPLAT_WIDTH), new(total)
        rects, counts = new((4, total), dtype=kind), new(total, dtype=kind)
        color, alpha, final = new(number, 3, height, width), new(number, 1, height, width), new(number, height, width)
        closed_by = new((number, height, width), dtype=kind)
        if total:
            launch(
                project_kernel, triton.cdiv(total, BLOCK), cameras.device,
                *tensors, cameras, splats, depths, rects, counts, total, count, height, width, near, low_pass, *views,
                TILE_X=TILE_X, TILE_Y=TILE_Y, BLOCK=BLOCK,
            )  # fmt: skip
            bins = bin_gaussians(depths, rects, counts, number, tiles_x, tiles_x * tiles_y)
        else:
            nothing, none = (torch.zeros(size, dtype=kind, device=cameras.device) for size in (0, number * tiles_x * tiles_y))
            bins = Bins(nothing, nothing, none, none, nothing, 0)
        launch(
            blend_kernel, number * tiles_x * tiles_y, cameras.device,
            bins.owners, bins.starts, bins.ends, splats, background, color, alpha, final, closed_by,
            height, width, tiles_x, tiles_x * tiles_y, TILE_X=TILE_X, TILE_Y=TILE_Y, warps=1,
        )  # fmt: skip
        ctx.save_for_backward(*tensors, cameras, splats, counts, color, final, closed_by)
        ctx.bins, ctx.setting = bins, (height, width, low_pass, views, tiles_x, tiles_x * tiles_y)
        return color, alpha

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_color: Tensor, g_alpha: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, cameras, splats, counts, color, final, closed_by = ctx.saved_tensors
        bins, (height, width, low_pass, views, tiles_x, tiles) = ctx.bins, ctx.setting
        number, count = cameras.shape[0], tensors[0].shape[1]
        if not count:
            return (None, *(torch.zeros_like(tensor) for tensor in tensors))
        slots = torch.zeros(bins.room, SLOT_WIDTH, device=cameras.device)
        launch(
            blend_backward_kernel, number * tiles, cameras.device,
            bins.slots, bins.owners, bins.starts, bins.ends, splats, color, final, closed_by, g_color.contiguous(), g_alpha.contiguous(),
            color, slots, SLOT_WIDTH, height, width, tiles_x, tiles, TILE_X=TILE_X, TILE_Y=TILE_Y, warps=1,
        )  # fmt: skip
        gradients = [tensor.new_empty(number, *tensor.shape[1:]) for tensor in tensors]
        launch(
            project_backward_kernel, triton.cdiv(number * count, BLOCK), cameras.device,
            *tensors[:4], cameras, slots, bins.first_slot, counts, *gradients, gradients[4], bins.room, SLOT_WIDTH,
            number * count, count, height, width, low_pass, *views[:4], BLOCK=BLOCK,
        )  # fmt: skip
        return (None, *(_per_set(gradient, tensor.shape[0]) for gradient, tensor in zip(gradients, tensors, strict=True)))


def _per_set(gradient: Tensor, sets: int) -> Tensor:
    """Sum gradients per camera (C, ...) over the cameras of each set, (L, ...)."""
    return gradient if gradient.shape[0] == sets else gradient.unflatten(0, (sets, -1)).sum(1)
