"""How well a prior knows the other sides of an object, and whether it listens to the camera that it is told."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
from torch import Tensor

from align4d.priors.prior import Condition, MultiviewPrior

from . import cameras as prior_cameras
from .judge import clean_means, draw, noise_errors, psnr
from .subjects import AssetSubjects, ProceduralSubjects, Subjects, digest, relative

TURNS = (30, 90, 180)
"""Differences of azimuth that are reported [degrees]."""

SEEDS = 2
"""Noises, over which the figures are averaged."""

BINS = (0, 45, 90, 135, 180)
"""Of the angle between two random cameras' azimuths [degrees]."""

BUCKET = 100
"""Timesteps of a bucket in which right and shuffled cameras are compared."""


def asset_views(prior: MultiviewPrior, assets: AssetSubjects) -> dict[str, Any]:
    """PSNR of the x0 mean at each of TURNS, every view of both rings as the condition once; beside it that of copying the condition."""
    figures: dict[str, Any] = {}
    for index, case in enumerate(assets.cases):
        rings = prior_cameras.rings(float(case.camera[0]))
        scores = [_ring(prior, assets.pictures(ring[None], slice(index, index + 1))[0], ring) for ring in rings]
        mean = {name: {turn: float(np.mean([score[name][turn] for score in scores])) for turn in TURNS} for name in ("x0", "copy")}
        figures[case.name] = {**mean, "by_condition_azimuth": scores[0]["by_condition"]}
    mean = {name: {turn: float(np.mean([case[name][turn] for case in figures.values()])) for turn in TURNS} for name in ("x0", "copy")}
    return {"mean": mean, "cases": figures}


def _ring(prior: MultiviewPrior, pictures: Tensor, ring: np.ndarray) -> dict[str, Any]:
    """One ring of views: means by turn, and those by the azimuth of the condition."""
    around = len(ring)
    turns = [sign * turn for turn in TURNS for sign in ((1, -1) if turn < 180 else (1,))]
    given = np.repeat(np.arange(around), len(turns))
    wanted = (given + np.tile(turns, around) // prior_cameras.RING_STEP) % around
    turn = np.tile(np.abs(turns), around)
    condition = digest(prior, pictures, ring)
    score = scored(prior, pictures[given], condition, given, (ring[given], ring[wanted]), pictures[wanted])
    by_condition = {
        int(ring[index, 1]): {side: float(score["x0"][(given == index) & (turn == side)].mean()) for side in TURNS} for index in range(around)
    }
    return {**{name: {side: float(score[name][turn == side].mean()) for side in TURNS} for name in ("x0", "copy")}, "by_condition": by_condition}


def scored(
    prior: MultiviewPrior, condition_pictures: Tensor, condition: Condition, which: np.ndarray, cameras: tuple[np.ndarray, np.ndarray], truth: Tensor
) -> dict[str, np.ndarray]:
    """(B,) PSNR [dB] of the x0 mean, averaged over noises, and of the condition's own picture, against `truth` (B, 3, S, S).

    Args:
        condition_pictures: (B, 3, S, S).
        condition, which: see `prior_judge.clean_means`.
        cameras: the condition's and the truth's, (B, 3) each.
    """
    camera = relative(*cameras, prior.device)
    index = torch.from_numpy(which).to(prior.device)
    runs = [psnr(clean_means(prior, condition, index, camera, seed), truth) for seed in range(SEEDS)]
    return {"x0": torch.stack(runs).mean(0).cpu().numpy(), "copy": psnr(condition_pictures, truth).cpu().numpy()}


def procedural_views(prior: MultiviewPrior, objects: ProceduralSubjects) -> dict[str, Any]:
    """PSNR of the x0 mean: at each of TURNS from the condition's height and distance, and by bins of the angle for random cameras."""
    which = np.arange(objects.count)
    condition = digest(prior, objects.first, objects.camera)
    turned: dict[str, dict[int, float]] = {"x0": {}, "copy": {}}
    for turn in TURNS:
        signed = turn * np.where(which % 2, -1.0, 1.0)[:, None] * np.array([0.0, 1.0, 0.0])
        cameras = (objects.camera + signed).astype(np.float32)
        truth = objects.pictures(cameras[:, None])[:, 0]
        score = scored(prior, objects.first, condition, which, (objects.camera, cameras), truth)
        for name, values in score.items():
            turned[name][turn] = float(values.mean())
    return {"mean": turned, "random_cameras": _binned(prior, objects), "shuffled_cameras": shuffled_cameras(prior, objects)}


def random_cameras(count: int, seed: int) -> np.ndarray:
    """(count, 3): the cameras of Zero123's training that our objects are rendered from; elevation -30 to 60 degrees, distance U(1.5, 2.2)."""
    low, high = np.array([-30.0, 0.0, 1.5]), np.array([60.0, 360.0, 2.2])
    return (low + (high - low) * np.random.default_rng(seed).random((count, 3))).astype(np.float32)


def _binned(prior: MultiviewPrior, objects: ProceduralSubjects) -> dict[str, dict[str, float]]:
    """PSNR of x0 mean and copy for two random cameras each, four pairs an object, by the angle between their azimuths."""
    names, scores, angles = ("x0", "copy"), [], []
    for repeat in range(4):
        first, second = random_cameras(objects.count, 2 * repeat), random_cameras(objects.count, 2 * repeat + 1)
        pictures = objects.pictures(np.stack([first, second], 1))
        condition = digest(prior, pictures[:, 0], first)
        scores.append(scored(prior, pictures[:, 0], condition, np.arange(objects.count), (first, second), pictures[:, 1]))
        angles.append(np.abs((second - first)[:, 1] % 360))
    angle = np.concatenate(angles)
    place = np.digitize(np.minimum(angle, 360 - angle), BINS[1:-1])
    joined = {name: np.concatenate([score[name] for score in scores]) for name in names}
    labels = [f"{low}-{high}" for low, high in itertools.pairwise(BINS)]
    seen = [(index, label) for index, label in enumerate(labels) if (place == index).any()]
    return {name: {label: float(joined[name][place == index].mean()) for index, label in seen} for name in names}


def shuffled_cameras(prior: MultiviewPrior, objects: Subjects) -> dict[str, dict[str, float]]:
    """Error of the predicted noise by bucket of timesteps: told the right camera, and another object's."""
    first, second = random_cameras(objects.count, 100), random_cameras(objects.count, 101)
    pictures = objects.pictures(np.stack([first, second], 1))
    condition = digest(prior, pictures[:, 0], first)
    which = torch.arange(objects.count, device=prior.device)
    noise = draw(prior, objects.count, 0)
    right, wrong = relative(first, second, prior.device), relative(first, np.roll(second, 1, axis=0), prior.device)
    figures = {}
    for start in range(0, prior.schedule.steps, BUCKET):
        drawn = torch.randint(start, start + BUCKET, (objects.count,), generator=torch.Generator().manual_seed(start)).to(prior.device)
        errors = [noise_errors(prior, pictures[:, 1], noise, drawn, condition, which, camera) for camera in (right, wrong)]
        figures[f"{start}-{start + BUCKET - 1}"] = {name: float(error.mean()) for name, error in zip(("right", "shuffled"), errors, strict=True)}
    return figures
