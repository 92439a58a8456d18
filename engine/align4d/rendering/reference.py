"""The oracle: Gaussian rasterization in plain torch, any device and dtype. Every other backend is tested against it.

Small scenes are blended densely, every Gaussian at every pixel. Larger ones go block by block of pixels, which needs
less memory, and leaves out only Gaussians whose alpha is below the cut in the whole block.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .projection import project
from .types import ALPHA_CUT, ALPHA_MAX, TRANSMITTANCE_STOP, Cameras

DENSE_LIMIT = 1 << 22
"""Gaussians times pixels up to which a scene is blended densely."""


CUT_BAND, STOP_BAND = 1e-3, 5e-2
"""Relative distance from the alpha cut and from the transmittance stop within which float32 backends may decide differently."""


@dataclass(frozen=True)
class _Sorted:
    """What one camera sees, nearest first: means (N, 2), covariances (N, 3), determinants, opacities (N,), colors (N, 3)."""

    means: Tensor
    covariances: Tensor
    determinants: Tensor
    opacities: Tensor
    colors: Tensor

    def select(self, which: Tensor) -> _Sorted:
        return _Sorted(self.means[which], self.covariances[which], self.determinants[which], self.opacities[which], self.colors[which])


Area = tuple[int, int, int, int]
"""Top, bottom, left, right of a block of pixels; ends exclusive."""


def rasterize_reference(
    tensors: dict[str, Tensor],
    cameras: Cameras,
    size: tuple[int, int],
    background: Tensor,
    low_pass: float,
    block: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Color (C, 3, H, W) and alpha (C, 1, H, W) of Gaussians with a leading set dimension (see `types.with_sets`).

    Args:
        block: side of the pixel blocks; None takes the whole image where `DENSE_LIMIT` allows, else 16.
    """
    result = _draw(tensors, cameras, size, low_pass, block, lambda seen, area: _blend(seen, area, background))
    return result[:, :3], result[:, 3:]


def boundary_band(tensors: dict[str, Tensor], cameras: Cameras, size: tuple[int, int], low_pass: float) -> Tensor:
    """The pixels, (C, 1, H, W) bool, at which rounding decides whether a Gaussian is drawn.

    There some Gaussian's alpha is within `CUT_BAND` of the cut, or the transmittance within `STOP_BAND` of the stop: a
    backend in float32 may add or leave out that Gaussian, so images and gradients are not compared there.
    """
    with torch.no_grad():
        return _draw(tensors, cameras, size, low_pass, None, _doubtful)


def _draw(
    tensors: dict[str, Tensor],
    cameras: Cameras,
    size: tuple[int, int],
    low_pass: float,
    block: int | None,
    draw_block: Callable[[_Sorted, Area], Tensor],
) -> Tensor:
    """What `draw_block` makes of every block of every camera's image, put together: (C, channels, H, W)."""
    height, width = size
    if block is None:
        block = max(size) if tensors["opacities"].shape[-1] * height * width <= DENSE_LIMIT else 16
    images = []
    for camera in range(cameras.count):
        seen = _see({name: tensor[camera * tensor.shape[0] // cameras.count] for name, tensor in tensors.items()}, cameras, camera, size, low_pass)
        with torch.no_grad():
            faintest = torch.log(seen.opacities / ALPHA_CUT).clamp(min=0)[:, None]
            reach = torch.sqrt(2 * faintest * seen.covariances[:, [0, 2]]) + 1
            low, high = seen.means - reach, seen.means + reach
        rows = []
        for top in range(0, height, block):
            bottom, tiles = min(top + block, height), []
            for left in range(0, width, block):
                right = min(left + block, width)
                touches = (high[:, 0] >= left) & (low[:, 0] <= right) & (high[:, 1] >= top) & (low[:, 1] <= bottom)
                tiles.append(draw_block(seen.select(torch.nonzero(touches).squeeze(-1)), (top, bottom, left, right)))
            rows.append(torch.cat(tiles, -1))
        images.append(torch.cat(rows, -2))
    return torch.stack(images)


def _see(own: dict[str, Tensor], cameras: Cameras, camera: int, size: tuple[int, int], low_pass: float) -> _Sorted:
    """Project one camera's Gaussians and sort the visible ones by depth; ties keep their order."""
    pose, intrinsics = cameras.viewmats[camera].to(own["means"]), cameras.Ks[camera].to(own["means"])
    seen = project(own["means"], own["quats"], own["scales"], own["opacities"], pose, intrinsics, size, cameras.near, low_pass)
    order = torch.argsort(torch.where(seen.visible, seen.depths, torch.inf), stable=True)[: int(seen.visible.sum())]
    return _Sorted(seen.means, seen.covariances, seen.determinants, own["opacities"], own["colors"]).select(order)


def _alphas(seen: _Sorted, area: Area) -> Tensor:
    """Alpha of every Gaussian at every pixel of the block, (N, h, w), before the clamp and the cut."""
    top, bottom, left, right = area
    like = seen.means
    y = torch.arange(top, bottom, dtype=like.dtype, device=like.device)[:, None] + 0.5
    x = torch.arange(left, right, dtype=like.dtype, device=like.device)[None, :] + 0.5
    dx, dy = x - seen.means[:, 0, None, None], y - seen.means[:, 1, None, None]
    _, xy, yy = (seen.covariances[:, i, None, None] for i in range(3))
    # d^T covariance^-1 d with the square completed along x: stays accurate for needle-thin Gaussians.
    across = dx - xy / yy * dy
    power = 0.5 * (yy / seen.determinants[:, None, None] * across * across + dy * dy / yy)
    return seen.opacities[:, None, None] * torch.exp(-power)


def _kept(alpha: Tensor) -> Tensor:
    return torch.where(alpha >= ALPHA_CUT, alpha.clamp(max=ALPHA_MAX), 0.0)


def _blend(seen: _Sorted, area: Area, background: Tensor) -> Tensor:
    """Color and alpha of a block, (4, h, w)."""
    alpha = _kept(_alphas(seen, area))
    is_open = torch.cumprod(1 - alpha.detach(), 0) > TRANSMITTANCE_STOP
    alpha = torch.where(is_open, alpha, 0.0)
    after = torch.cat([alpha.new_ones(1, *alpha.shape[1:]), torch.cumprod(1 - alpha, 0)])
    color = torch.einsum("nhw,nc->chw", alpha * after[:-1], seen.colors) + background[:, None, None] * after[-1]
    return torch.cat([color, 1 - after[-1:]])


def _doubtful(seen: _Sorted, area: Area) -> Tensor:
    """Pixels of a block in the boundary band, (1, h, w)."""
    alpha = _alphas(seen, area)
    near_cut = ((alpha / ALPHA_CUT - 1).abs() < CUT_BAND).any(0, keepdim=True)
    near_stop = ((torch.cumprod(1 - _kept(alpha), 0) / TRANSMITTANCE_STOP - 1).abs() < STOP_BAND).any(0, keepdim=True)
    return near_cut | near_stop
