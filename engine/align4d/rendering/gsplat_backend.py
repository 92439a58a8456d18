"""Adapter to gsplat (Apache-2.0), which compiles its CUDA code at first use and needs a CUDA toolkit for that."""

from __future__ import annotations

import math

import gsplat
from torch import Tensor

from .reference import rasterize_reference
from .types import Cameras


def rasterize_gsplat(
    tensors: dict[str, Tensor], cameras: Cameras, size: tuple[int, int], background: Tensor, low_pass: float
) -> tuple[Tensor, Tensor]:
    """Color (C, 3, H, W) and alpha (C, 1, H, W) of float32 CUDA tensors with a leading set dimension."""
    if not tensors["opacities"].shape[-1]:  # ends the process in gsplat 1.5.3
        return rasterize_reference(tensors, cameras, size, background, low_pass)
    height, width = size
    sets = math.lcm(*(tensor.shape[0] for tensor in tensors.values()))
    batched = {name: tensor.repeat_interleave(sets // tensor.shape[0], 0) for name, tensor in tensors.items()}
    like, views = batched["means"], cameras.count // sets
    color, alpha, _ = gsplat.rasterization(
        batched["means"],
        batched["quats"],
        batched["scales"],
        batched["opacities"],
        batched["colors"],
        cameras.viewmats.to(like).unflatten(0, (sets, views)),
        cameras.Ks.to(like).unflatten(0, (sets, views)),
        width,
        height,
        near_plane=cameras.near,
        eps2d=low_pass,
        packed=False,
        backgrounds=background.expand(sets, views, 3),
    )
    return color.flatten(0, 1).movedim(-1, 1), alpha.flatten(0, 1).movedim(-1, 1)
