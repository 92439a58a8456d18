"""Whether a prior sees in one frame of a video how the object is posed, when it is shown from another side."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from align4d.priors.prior import MultiviewPrior
from align4d.priors.schedule import scaled_linear

from . import cameras
from .judge import draw, noise_errors
from .subjects import AssetSubjects, Case, as_tensor, digest, relative

TIMESTEP = 600
"""Of Stable Diffusion's schedule, in which the experiment counted; see `as_noisy`."""

NOISES = 16


def motion(prior: MultiviewPrior, assets: AssetSubjects) -> dict[str, Any]:
    """Per case and azimuth, and the means: see `case_motion`; "framed" has the same of the framed pictures."""
    return {**_over_cases(prior, assets, False), "framed": _over_cases(prior, assets, True)}


def _over_cases(prior: MultiviewPrior, assets: AssetSubjects, framed: bool) -> dict[str, Any]:
    cases = {case.name: case_motion(prior, case, framed) for case in assets.cases}
    every = [figures for case in cases.values() for figures in case.values()]
    return {"mean": {name: float(np.mean([figures[name] for figures in every])) for name in every[0]}, "cases": cases}


def as_noisy(prior: MultiviewPrior) -> int:
    """The prior's own timestep that leaves as much of a picture as TIMESTEP does in Stable Diffusion's schedule."""
    return int((prior.schedule.abar - scaled_linear().abar[TIMESTEP]).abs().argmin())


def case_motion(prior: MultiviewPrior, case: Case, framed: bool = False) -> dict[str, dict[str, float]]:
    """For each azimuth: `correlation`, `first` and `first_normalized`, see `compared`, and `ceiling`, see there.

    Args:
        framed: not as the video's camera sees the clip, but as training shows objects, see `Case`.
    """
    frames = len(case.frames)
    questions = torch.arange(frames**2, device=prior.device)
    shown = questions % frames
    if framed:
        seen, sides, stands = case.framed.reshape(-1, *case.framed.shape[2:]), case.framed_moved, np.tile(case.framed_camera, (frames, 1))
    else:
        seen, sides, stands = case.frames, case.moved, np.tile(case.camera, (frames**2, 1))
    each = len(questions) // len(seen)
    condition = digest(prior, as_tensor(seen, prior.device), stands[::each])
    figures = {}
    for index, azimuth in enumerate(cameras.MOTION_AZIMUTHS):
        pictures = as_tensor(sides[:, index], prior.device)
        camera = relative(stands, cameras.around(stands, (azimuth,))[:, 0], prior.device)
        timestep = torch.full((len(shown),), as_noisy(prior), device=prior.device)
        noises = [draw(prior, 1, seed).expand(len(shown), -1, -1, -1) for seed in range(NOISES)]
        errors = [noise_errors(prior, pictures[shown], noise, timestep, condition, questions // each, camera) for noise in noises]
        compare = compared(torch.stack(errors).mean(0).view(frames, frames).cpu().numpy(), case.mesh_distance)
        figures[f"{azimuth:.0f}"] = {**compare, "ceiling": ceiling(pictures, case.mesh_distance)}
    return figures


def ceiling(pictures: Tensor, mesh_distance: np.ndarray) -> float:
    """The correlation that a prior would reach which drew the frames (F, 3, S, S) as they are, but for an error that does not depend on the frame."""
    differences = (pictures[:, None] - pictures[None]).square().mean((2, 3, 4)).cpu().numpy()
    return compared(differences + differences.mean(), mesh_distance)["correlation"]


def compared(error: np.ndarray, mesh_distance: np.ndarray) -> dict[str, float]:
    """What errors (F, F), row = frame of the condition, column = frame of the mesh that is judged, say of the true distances (F, F).

    `correlation`: mean over the conditions, after each column has been divided by its mean (some poses are harder to judge whatever
    the condition); `first`: share of the conditions whose own frame has the least error, `first_normalized` after that division.
    """
    normalized = error / error.mean(axis=0, keepdims=True)
    own = np.arange(len(error))
    return {
        "correlation": float(np.mean([np.corrcoef(row, true)[0, 1] for row, true in zip(normalized, mesh_distance, strict=True)])),
        "first": float((error.argmin(axis=1) == own).mean()),
        "first_normalized": float((normalized.argmin(axis=1) == own).mean()),
    }
