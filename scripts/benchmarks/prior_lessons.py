"""Where what a prior teaches points: by timestep and guidance, whether its gradient leads from a wrong pose to the true one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from align4d.alignment.guidance import GuidanceSettings, distillation_gradient
from align4d.priors.prior import MultiviewPrior

from . import prior_cameras
from .prior_judge import batch_size, draw
from .prior_subjects import AssetSubjects, Case, as_tensor, digest, relative

TIMESTEPS = (200, 350, 500, 650, 800, 950)
SCALES = (1.0, 2.0, 5.0)


def lessons(prior: MultiviewPrior, assets: AssetSubjects) -> dict[str, Any]:
    """Cosine of the motion term's gradient (eq. 7) with the way to the truth, "scale" -> "timestep" -> mean; for each case and over all.

    A frame of the clip is the condition; the picture that is corrected shows the true mesh half a clip later, from a side. The
    way to the truth is the difference to the picture of the right mesh.
    """
    cases = {case.name: case_lessons(prior, case) for case in assets.cases}
    mean = {
        scale: {when: float(np.mean([case[scale][when] for case in cases.values()])) for when in map(str, TIMESTEPS)} for scale in map(_name, SCALES)
    }
    return {"mean": mean, "cases": cases}


def case_lessons(prior: MultiviewPrior, case: Case) -> dict[str, dict[str, float]]:
    """See `lessons`."""
    frames = len(case.frames)
    condition = digest(prior, as_tensor(case.frames, prior.device), np.repeat(case.camera[None], frames, axis=0))
    right = np.arange(frames)
    wrong = (right + frames // 2) % frames
    found: dict[str, dict[str, list[float]]] = {_name(scale): {str(when): [] for when in TIMESTEPS} for scale in SCALES}
    for index, azimuth in enumerate(prior_cameras.MOTION_AZIMUTHS):
        true, shown = (prior.encode(as_tensor(case.moved[which, index], prior.device)) for which in (right, wrong))
        turned = prior_cameras.around(case.camera, (azimuth,)).repeat(frames, axis=0)
        camera = relative(np.repeat(case.camera[None], frames, axis=0), turned, prior.device)
        noise = draw(prior, frames, index)
        for scale in SCALES:
            settings = GuidanceSettings(scale=scale, batch=batch_size(prior.device)).of(prior.facts)
            for when in TIMESTEPS:
                gradient = distillation_gradient(prior, shown, noise, when, condition, camera, settings)
                found[_name(scale)][str(when)] += cosine(-gradient, true - shown).tolist()
    return {scale: {when: float(np.mean(values)) for when, values in by_time.items()} for scale, by_time in found.items()}


def cosine(first: Tensor, second: Tensor) -> Tensor:
    """(B,) of (B, ...)."""
    return torch.nn.functional.cosine_similarity(first.flatten(1), second.flatten(1))


def _name(scale: float) -> str:
    return f"{scale:g}"
