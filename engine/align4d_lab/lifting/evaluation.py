"""How well the lifter tells depth on creatures' own animations."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from align4d.lifting.network import Lifter

from .animations import Animations
from .scenes import Scenes, SceneSettings, plain_scenes
from .tracker_errors import ErrorSettings

LEAST_DEPTH = 0.004
"""Clips whose points move less than this in depth, in the mean, say nothing of it [longest sides]."""

CONDITIONS = {"exact": (False, False), "tracked": (True, False), "tracked, with its depth": (True, True)}
"""What the lifter is given: whether tracks have a tracker's errors, and whether its depth is told."""


@torch.no_grad()
def judge(
    network: Lifter, animations: Animations, settings: SceneSettings, clips: int, frames: int = 24, points: int = 128, batch: int = 64
) -> dict[str, dict[str, float]]:
    """Figures by condition: error over that of a still mesh (median over clips, mean), and correlation of depth (median).

    Draws the same clips for every network.
    """
    device = network.entry.weight.device
    figures = {}
    for condition, (tracked, told) in CONDITIONS.items():
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(1)
            errors = settings.errors if tracked else None
            rows = [_rows(network, _drawn(animations, batch, frames, points, settings, errors, told)) for _ in range(-(-clips // batch))]
        ratio, correlation = (torch.cat(one) for one in zip(*rows, strict=True))
        figures[condition] = {
            "error": round(float(ratio.median()), 4),
            "mean_error": round(float(ratio.clamp_max(3).mean()), 4),
            "correlation": round(float(correlation.median()), 4),
        }
    return figures


def _drawn(animations: Animations, batch: int, frames: int, points: int, settings: SceneSettings, errors: ErrorSettings | None, told: bool) -> Scenes:
    scenes = plain_scenes(animations, batch, frames, points, settings, errors)
    given = torch.full_like(scenes.tracks.given, float(told))
    return Scenes(replace(scenes.tracks, given=given), scenes.depth, scenes.creature)


def _rows(network: Lifter, scenes: Scenes) -> tuple[Tensor, Tensor]:
    """Of each clip with motion in depth: error over the still mesh's, and correlation."""
    with torch.autocast(scenes.depth.device.type, torch.bfloat16, enabled=scenes.depth.is_cuda):
        found = network(scenes.tracks).mean
    true = scenes.depth
    ratio = (found - true).abs().mean((1, 2)) / true.abs().mean((1, 2)).clamp_min(1e-6)
    centered = [one - one.mean((1, 2), keepdim=True) for one in (found, true)]
    norm = [one.square().mean((1, 2)).sqrt() for one in centered]
    correlation = (centered[0] * centered[1]).mean((1, 2)) / (norm[0] * norm[1]).clamp_min(1e-9)
    moving = true.abs().mean((1, 2)) > LEAST_DEPTH
    return ratio[moving], correlation[moving]
