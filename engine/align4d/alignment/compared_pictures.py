"""The robust known-view loss of pictures with its gradient in one numba kernel, for the processor; `KnownViewLoss` has it as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..kernels import njit
from ..rendering.cpu.threads import run

PER_GAUSSIAN = 40
"""Pixels that are about as much work as a Gaussian, by which `threads.run` counts."""


def compare(color: Tensor, alpha: Tensor, target: Tensor, target_alpha: Tensor, weights: tuple[float, float, float, float]) -> Tensor:
    """(F,) the loss of each frame, differentiable once in what was rendered.

    Args:
        color, alpha: (F, 3, H, W) and (F, 1, H, W), rendered, float32 on the processor.
        target, target_alpha: the video's.
        weights: color, mask, robust and camouflage of `KnownViewSettings`; robust above 0.
    """
    loss: Tensor = _Compare.apply(weights, target, target_alpha, color, alpha)
    return loss


def compared(pictures: Sequence[np.ndarray], weights: tuple[float, float, float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The same of arrays: the loss times the area of each frame (F,) and that area, and the gradients of the first by color and alpha.

    Args:
        pictures: color, alpha, target and target_alpha.
    """
    color, alpha, *_ = pictures
    frames, _, height, _ = color.shape
    sums, areas = np.empty((frames, height)), np.empty((frames, height))
    g_color, g_alpha = np.empty_like(color), np.empty_like(alpha)
    run(_compare_rows, alpha.size // PER_GAUSSIAN, *pictures, *map(np.float32, weights), sums, areas, g_color, g_alpha)
    return sums.sum(1), np.maximum(areas.sum(1), 1.0), g_color, g_alpha


class _Compare(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: tuple[float, float, float, float], target: Tensor, target_alpha: Tensor, color: Tensor, alpha: Tensor) -> Tensor:
        arrays = [one.detach().contiguous().numpy() for one in (color, alpha, target, target_alpha)]
        losses, area, *ctx.gradients = compared(arrays, weights)
        ctx.area = torch.from_numpy(area.astype(np.float32))
        return torch.from_numpy((losses / area).astype(np.float32))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        by_frame = (gradients[0] / ctx.area)[:, None, None, None]
        g_color, g_alpha = (torch.from_numpy(one) * by_frame for one in ctx.gradients)
        return None, None, None, g_color, g_alpha


@njit(nogil=True, cache=True, fastmath={"nnan", "ninf", "nsz", "arcp", "contract", "reassoc"}, error_model="numpy")
def _compare_rows(part, parts, color, alpha, target, target_alpha, by_color, by_mask, robust, camouflage, sums, areas, g_color, g_alpha):  # type: ignore[no-untyped-def]
    """Fills sums and areas (F, H) of every row, and the gradients of the sums; part p of n takes every n-th row from the p-th on."""
    frames, _, height, width = color.shape
    zero, one, least = np.float32(0.0), np.float32(1.0), robust * robust
    for index in range(part, frames * height, parts):
        f, y = index // height, index % height
        covered, wanted, g_covered = alpha[f, 0, y], target_alpha[f, 0, y], g_alpha[f, 0, y]
        loss = 0.0
        g_covered[:] = zero
        for channel in range(3):
            shown, right, gradient = color[f, channel, y], target[f, channel, y], g_color[f, channel, y]
            row = zero
            for x in range(width):
                wrong = shown[x] - right[x]
                root = np.sqrt(wrong * wrong + least)
                row += root - robust
                gradient[x] = by_color * wrong / root
                g_covered[x] = max(g_covered[x], abs(wrong))  # for now the largest error of the channels
            loss += by_color * float(row)
        row, whole = zero, zero
        for x in range(width):
            visible = min(g_covered[x] / camouflage, one) if camouflage > zero else one
            missed = (covered[x] - wanted[x]) * visible
            row += missed * missed
            whole += wanted[x]
            g_covered[x] = np.float32(2.0) * by_mask * missed * visible
        sums[f, y], areas[f, y] = loss + by_mask * float(row), float(whole)
