"""`python -m align4d.rendering.probe BACKEND`: renders a few Gaussians on the GPU and compares with the oracle.

Ends with 0 where image and gradient agree; else the last line on stderr says what is wrong.
"""

from __future__ import annotations

import sys

import torch

from .rasterize import rasterize
from .types import Cameras, Gaussians


def main(backend: str, device: str = "cuda") -> None:
    """Raises where the backend does not work, or renders something else than the oracle."""
    image, gradient = _render(backend, device)
    expected, expected_gradient = _render("reference", device)
    if not torch.allclose(image, expected, atol=2e-4) or not torch.allclose(gradient, expected_gradient, rtol=1e-3, atol=1e-4):
        raise SystemExit(f"{backend} renders something else than it should")


def _render(backend: str, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Color and alpha of three Gaussians, and the gradient of its sum in their means."""
    means = torch.tensor([[-0.2, 0.1, 0.0], [0.2, -0.1, 0.3], [0.1, 0.2, -0.3]], device=device, requires_grad=True)
    quats = torch.tensor([[1.0, 0.3, 0.2, 0.1], [0.5, -0.5, 0.1, 0.7], [0.1, 0.9, 0.0, 0.2]], device=device)
    scales = torch.tensor([[0.3, 0.1, 0.2], [0.1, 0.2, 0.1], [0.2, 0.2, 0.05]], device=device)
    opacities = torch.tensor([0.9, 0.5, 0.7], device=device)
    gaussians = Gaussians(means, quats, scales, opacities, torch.eye(3, device=device))
    pose = torch.eye(4, device=device)
    pose[2, 3] = 2.0
    intrinsics = torch.tensor([[32.0, 0.0, 16.0], [0.0, 32.0, 16.0], [0.0, 0.0, 1.0]], device=device)
    rendering = rasterize(gaussians, Cameras(pose[None], intrinsics[None]), (32, 32), backend=backend)
    image = torch.cat([rendering.color, rendering.alpha], 1)
    (gradient,) = torch.autograd.grad(image.square().sum(), means)
    return image.detach(), gradient


if __name__ == "__main__":
    main(*sys.argv[1:])
