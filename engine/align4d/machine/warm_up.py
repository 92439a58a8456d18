"""Loads and compiles what the first job would otherwise wait for."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from ..errors import EngineError

log = logging.getLogger(__name__)


def wait_passively() -> None:
    """Makes torch's threads sleep while they wait, not take a core from the rasterizer and from Blender. For before torch is imported."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def warm_up(*others: Callable[[], object]) -> None:
    """Renders the probe, so that torch is loaded and the rasterizer's kernels are compiled, which takes seconds the first time; then `others`.

    A failure is only logged: the job that needs what failed will say so.
    """
    for prepare in (render_probe, *others):
        try:
            prepare()
        except Exception:
            log.exception("warm-up")


def wake(device: str) -> None:
    """Renders the probe on a GPU, whose driver and kernels take a second of a process's first job; nothing else of it has to wait for that."""
    if device != "cpu":
        try:
            render_probe(device)
        except Exception:
            log.exception("wake")


def render_probe(device: str = "cpu") -> float:
    """Renders one half-transparent Gaussian, forwards and backwards; its alpha in the middle of the image.

    Raises:
        EngineError: "not_finite" where the gradient is not a number.
    """
    import torch

    from ..rendering import Cameras, Gaussians, rasterize

    centers = torch.zeros(1, 3, device=device, requires_grad=True)
    shape = torch.tensor([[1.0, 0.0, 0.0, 0.0]]), torch.full((1, 3), 0.2), torch.full((1,), 0.5), torch.full((1, 3), 0.5)
    gaussians = Gaussians(centers, *(one.to(device) for one in shape))
    pose = torch.eye(4)
    pose[2, 3] = 2.0
    intrinsics = torch.tensor([[16.0, 0.0, 8.0], [0.0, 16.0, 8.0], [0.0, 0.0, 1.0]])
    pose, intrinsics = pose.to(device), intrinsics.to(device)
    rendering = rasterize(gaussians, Cameras(pose[None], intrinsics[None]), (16, 16))
    (rendering.color.square().sum() + rendering.alpha.square().sum()).backward()  # type: ignore[no-untyped-call,unused-ignore]
    if centers.grad is None or not torch.isfinite(centers.grad).all():
        raise EngineError("not_finite", "The rasterizer's gradient is not a number.", "Install the engine again.", "repair_engine")
    return float(rendering.alpha.detach()[0, 0, 8, 8])
