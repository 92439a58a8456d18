"""How much matter the Gaussians put into each cell of a grid: what no view has seen as solid, because it is thin, is there all the same."""

from __future__ import annotations

import torch
from torch import Tensor

from ..motion.rotations import matrix_from_quaternion
from ..rendering import Gaussians

WIDENED = 0.5
"""Standard deviation [cells] that is added to every Gaussian, so that none falls between the cells."""

AROUND = 4
"""Cells on each side of a Gaussian's own that it reaches."""

AT_ONCE = 20_000
"""Gaussians that are spread together."""


@torch.no_grad()
def occupancy(gaussians: Gaussians, cells: int, half: float) -> Tensor:
    """(cells, cells, cells) in [0, 1], 1 - prod(1 - opacity * density): how opaque the middle of each cell is.

    Args:
        gaussians: without a leading dimension.
        cells: of the grid along a side.
        half: half side of the grid's cube around the origin.
    """
    cell = 2 * half / cells
    steps = torch.arange(-AROUND, AROUND + 1)
    offsets = torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    passed = torch.zeros(cells**3)
    means, quats, scales, opacities = (one.cpu().float() for one in (gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities))
    for start in range(0, len(means), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        place = (means[some] + half) / cell - 0.5
        near = place.round().long()[:, None] + offsets
        away = near - place[:, None]
        turn = matrix_from_quaternion(quats[some] / quats[some].norm(dim=-1, keepdim=True).clamp_min(1e-12))
        width = (scales[some] / cell) ** 2 + WIDENED**2
        density = torch.exp(-0.5 * ((away @ turn) ** 2 / width[:, None]).sum(-1))
        matter = torch.log1p(-(opacities[some, None] * density).clamp(max=0.999))
        inside = ((near >= 0) & (near < cells)).all(-1)
        index = (near[..., 0] * cells + near[..., 1]) * cells + near[..., 2]
        passed.index_add_(0, index[inside], matter[inside])
    return 1 - passed.exp().reshape(cells, cells, cells)
