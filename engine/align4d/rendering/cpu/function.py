"""The CPU kernels as one differentiable torch function."""

from __future__ import annotations

import threading
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from ...errors import EngineError
from ..types import Cameras
from .binning import count_pairs, fill_pairs
from .geometry import TILE, project
from .geometry_gradient import project_backward
from .tiles import blend, blend_backward

NAMES = ("centres", "rotations", "scales", "opacities", "colors")

_one_at_a_time = threading.Lock()
"""Not every numba threading layer may be entered from two Python threads at once; one that may not ends the process."""


def rasterize_cpu(
    tensors: dict[str, Tensor], cameras: Cameras, size: tuple[int, int], background: Tensor, low_pass: float
) -> tuple[Tensor, Tensor]:
    """Colour (C, 3, H, W) and alpha (C, 1, H, W) of float32 CPU tensors with a leading set dimension.

    Uses as many threads as torch does (`torch.set_num_threads`).

    Raises:
        EngineError: "rendering_backend" for another dtype or device.
    """
    for name, tensor in tensors.items():
        if tensor.dtype != torch.float32 or tensor.device.type != "cpu":
            raise EngineError(
                "rendering_backend",
                f"The cpu rasteriser takes float32 tensors in main memory; {name} is {tensor.dtype} on {tensor.device}.",
                "Convert it, or choose the reference backend.",
            )
    setting = (cameras, size, background, low_pass)
    color, alpha = _Rasterize.apply(setting, *(tensors[name] for name in NAMES))
    return color, alpha


def _workers() -> int:
    """Threads to use, set for the numba kernels that follow."""
    workers = max(1, min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS))
    numba.set_num_threads(workers)
    return workers


def _float64(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().cpu().double().numpy())


class _Rasterize(torch.autograd.Function):
    """Saves projected Gaussians and the tile lists for the backward pass, which runs without autograd's help."""

    @staticmethod
    def forward(ctx: Any, setting: tuple[Cameras, tuple[int, int], Tensor, float], *tensors: Tensor) -> tuple[Tensor, Tensor]:
        cameras, (height, width), background, low_pass = setting
        arrays = [tensor.detach().contiguous().numpy() for tensor in tensors]
        poses, intrinsics = _float64(cameras.world_to_camera), _float64(cameras.intrinsics)
        tiles_x, tiles_y = -(-width // TILE), -(-height // TILE)
        with _one_at_a_time:
            workers = _workers()
            splats, rects, depths = project(*arrays, poses, intrinsics, width, height, cameras.near, low_pass, workers)
            first_pair, first_slot = count_pairs(rects, tiles_x, tiles_y, workers)
            pairs = fill_pairs(rects, depths, first_pair, first_slot, tiles_x, tiles_y, workers)
            tile_order = np.argsort(-np.diff(first_pair), kind="stable")
            back = background.detach().numpy().astype(np.float32)
            color, alpha, final, closed_by = blend(pairs, first_pair, tile_order, splats, back, width, height, workers)
        image, opacity = torch.from_numpy(color), torch.from_numpy(alpha)
        ctx.save_for_backward(image, *tensors)
        ctx.projection = (poses, intrinsics, width, height, low_pass)
        ctx.tiles = (pairs, first_pair, tile_order, splats)
        ctx.pixels = (final, closed_by)
        ctx.first_slot = first_slot
        return image, opacity

    @staticmethod
    def backward(ctx: Any, g_color: Tensor, g_alpha: Tensor) -> tuple[Tensor | None, ...]:
        color, *tensors = ctx.saved_tensors
        arrays = [tensor.detach().contiguous().numpy() for tensor in tensors]
        g_color_array, g_alpha_array = g_color.contiguous().numpy(), g_alpha.contiguous().numpy()
        with _one_at_a_time:
            workers = _workers()
            slots = blend_backward(*ctx.tiles, color.numpy(), *ctx.pixels, g_color_array, g_alpha_array, workers)
            gradients = project_backward(*arrays, *ctx.projection, slots, ctx.first_slot, workers)
        return (None, *(torch.from_numpy(gradient) for gradient in gradients))
