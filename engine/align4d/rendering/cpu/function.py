"""The CPU kernels as one differentiable torch function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...errors import EngineError
from ..types import Cameras
from .binning import count_pairs, fill_pairs
from .geometry import LANES, ROWS, SLOT_WIDTH, SPLAT_WIDTH, project
from .geometry_gradient import project_backward
from .threads import run
from .tiles import blend, blend_backward

Array = np.ndarray
NAMES = ("means", "quats", "scales", "opacities", "colors")


def rasterize_cpu(tensors: dict[str, Tensor], cameras: Cameras, size: tuple[int, int], background: Tensor, low_pass: float) -> tuple[Tensor, Tensor]:
    """Color (C, 3, H, W) and alpha (C, 1, H, W) of float32 tensors with a leading set dimension.

    Tensors of another device are brought to main memory and the images back. Uses as many threads as torch does
    (`torch.set_num_threads`); the result does not depend on how many.

    Raises:
        EngineError: "rendering_backend" for another dtype.
    """
    for name, tensor in tensors.items():
        if tensor.dtype != torch.float32:
            raise EngineError(
                "rendering_backend",
                f"The cpu rasterizer takes float32 tensors; {name} is {tensor.dtype}.",
                "Convert it, or choose the reference backend.",
            )
    view = _View(_float64(cameras.viewmats), _float64(cameras.Ks), size, float(cameras.near), float(low_pass))
    color, alpha = _Rasterize.apply(view, _array(background.cpu()), *(tensors[name].cpu() for name in NAMES))
    device = tensors["means"].device
    return color.to(device), alpha.to(device)


@dataclass(frozen=True)
class _View:
    """What the projection needs beside the Gaussians."""

    poses: Array
    intrinsics: Array
    size: tuple[int, int]
    near: float
    low_pass: float

    @property
    def tiles(self) -> tuple[int, int]:
        """Tiles across and down."""
        return -(-self.size[1] // LANES), -(-self.size[0] // ROWS)


@dataclass(frozen=True)
class _Bins:
    """Which Gaussians touch which tile; see `binning`."""

    splats: Array
    pairs: Array
    first_pair: Array
    first_slot: Array
    tile_order: Array


def _array(tensor: Tensor) -> Array:
    return tensor.detach().contiguous().numpy()


def _float64(tensor: Tensor) -> Array:
    return np.ascontiguousarray(tensor.detach().cpu().double().numpy())


def _bin(arrays: list[Array], view: _View) -> _Bins:
    """Project all Gaussians into all cameras and sort them into tiles."""
    cameras, count = len(view.poses), arrays[0].shape[1]
    height, width = view.size
    across, down = view.tiles
    splats = np.empty((cameras, count, SPLAT_WIDTH), np.float32)
    rects, depths = np.empty((cameras, count, 4), np.int32), np.empty((cameras, count), np.float32)
    run(project, depths.size, *arrays, view.poses, view.intrinsics, width, height, view.near, view.low_pass, splats, rects, depths)
    in_tile, first_slot = np.zeros((cameras, across * down), np.int64), np.empty((cameras, count + 1), np.int64)
    run(count_pairs, depths.size, rects, across, in_tile, first_slot)
    first_pair = np.zeros(in_tile.size + 1, np.int64)
    np.cumsum(in_tile, out=first_pair[1:])
    first_slot += first_pair[: -1 : across * down, None]
    pairs = np.empty((int(first_pair[-1]), 2), np.int32)
    run(fill_pairs, len(pairs), rects, depths, across, first_pair, first_slot, pairs)
    return _Bins(splats, pairs, first_pair, first_slot, np.argsort(-in_tile.reshape(-1), kind="stable"))


class _Rasterize(torch.autograd.Function):
    """Keeps the projected Gaussians and the tile lists for the backward pass."""

    @staticmethod
    def forward(ctx: Any, view: _View, background: Array, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        bins = _bin([_array(tensor) for tensor in tensors], view)
        shape = (len(view.poses), *view.size)
        color, alpha = np.empty((shape[0], 3, *view.size), np.float32), np.empty((shape[0], 1, *view.size), np.float32)
        final, closed_by = np.empty(shape, np.float32), np.empty(shape, np.float32)
        run(blend, len(bins.pairs), bins.pairs, bins.first_pair, bins.tile_order, bins.splats, background, color, alpha, final, closed_by)
        image, opacity = torch.from_numpy(color), torch.from_numpy(alpha)
        ctx.save_for_backward(image, *tensors)
        ctx.view, ctx.bins, ctx.pixels = view, bins, (final, closed_by)
        return image, opacity

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *g_images: Tensor) -> tuple[Tensor | None, ...]:
        color, *tensors = ctx.saved_tensors
        arrays = [_array(tensor) for tensor in tensors]
        view, bins = ctx.view, ctx.bins
        slots = np.empty((len(bins.pairs), SLOT_WIDTH), np.float32)
        g_color, g_alpha = (_array(g_image) for g_image in g_images)
        wanted = ctx.needs_input_grad[2:]
        run(
            blend_backward, len(bins.pairs),
            bins.pairs, bins.first_pair, bins.tile_order, bins.splats, _array(color), *ctx.pixels, g_color, g_alpha, not any(wanted[:4]), slots,
        )  # fmt: skip
        gradients = [np.zeros_like(array) for array in arrays]
        height, width = view.size
        run(
            project_backward, bins.first_slot.size,
            *arrays, view.poses, view.intrinsics, width, height, view.low_pass, slots, bins.first_slot, any(wanted[:3]), *gradients,
        )  # fmt: skip
        return None, None, *(torch.from_numpy(one) if is_wanted else None for one, is_wanted in zip(gradients, wanted, strict=True))
