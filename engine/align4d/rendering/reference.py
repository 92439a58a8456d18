"""The oracle: Gaussian rasterisation in plain torch, any device and dtype. Every other backend is tested against it.

Small scenes are blended densely, every Gaussian at every pixel. Larger ones go block by block of pixels, which needs
less memory, and leaves out only Gaussians whose alpha is below the cut in the whole block.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .projection import Projected, project
from .types import ALPHA_CUT, ALPHA_MAX, TRANSMITTANCE_STOP, Cameras

DENSE_LIMIT = 1 << 24
"""Gaussians times pixels up to which a scene is blended densely."""


def rasterize_reference(
    tensors: dict[str, Tensor],
    cameras: Cameras,
    size: tuple[int, int],
    background: Tensor,
    low_pass: float,
    block: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Colour (C, 3, H, W) and alpha (C, 1, H, W) of Gaussians with a leading set dimension (see `types.with_sets`).

    Args:
        block: side of the pixel blocks; None takes the whole image where `DENSE_LIMIT` allows, else 16.
    """
    height, width = size
    count = tensors["opacities"].shape[-1]
    if block is None:
        block = max(height, width) if count * height * width <= DENSE_LIMIT else 16
    images = []
    for camera in range(cameras.count):
        own = {name: tensor[camera * tensor.shape[0] // cameras.count] for name, tensor in tensors.items()}
        pose, intrinsics = cameras.world_to_camera[camera], cameras.intrinsics[camera]
        projected = project(
            own["centres"], own["rotations"], own["scales"], own["opacities"], pose, intrinsics, size, cameras.near, low_pass
        )
        images.append(_blend_image(projected, own["opacities"], own["colors"], size, background, block))
    result = torch.stack(images)
    return result[:, :3], result[:, 3:]


def _blend_image(
    projected: Projected, opacities: Tensor, colors: Tensor, size: tuple[int, int], background: Tensor, block: int
) -> Tensor:
    """One camera's colour and alpha, (4, H, W)."""
    height, width = size
    order = torch.argsort(torch.where(projected.visible, projected.depths, torch.inf), stable=True)
    order = order[: int(projected.visible.sum())]
    means, covariances = projected.means[order], projected.covariances[order]
    determinants, opacities, colors = projected.determinants[order], opacities[order], colors[order]
    with torch.no_grad():
        reach = torch.sqrt(2 * torch.log(opacities / ALPHA_CUT).clamp(min=0)[:, None] * covariances[:, [0, 2]]) + 1
        low, high = means - reach, means + reach
    rows = []
    for top in range(0, height, block):
        bottom = min(top + block, height)
        in_row = (high[:, 1] >= top) & (low[:, 1] <= bottom)
        tiles = []
        for left in range(0, width, block):
            right = min(left + block, width)
            near = torch.nonzero(in_row & (high[:, 0] >= left) & (low[:, 0] <= right)).squeeze(-1)
            area = (top, bottom, left, right)
            tiles.append(_blend_block(means[near], covariances[near], determinants[near], opacities[near], colors[near], background, area))
        rows.append(torch.cat(tiles, -1))
    return torch.cat(rows, -2)


def _blend_block(
    means: Tensor,
    covariances: Tensor,
    determinants: Tensor,
    opacities: Tensor,
    colors: Tensor,
    background: Tensor,
    area: tuple[int, int, int, int],
) -> Tensor:
    """Colour and alpha (4, h, w) of the pixels of `area` (top, bottom, left, right); Gaussians sorted by depth."""
    top, bottom, left, right = area
    like = {"dtype": means.dtype, "device": means.device}
    y = torch.arange(top, bottom, **like)[:, None] + 0.5
    x = torch.arange(left, right, **like)[None, :] + 0.5
    dx, dy = x - means[:, 0, None, None], y - means[:, 1, None, None]
    xx, xy, yy = (covariances[:, i, None, None] for i in range(3))
    # d^T covariance^-1 d with the square completed along x: stays accurate for needle-thin Gaussians.
    across = dx - xy / yy * dy
    power = 0.5 * (yy / determinants[:, None, None] * across * across + dy * dy / yy)
    alpha = (opacities[:, None, None] * torch.exp(-power)).clamp(max=ALPHA_MAX)
    alpha = torch.where(alpha >= ALPHA_CUT, alpha, torch.zeros_like(alpha))
    after = torch.cumprod(1 - alpha, 0)
    open_ = after.detach() > TRANSMITTANCE_STOP
    alpha = torch.where(open_, alpha, torch.zeros_like(alpha))
    after = torch.cumprod(1 - alpha, 0)
    before = torch.cat([torch.ones_like(after[:1]), after[:-1]])
    final = after[-1] if len(after) else torch.ones((bottom - top, right - left), **like)
    color = torch.einsum("nhw,nc->chw", alpha * before, colors) + background[:, None, None] * final
    return torch.cat([color, 1 - final[None]])
