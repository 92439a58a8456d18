"""Object and background told apart with a short outline that follows edges: the continuous form of a graph cut.

Minimizes sum(u * data) + sum(price * |grad u|) over u in [0, 1] (Unger et al. 2008, TVSeg) by the primal-dual method of Chambolle and Pock
(2011). The problem is convex: where it starts from does not matter.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

STEPS = 60
STEP = 0.35
"""Length of a step; below 1 / sqrt(8), the inverse norm of the gradient."""
LEAST = 0.05
"""Part of the price that the strongest edge still costs."""


def outline_price(picture: np.ndarray, price: float) -> np.ndarray:
    """(H, W) float32: what an outline costs at each pixel of a picture (H, W, 3) in [0, 255]; little along its edges."""
    smooth = ndimage.gaussian_filter(picture.astype(np.float32), (0.6, 0.6, 0))
    change = np.zeros(picture.shape[:2], np.float32)
    change[:, :-1] += (np.diff(smooth, axis=1) ** 2).sum(axis=2)
    change[:-1] += (np.diff(smooth, axis=0) ** 2).sum(axis=2)
    return (price * (LEAST + np.exp(-change / max(2 * float(change.mean()), 1e-6)))).astype(np.float32)


def divide(data: np.ndarray, price: np.ndarray, start: np.ndarray) -> np.ndarray:
    """(H, W) float32 in [0, 1], near 1 in the object.

    Args:
        data: (H, W) what a pixel costs as part of the object; negative where it looks like it.
        price: (H, W) of the outline, see `outline_price`.
        start: (H, W) in [0, 1], about the result: it is reached sooner then.
    """
    cost, bound, inside = (torch.from_numpy(np.array(one, np.float32)) for one in (data, price, start))
    ahead, flow = inside.clone(), torch.zeros(2, *cost.shape)
    for _ in range(STEPS):
        flow[0, :-1] += STEP * (ahead[1:] - ahead[:-1])
        flow[1, :, :-1] += STEP * (ahead[:, 1:] - ahead[:, :-1])
        flow /= (flow.square().sum(dim=0).sqrt_() / bound).clamp_(min=1)
        divergence = flow[0] + flow[1]
        divergence[1:] -= flow[0, :-1]
        divergence[:, 1:] -= flow[1, :, :-1]
        moved = (inside + STEP * (divergence - cost)).clamp_(0, 1)
        ahead, inside = 2 * moved - inside, moved
    return inside.numpy()
