"""Object distance alignment, the prior's side (MAOD): from how far the prior wants to see the asset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..job.reporting import Reporter
from ..priors.prior import Condition, MultiviewPrior, RelativeCamera
from .distance import lowest, sweep_around
from .novel_views import NovelViews, fit_to_prior
from .video_conditions import FramedVideo

AZIMUTHS = (0.0, 90.0, 180.0, 270.0)
"""Relative to the video's, for a prior that is told distances [degrees]; the paper's."""

AZIMUTHS_WITHOUT = (90.0, 180.0, 270.0)
"""The same for a prior that is not: eq. 11 leaves out the view whose picture it is given."""

BEYOND = 0.05
"""How far right of d_V, in parts of it, a minimum still counts as standing at it: told "same", those of the embedded prior do, give or take this."""


@dataclass(frozen=True)
class MultiviewDistanceSettings:
    """The sweep of eqs. 5 and 11. By apparent size around d_V, so that it suits a prior of any field of view.

    Attributes:
        nearest, farthest: range of the sweep, in parts of d_V [R].
        step: from one candidate to the next, in parts of the distance [R].
        timesteps: over which the error is averaged: high noise, where the curve is stable [R].
        told: what the prior is told of the distance: "same" that it is the condition's, "own" the candidate's own, "raw" the
            candidate itself in the place of a difference, as `maod_mode` "radius" tells it [R].
        prominence: how deep a minimum must be, in parts of what the curve spans left of d_V [R].
        choice: what d_M is: "local", the local minimum left of d_V and nearest to it [P]; for comparison "global", the lowest point
            of the whole curve, or "fixed".
        fixed: d_M in parts of d_V where it is fixed: 1 is d_V itself, and 0 the number that the baseline tells.
        batch: pictures that the prior judges together.
    """

    nearest: float = 0.5
    farthest: float = 2.0
    step: float = 0.025
    timesteps: tuple[int, ...] = (600, 700, 800, 900)
    told: Literal["same", "own", "raw"] = "same"
    prominence: float = 0.02
    choice: Literal["local", "global", "fixed"] = "local"
    fixed: float = 1.0
    batch: int = 16

    def __post_init__(self) -> None:
        if self.told not in ("same", "own", "raw"):
            raise ValueError(f"told is {self.told!r}, none of same, own and raw")
        if self.choice not in ("local", "global", "fixed"):
            raise ValueError(f"choice is {self.choice!r}, none of local, global and fixed")
        if self.fixed < 0:
            raise ValueError(f"fixed is {self.fixed}, less than 0")


@dataclass(frozen=True)
class MultiviewDistanceCurve:
    """The whole sweep and the minimum that was chosen.

    Attributes:
        distance: (M,) candidates.
        timesteps: (K,).
        per_timestep: (K, M) mean squared error of the predicted noise.
        minima: (J,) all local minima that are prominent enough, refined below the step.
        best: d_M; d_V where a local minimum was wanted and none was found.
        found: whether there is a local minimum to the left of d_V.
    """

    distance: np.ndarray
    timesteps: np.ndarray
    per_timestep: np.ndarray
    minima: np.ndarray
    best: float
    found: bool

    @property
    def error(self) -> np.ndarray:
        """(M,) L(d), the mean over the timesteps."""
        return self.per_timestep.mean(0)

    def lists(self) -> dict[str, list[float]]:
        """The curves for the result: "distance", "error", and "error_at_T" for each timestep."""
        single = {f"error_at_{t}": curve.tolist() for t, curve in zip(self.timesteps, self.per_timestep, strict=True)}
        return {"distance": self.distance.tolist(), "error": self.error.tolist(), **single}

    def to_arrays(self) -> dict[str, np.ndarray]:
        """For the checkpoint."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    @staticmethod
    def from_arrays(arrays: dict[str, np.ndarray]) -> MultiviewDistanceCurve:
        """From `to_arrays`."""
        scalars = {"best": float(arrays["best"]), "found": bool(arrays["found"])}
        return MultiviewDistanceCurve(**{**arrays, **scalars})  # type: ignore[arg-type]


ViewRenderer = Callable[[NovelViews], Tensor]
"""The asset in its rest pose, seen by B cameras with the prior's field of view: (B, 3, R, R) on the prior's background."""


@torch.no_grad()
def multiview_aligned_distance(
    render: ViewRenderer,
    prior: MultiviewPrior,
    video: FramedVideo,
    settings: MultiviewDistanceSettings | None = None,
    seed: int = 0,
    report: Reporter | None = None,
) -> MultiviewDistanceCurve:
    """d_M: the local minimum left of d_V, nearest to it, of L(d) = mean over t and views of ||eps(z_t(R(G; view, d)); t, I_1) - eps||^2.

    Eq. 5; eq. 11 for a prior that takes no distance. One noise is drawn and shared by all distances, views and timesteps,
    so that the curve tells the distance and not the dice. The global minimum, far away where there is nothing but
    background, is an artifact, and only taken where `MultiviewDistanceSettings.choice` asks for it.

    Args:
        render: the asset.
        prior: the judge.
        video: of which the first frame, I_1, is the condition; its distance is d_V, and views look where its middle is.
        settings: the sweep.
        seed: of the noise.
        report: hears of every batch, and may break off.
    """
    settings = settings or MultiviewDistanceSettings()
    condition = video.condition
    distance = sweep_around(float(condition.distance[0]), settings.nearest, settings.farthest, settings.step)
    azimuths, judged = _azimuths(prior)
    facts, device = prior.facts, prior.device
    noise = torch.randn(1, facts.channels, facts.latent_size, facts.latent_size, generator=torch.Generator().manual_seed(seed)).to(device)
    turns = torch.tensor(azimuths, device=device, dtype=torch.float32)
    measured = {"same": None, "own": float(condition.distance[0]), "raw": 0.0}[settings.told] if facts.takes_distance else None
    rows, at_once = [], max(1, settings.batch // len(azimuths))
    for start in range(0, len(distance), at_once):
        if report:
            report.check_cancelled()
            report.progress(start, len(distance))
        some = torch.from_numpy(distance[start : start + at_once]).to(turns)
        far, turn = some.repeat_interleave(len(turns)), turns.repeat(len(some))
        views = NovelViews(video.azimuth[:1] + turn, condition.elevation[:1].expand(len(far)), far, video.middle[0])
        latent = prior.encode(fit_to_prior(render(views), facts.size))
        told = torch.zeros_like(far) if measured is None else far - measured
        camera = RelativeCamera(torch.zeros_like(far), turn, told)
        given = condition.take(torch.zeros(len(far), dtype=torch.long, device=device))
        errors = [_noise_error(prior, latent, noise, t, given, camera) for t in settings.timesteps]
        rows.append(torch.stack(errors).reshape(len(errors), len(some), -1)[..., judged].mean(-1))
    if report:
        report.progress(len(distance), len(distance))
    per_timestep = torch.cat(rows, 1).double().cpu().numpy()
    return choose_minimum(distance, per_timestep, float(condition.distance[0]), settings)


def _azimuths(prior: MultiviewPrior) -> tuple[list[float], list[int]]:
    """The views that are rendered, and the indices of those that count: a prior may want to see more of them together."""
    wanted = list(AZIMUTHS if prior.facts.takes_distance else AZIMUTHS_WITHOUT)
    if prior.facts.views == 1:
        return wanted, list(range(len(wanted)))
    together = [index * 360 / prior.facts.views for index in range(prior.facts.views)]
    return together, [index for index, one in enumerate(together) if any(abs(one - w % 360) < 1e-6 for w in wanted)]


def _noise_error(prior: MultiviewPrior, latent: Tensor, noise: Tensor, timestep: int, given: Condition, camera: RelativeCamera) -> Tensor:
    """(B,) mean squared error of the noise that the prior sees in `latent` (B, ...)."""
    when = torch.full((len(latent),), timestep, device=latent.device)
    shared = noise.expand_as(latent)
    found = prior.predict_noise(prior.schedule.add_noise(latent, shared, when), when, given, camera)
    return ((found - shared) ** 2).flatten(1).mean(1)


def choose_minimum(distance: np.ndarray, per_timestep: np.ndarray, video: float, settings: MultiviewDistanceSettings) -> MultiviewDistanceCurve:
    """d_M on a curve: see `multiview_aligned_distance`.

    Args:
        distance: (M,); per_timestep: (K, M).
        video: d_V.
    """
    from scipy.signal import find_peaks  # a second of loading, which no other job waits for

    error = per_timestep.mean(0)
    limit = video * (1 + BEYOND)
    left = error[distance <= limit]
    span = float(np.ptp(left)) if len(left) else 0.0
    peaks, _ = find_peaks(-error, prominence=max(settings.prominence * span, np.finfo(float).tiny))
    minima = np.array([lowest(distance, error, int(one)) for one in peaks])
    near = minima[minima <= limit] if len(minima) else minima
    if settings.choice == "fixed":
        best = settings.fixed * video
    elif settings.choice == "global":
        best = lowest(distance, error, int(error.argmin()))
    else:
        best = float(near.max()) if len(near) else video
    return MultiviewDistanceCurve(distance, np.array(settings.timesteps), per_timestep, minima, best, bool(len(near)))
