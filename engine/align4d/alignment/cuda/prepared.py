"""What the kernels read of a clip, and costs that few assets have."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..frame_view import FrameView
from ..pose_cost import PoseCost


def felt(price: Callable[[Tensor], Tensor], at: Tensor) -> tuple[Tensor, Tensor]:
    """A cost (B,) of tensors, and its gradient."""
    with torch.enable_grad():
        place = at.detach().requires_grad_()
        paid = price(place)
        return paid.detach(), torch.autograd.grad(paid.sum(), place)[0]


def table_of(view: FrameView, cost: PoseCost) -> Tensor:
    """(F, 8) of the frames, see `pictures`."""
    alpha, blurred = view.all[1], view.all[-1]
    areas = [1 / one.sum(dim=(1, 2, 3)).clamp_min(1) for one in (alpha, blurred)]
    price = cost.settings.depth_drift * cost.open_depth
    rows = [view.usable, *areas, price.expand(len(alpha)), *cost.depth_axes.unbind(-1), torch.zeros_like(areas[0])]
    return torch.stack([row.to(alpha) for row in rows], 1).contiguous()


def packed(view: FrameView) -> Tensor:
    """(F, 16) of the cameras, see `rendering.cuda.geometry`."""
    poses, lens = view.every.viewmats, view.every.Ks[:1].expand(len(view.every.viewmats), 3, 3)
    intrinsics = torch.stack([lens[:, 0, 0], lens[:, 1, 1], lens[:, 0, 2], lens[:, 1, 2]], 1)
    return torch.cat([poses[:, :3, :3].reshape(-1, 9), poses[:, :3, 3], intrinsics], 1).to(view.color).contiguous()
