"""The CPU kernels as one differentiable torch function."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...errors import EngineError
from ..types import Cameras
from .drawing import Array, Drawing, Lens

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
    lens = Lens.of(cameras, size, low_pass)
    color, alpha = _Rasterize.apply(lens, _array(background.cpu()), *(tensors[name].cpu() for name in NAMES))
    device = tensors["means"].device
    return color.to(device), alpha.to(device)


def _array(tensor: Tensor) -> Array:
    return tensor.detach().contiguous().numpy()


class _Rasterize(torch.autograd.Function):
    """Keeps the projected Gaussians and the tile lists for the backward pass."""

    @staticmethod
    def forward(ctx: Any, lens: Lens, background: Array, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        drawing = Drawing.of([_array(tensor) for tensor in tensors], lens, background)
        image, opacity = torch.from_numpy(drawing.color), torch.from_numpy(drawing.alpha)
        ctx.save_for_backward(image, *tensors)  # torch then notices where somebody has changed them
        ctx.drawing = drawing
        return image, opacity

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *g_images: Tensor) -> tuple[Tensor | None, ...]:
        drawing: Drawing = ctx.drawing
        assert ctx.saved_tensors
        wanted = ctx.needs_input_grad[2:]
        g_color, g_alpha = (_array(g_image) for g_image in g_images)
        gradients = drawing.gradients(g_color, g_alpha, coloring=not any(wanted[:4]), moving=any(wanted[:3]))
        return None, None, *(torch.from_numpy(one) if is_wanted else None for one, is_wanted in zip(gradients, wanted, strict=True))
