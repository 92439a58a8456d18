"""Scenes that a rasterizer may get wrong, and the comparison of a backend with the oracle."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from align4d.rendering import Cameras, Gaussians, rasterize
from align4d.rendering.reference import boundary_band
from align4d.rendering.types import with_sets

COLOR_TOLERANCE, GRADIENT_TOLERANCE = 2e-4, 1e-3
GSPLAT_GRADIENT_TOLERANCE = 2e-3
"""It misses the other by little with needle-thin Gaussians, see docs/developers/performance.md."""


@dataclass(frozen=True)
class Scene:
    """Gaussians in float64 on the CPU, the cameras that look at them, and the image size (H, W)."""

    gaussians: Gaussians
    cameras: Cameras
    size: tuple[int, int]


def orbit(count: int, size: tuple[int, int], distance: float = 2.0) -> Cameras:
    """Cameras around the origin, 49.1 degrees high."""
    height, width = size
    poses = torch.eye(4, dtype=torch.float64).repeat(count, 1, 1)
    for index in range(count):
        angle = 0.4 * index
        poses[index, 0, 0] = poses[index, 2, 2] = math.cos(angle)
        poses[index, 0, 2], poses[index, 2, 0] = math.sin(angle), -math.sin(angle)
    poses[:, 2, 3] = distance
    focal = 0.5 * height / math.tan(math.radians(49.1 / 2))
    intrinsics = torch.tensor([[focal, 0, 0.52 * width], [0, 1.1 * focal, 0.47 * height], [0, 0, 1]], dtype=torch.float64)
    return Cameras(poses, intrinsics.repeat(count, 1, 1))


def cloud(count: int, sigma: tuple[float, float], sets: int | None = None, extent: float = 0.5, seed: int = 0) -> Gaussians:
    """Random Gaussians in a cube; sigma is the range of their standard deviations."""
    random = torch.Generator().manual_seed(seed)
    lead = () if sets is None else (sets,)

    def uniform(*shape: int) -> Tensor:
        # Rounded to float32, so that all backends get the same numbers.
        return torch.rand(*lead, *shape, generator=random).double()

    quats = torch.randn(*lead, count, 4, generator=random).double() * 3
    means, scales = (uniform(count, 3) - 0.5) * 2 * extent, sigma[0] + uniform(count, 3) * (sigma[1] - sigma[0])
    return Gaussians(means, quats, scales, uniform(count), uniform(count, 3))


def _scene(gaussians: Gaussians, size: tuple[int, int], cameras: int = 1, distance: float = 2.0) -> Scene:
    return Scene(gaussians, orbit(cameras, size, distance), size)


def _with_opacity(gaussians: Gaussians, opacity: float) -> Gaussians:
    return replace(gaussians, opacities=torch.full_like(gaussians.opacities, opacity))


def _needles() -> Gaussians:
    needles = cloud(40, (0.0005, 0.001))
    scales = needles.scales.clone()
    scales[:, 0] = 0.5
    return replace(needles, scales=scales)


def _coincident() -> Gaussians:
    flat = cloud(60, (0.02, 0.1))
    means = flat.means.clone()
    means[:, 2] = 0.125
    means[30:] = means[:30]
    return replace(flat, means=means)


SCENES: dict[str, Callable[[], Scene]] = {
    "one": lambda: _scene(cloud(1, (0.1, 0.3)), (33, 47)),
    "none": lambda: _scene(cloud(0, (0.1, 0.3)), (33, 47), cameras=2),
    "odd_size": lambda: _scene(cloud(200, (0.01, 0.08)), (33, 47), cameras=2),
    "set_per_camera": lambda: _scene(cloud(150, (0.01, 0.06), sets=3), (48, 64), cameras=3),
    "set_per_two_cameras": lambda: _scene(cloud(150, (0.01, 0.06), sets=2), (48, 64), cameras=4),
    "around_camera": lambda: _scene(cloud(300, (0.02, 0.1), extent=3.0), (64, 80), cameras=2),
    "behind_camera": lambda: _scene(cloud(50, (0.02, 0.1)), (33, 47), distance=-2.0),
    "off_screen": lambda: _scene(replace(cloud(50, (0.02, 0.1)), means=cloud(50, (0.02, 0.1)).means + 3.0), (33, 47), distance=3.0),
    "tiny": lambda: _scene(cloud(300, (1e-5, 1e-4)), (64, 64)),
    "huge": lambda: _scene(cloud(8, (2.0, 5.0)), (64, 64), distance=4.0),
    "needles": lambda: _scene(_needles(), (128, 128)),
    "opaque": lambda: _scene(_with_opacity(cloud(300, (0.01, 0.08)), 1.0), (64, 64)),
    "transparent": lambda: _scene(_with_opacity(cloud(50, (0.01, 0.08)), 0.0), (33, 47)),
    "same_depth": lambda: _scene(_coincident(), (64, 64)),
    "thousands": lambda: _scene(cloud(20_000, (0.001, 0.004)), (128, 128)),
    "large_image": lambda: _scene(cloud(500, (0.005, 0.02)), (512, 512)),
}


def render_with_gradient(scene: Scene, backend: str, weights: Tensor, dtype: torch.dtype, device: str = "cpu") -> tuple[Tensor, dict[str, Tensor]]:
    """Color and alpha (C, 4, H, W), and the gradient of their weighted sum, as float64 on the CPU."""
    leaves = {name: tensor.to(device, dtype, copy=True).requires_grad_() for name, tensor in scene.gaussians.named().items()}
    cameras = Cameras(scene.cameras.viewmats.to(device), scene.cameras.Ks.to(device), scene.cameras.near)
    background = torch.tensor([0.2, 0.9, 0.5], dtype=dtype, device=device)
    rendering = rasterize(Gaussians(**leaves), cameras, scene.size, background, backend=backend)
    image = torch.cat([rendering.color, rendering.alpha], 1)
    (image * weights.to(image)).sum().backward()
    return image.detach().double().cpu(), {name: leaf.grad.double().cpu() for name, leaf in leaves.items()}


def assert_agrees(scene: Scene, backend: str, device: str = "cpu") -> None:
    """Fails unless the backend agrees with the float64 oracle outside the boundary band, which must be small."""
    band = boundary_band(with_sets(scene.gaussians, scene.cameras), scene.cameras, scene.size, 0.3)
    assert band.double().mean() < 0.1
    shape = (scene.cameras.count, 4, *scene.size)
    weights = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * ~band
    expected, expected_gradients = render_with_gradient(scene, "reference", weights, torch.float64)
    found, found_gradients = render_with_gradient(scene, backend, weights, torch.float32, device)
    assert found.shape == shape
    tolerance = GSPLAT_GRADIENT_TOLERANCE if backend == "gsplat" else GRADIENT_TOLERANCE
    assert ((found - expected).abs() * ~band).max() <= COLOR_TOLERANCE
    for name, gradient in expected_gradients.items():
        error = (found_gradients[name] - gradient).norm()
        assert error <= tolerance * gradient.norm() + 1e-9, f"{name}: {error:.2e} of {gradient.norm():.2e}"
