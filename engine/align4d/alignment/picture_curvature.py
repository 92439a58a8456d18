"""How the known-view loss curves as what a picture shows moves across it: Gauss and Newton's part of the second derivative."""

from __future__ import annotations

import torch
from torch import Tensor

from .known_views import KnownViewSettings

SHARP = 3.0
"""Differences over two pixels see edges flatter than they are, and what an edge uncovers not at all: by so much it all curves more."""


def picture_curvature(
    pictures: tuple[Tensor, Tensor, Tensor, Tensor], on_white: Tensor, behind: Tensor | None, settings: KnownViewSettings
) -> Tensor:
    """(1, 3, H, W) of each pixel: along x and x, x and y, y and y [1 / px^2].

    Args:
        pictures: color (1, 3, H, W) and alpha (1, 1, H, W), rendered, in front of what lies behind; those of the video.
        on_white: (1, 3, H, W) the object alone: what moves.
        behind: (1, 3, H, W), which does not; None where it is white.
        settings: of the loss, its robust form.
    """
    color, alpha, target, target_alpha = pictures
    wrong = color - target
    each = settings.color / (wrong**2 + settings.robust**2).sqrt()
    covered = alpha.new_full((), 2 * settings.mask)
    if settings.camouflage > 0:
        covered = covered * (wrong.abs().amax(1, keepdim=True) / settings.camouflage).clamp(0, 1) ** 2
    (color_x, color_y), (alpha_x, alpha_y) = _slopes(on_white), _slopes(alpha)
    if behind is not None:
        color_x, color_y = color_x + alpha_x * (1 - behind), color_y + alpha_y * (1 - behind)

    def curved(first: Tensor, second: Tensor, first_alpha: Tensor, second_alpha: Tensor) -> Tensor:
        return (each * first * second).sum(1, keepdim=True) + covered * first_alpha * second_alpha

    pairs = (color_x, color_x, alpha_x, alpha_x), (color_x, color_y, alpha_x, alpha_y), (color_y, color_y, alpha_y, alpha_y)
    return SHARP * torch.cat([curved(*pair) for pair in pairs], 1) / target_alpha.sum().clamp_min(1)


def _slopes(picture: Tensor) -> tuple[Tensor, Tensor]:
    """By how much a picture (1, C, H, W) rises along x and along y; 0 at its border."""
    along_x, along_y = torch.zeros_like(picture), torch.zeros_like(picture)
    along_x[..., 1:-1] = (picture[..., 2:] - picture[..., :-2]) / 2
    along_y[..., 1:-1, :] = (picture[..., 2:, :] - picture[..., :-2, :]) / 2
    return along_x, along_y
