"""How long a prior takes to judge a view."""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch

from align4d.priors.prior import MultiviewPrior, RelativeCamera

from .judge import draw

CPU_BATCH, CPU_THREADS = 8, 2
CUDA_BATCHES = (64, 128, 256)
REPEATS = 15


def cpu_speed(prior: MultiviewPrior) -> dict[str, Any]:
    """Median milliseconds a view, in float32 on two threads, with the condition digested before; and of digesting one."""
    before = torch.get_num_threads()
    torch.set_num_threads(CPU_THREADS)
    try:
        predict, digest = _timed(prior, CPU_BATCH)
    finally:
        torch.set_num_threads(before)
    return {"batch": CPU_BATCH, "threads": CPU_THREADS, "ms_per_view": 1e3 * predict / CPU_BATCH, "ms_per_condition": 1e3 * digest}


def cuda_speed(exact: MultiviewPrior, half: MultiviewPrior) -> dict[str, Any]:
    """Views a second at each batch size, in float32 and in bfloat16."""
    rates = {name: {batch: batch / _timed(prior, batch)[0] for batch in CUDA_BATCHES} for name, prior in (("fp32", exact), ("bf16", half))}
    return {"device": torch.cuda.get_device_name(), "views_per_second": rates}


def _timed(prior: MultiviewPrior, batch: int) -> tuple[float, float]:
    """Median seconds of a batch of predictions, and of digesting one condition picture."""
    device, size = prior.device, prior.facts.size
    picture, told = torch.rand(1, 3, size, size, device=device), torch.ones(1, device=device)
    condition = prior.condition(picture, 0 * told, 1.85 * told)
    given = condition.take(torch.zeros(batch, dtype=torch.long, device=device))
    noise, camera = draw(prior, batch, 0), RelativeCamera.same(batch, device)
    timestep = torch.full((batch,), 500, device=device)
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(REPEATS + 3):
        moments = [_now(device)]
        prior.predict_noise(noise, timestep, given, camera)
        moments.append(_now(device))
        prior.condition(picture, 0 * told, 1.85 * told)
        moments.append(_now(device))
        for kind in range(2):
            seconds[kind].append(moments[kind + 1] - moments[kind])
    return statistics.median(seconds[0][3:]), statistics.median(seconds[1][3:])


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
