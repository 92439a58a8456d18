"""Whether the distance that the search picks is a good one: distillation at fixed distances, and how true the object then is.

The experiment: an object, fitted by Gaussians, is bent at random. A lattice that could unbend it is optimized as the method
would (eq. 10): the video's view by its colors, random other views by the prior, which is shown the unbent object's picture.
The other views are rendered at one fixed distance, and the prior is told no difference of distance (maod_mode "render").
The measure is the PSNR of four held-out views. The same without the video's view shows what the prior alone would do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from align4d.alignment.distance import parabola_minimum
from align4d.alignment.guidance import GuidanceSettings, Told, distillation_gradient, distillation_loss
from align4d.priors.prior import Condition, MultiviewPrior, RelativeCamera

from . import cameras as prior_cameras
from .cloud import Clouds, bend, fit_clouds, lattice_weights, views_of
from .distance import Found
from .judge import batch_size, psnr
from .subjects import Subjects, digest

DISTANCES = np.round(np.arange(1.2, 3.01, 0.2), 2)
STEPS, VIEWS, RATE = 60, 2, 4e-3

KNOWN_WEIGHT = 10_000.0
"""Of the video's view, times the part of the run that is over (eq. 6)."""

AT_ONCE = 16
"""Objects that are optimized together."""

WAYS = ("with_video", "prior_alone")

CLOSE, AS_GOOD = 0.15, 0.15
"""How near the best distance the picked one is to be [longest sides], and how much worse it may be [dB]."""


def distillation(prior: MultiviewPrior, subjects: Subjects, found: list[Found]) -> dict[str, Any]:
    """Held-out PSNR of every object: bent, unbent, unbent by the video alone, and by each of WAYS at each of DISTANCES."""
    clouds = fit_clouds(subjects)
    groups = [slice(start, min(start + AT_ONCE, subjects.count)) for start in range(0, subjects.count, AT_ONCE)]
    parts = [_optimize(prior, subjects, clouds.some(group), group) for group in groups]
    scores = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    anchors = ("bent", "video_only", "true_shape")
    return {
        **{name: float(np.mean(scores[name])) for name in anchors},
        **{way: _summary([judged(one, curve) for one, curve in zip(found, scores[way], strict=True)]) for way in WAYS},
        "objects": [{"name": one.name, **{name: float(scores[name][index]) for name in anchors}} for index, one in enumerate(found)],
    }


def judged(found: Found, curve: np.ndarray) -> dict[str, Any]:
    """One object's `curve` (D,) of PSNR [dB]: the best distance, by a parabola, and how much the picked one falls short of the best sample."""
    top = int(curve.argmax())
    lost = float(curve[top] - np.interp(found.picked, DISTANCES, curve))
    return {"video": found.video, "picked": found.picked, "best": parabola_minimum(DISTANCES, -curve, top), "lost": lost, "curve": curve.tolist()}


def _summary(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Shares of objects whose picked distance is near the best one, or nearly as good."""
    mean = np.mean([one["curve"] for one in objects], axis=0)
    return {
        "picked_near": float(np.mean([abs(one["picked"] - one["best"]) <= CLOSE for one in objects])),
        "picked_as_good": float(np.mean([one["lost"] <= AS_GOOD for one in objects])),
        "mean_best": float(np.mean([one["best"] for one in objects])),
        "by_distance": dict(zip(DISTANCES.tolist(), mean.tolist(), strict=True)),
        "objects": objects,
    }


def _optimize(prior: MultiviewPrior, subjects: Subjects, clouds: Clouds, group: slice) -> dict[str, np.ndarray]:
    """PSNR (n,) or, for the WAYS, (n, D) of a group of objects."""
    count, runs = len(clouds.means), len(WAYS) * len(DISTANCES) + 1
    weights = lattice_weights(clouds.means)
    start = bend(weights, group.start)
    held_out = prior_cameras.around(subjects.camera[group], prior_cameras.HELD_OUT_AZIMUTHS)
    truth = subjects.pictures(held_out, group)

    def score(lattice: Tensor, each: int) -> np.ndarray:
        """(n, each) mean PSNR over the held-out views."""
        views = views_of(np.repeat(held_out, each, axis=0).reshape(-1, 3), prior.device)
        repeated = clouds.repeat(each)
        with torch.no_grad():
            shown = repeated.render(repeated.means + weights.repeat_interleave(each, 0) @ lattice, views, subjects.size)
        return psnr(shown, truth.repeat_interleave(each, 0).flatten(0, 1)).view(count, each, -1).mean(-1).cpu().numpy()

    scores = score(_unbend(prior, subjects, clouds.repeat(runs), start.repeat_interleave(runs, 0), group, runs), runs)
    by_way = scores[:, :-1].reshape(count, len(WAYS), len(DISTANCES))
    return {
        "bent": score(start, 1)[:, 0],
        "true_shape": score(torch.zeros_like(start), 1)[:, 0],
        "video_only": scores[:, -1],
        **{way: by_way[:, index] for index, way in enumerate(WAYS)},
    }


def _unbend(prior: MultiviewPrior, subjects: Subjects, clouds: Clouds, start: Tensor, group: slice, runs: int) -> Tensor:
    """The lattices (n runs, points, 3) after optimization; each object's runs lie next to each other: WAYS, DISTANCES, then without the prior."""
    device, size = prior.device, subjects.size
    cameras = np.repeat(subjects.camera[group], runs, axis=0)
    target = subjects.first[group].repeat_interleave(runs, 0)
    condition = digest(prior, subjects.first[group], subjects.camera[group])
    weights, known = lattice_weights(clouds.means), views_of(cameras, device)
    run = torch.arange(len(cameras), device=device) % runs
    guided, shown = run < runs - 1, (run < len(DISTANCES)) | (run == runs - 1)
    lattice = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([lattice], lr=RATE)
    settings = GuidanceSettings(batch=batch_size(device)).of(prior.facts)
    random = np.random.default_rng(group.start)
    noises = torch.Generator().manual_seed(group.start)
    for step in range(STEPS):
        done = step / STEPS
        means = clouds.means + weights @ lattice
        loss = KNOWN_WEIGHT * done * ((clouds.render(means, known, size) - target) ** 2).mean((1, 2, 3))[shown].sum()
        novel = _novel(cameras, runs, random)
        views = views_of(novel.reshape(-1, 3), device)
        latent = prior.encode(clouds.render(means, views, size)).unflatten(0, (-1, VIEWS))[guided].flatten(0, 1)
        told = _told(condition, novel - cameras[:, None], guided, runs, device)
        noise = torch.randn(1, *latent.shape[1:], generator=noises).to(latent).expand_as(latent)
        gradient = distillation_gradient(prior, latent.detach(), noise, settings.timestep(done), told, settings)
        (loss + distillation_loss(latent, gradient).sum() / VIEWS).backward()
        optimizer.step()
        optimizer.zero_grad()
    return lattice.detach()


def _novel(cameras: np.ndarray, runs: int, random: np.random.Generator) -> np.ndarray:
    """(n runs, VIEWS, 3) cameras: the same directions for all runs of an object, at the distance of each run (any, for the last)."""
    objects = len(cameras) // runs
    turns = random.uniform((-30.0, -180.0), (30.0, 180.0), (objects, VIEWS, 2)).repeat(runs, axis=0)
    novel = np.repeat(cameras[:, None], VIEWS, axis=1)
    novel[..., :2] += turns
    novel[..., 2] = np.tile([*np.tile(DISTANCES, len(WAYS)), DISTANCES[0]], objects)[:, None]
    return novel


def _told(condition: Condition, turned: np.ndarray, guided: Tensor, runs: int, device: torch.device) -> Told:
    """What the prior is told of the guided views, one row each: their direction but no difference of distance, and their object's condition."""
    rows = torch.from_numpy(turned.astype(np.float32)).to(device)[guided].flatten(0, 1)
    index = (torch.arange(len(guided), device=device) // runs)[guided].repeat_interleave(VIEWS)
    return Told(condition.take(index), RelativeCamera(rows[:, 0], rows[:, 1], torch.zeros_like(rows[:, 0])))
