"""Multiview-aligned distance (MAOD): whether the engine's own search finds one clear minimum, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from align4d.alignment.multiview_distance import MultiviewDistanceCurve, MultiviewDistanceSettings, choose_minimum, multiview_aligned_distance
from align4d.alignment.novel_views import NovelViews
from align4d.alignment.video_conditions import FramedVideo
from align4d.priors.prior import MultiviewPrior

from .judge import batch_size
from .subjects import Subjects, digest

Told = Literal["same", "own"]

TOLD: tuple[Told, ...] = ("same", "own")
"""What the prior is told of a candidate's distance: that it is the condition's, or its own."""

EVERY_TIMESTEP = tuple(range(100, 1000, 100))
"""Of the figure that shows which timesteps are stable."""


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        name: of the object.
        video: d_V, the condition's distance.
        minima: all clear local minima.
        picked: d_M; d_V where there was none.
        found: whether d_M is a local minimum.
        lowest: where the curve is lowest of all, which the paper calls an artifact.
    """

    name: str
    video: float
    minima: list[float]
    picked: float
    found: bool
    lowest: float


def distances(prior: MultiviewPrior, subjects: Subjects) -> dict[Told, list[Found]]:
    """The search on every object, told the one and told the other."""
    return {told: [_found(subjects, index, search(prior, subjects, index, told)) for index in range(subjects.count)] for told in TOLD}


def search(prior: MultiviewPrior, subjects: Subjects, index: int, told: Told, timesteps: tuple[int, ...] | None = None) -> MultiviewDistanceCurve:
    """The engine's search on one object; `timesteps` in the place of the engine's high-noise ones."""
    camera = subjects.camera[index]
    settings = replace(MultiviewDistanceSettings(), told=told, batch=batch_size(prior.device))
    if timesteps is not None:
        settings = replace(settings, timesteps=timesteps)

    def render(views: NovelViews) -> Tensor:
        cameras = np.stack([value.cpu().numpy() for value in (views.elevation, views.azimuth, views.distance)], -1)
        return subjects.pictures(cameras[None], slice(index, index + 1))[0]

    condition = digest(prior, subjects.first[index : index + 1], camera[None])
    azimuth = torch.from_numpy(camera[1:2].astype(np.float32)).to(prior.device)
    return multiview_aligned_distance(render, prior, FramedVideo(condition, azimuth, torch.zeros(1, 3, device=prior.device)), settings)


def _found(subjects: Subjects, index: int, curve: MultiviewDistanceCurve) -> Found:
    lowest = float(curve.distance[curve.error.argmin()])
    return Found(subjects.names[index], float(subjects.camera[index, 2]), curve.minima.tolist(), curve.best, curve.found, lowest)


def summary(found: dict[Told, list[Found]]) -> dict[str, Any]:
    """Shares and errors by what the prior was told, and every single search."""
    return {told: _summary(searches) for told, searches in found.items()}


def _summary(searches: list[Found]) -> dict[str, Any]:
    differences = [abs(one.picked - one.video) for one in searches if one.found]
    return {
        "one_clear_minimum": float(np.mean([len(one.minima) == 1 for one in searches])),
        "minimum_found": float(np.mean([one.found for one in searches])),
        "mean_difference_to_video": float(np.mean(differences)) if differences else None,
        "lowest_beyond_video": float(np.mean([one.lowest > one.video + 0.3 for one in searches])),
        "searches": [asdict(one) for one in searches],
    }


def curves(prior: MultiviewPrior, subjects: Subjects, count: int) -> list[tuple[str, float, MultiviewDistanceCurve]]:
    """Name, d_V and the curve at every timestep, low ones too, of the first `count` objects, told "same"."""
    chosen: Sequence[int] = range(min(count, subjects.count))
    result = []
    for index in chosen:
        full = search(prior, subjects, index, "same", EVERY_TIMESTEP)
        settings = MultiviewDistanceSettings()
        high = np.isin(EVERY_TIMESTEP, settings.timesteps)
        video = float(subjects.camera[index, 2])
        picked = choose_minimum(full.distance, full.per_timestep[high], video, settings)
        result.append((subjects.names[index], video, replace(full, best=picked.best, found=picked.found, minima=picked.minima)))
    return result
