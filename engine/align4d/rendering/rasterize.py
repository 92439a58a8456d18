"""The one door to rendering: check the input, choose the backend, composite."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import EngineError
from .cpu import rasterize_cpu
from .reference import rasterize_reference
from .types import Cameras, Gaussians, Rendering, check_cameras, check_finite, with_sets


def rasterize(
    gaussians: Gaussians,
    cameras: Cameras,
    size: tuple[int, int],
    background: Tensor | None = None,
    *,
    backend: str = "auto",
    low_pass: float = 0.3,
    depth: bool = False,
) -> Rendering:
    """Render Gaussians into every camera; differentiable in the five tensors of `gaussians`.

    Args:
        gaussians: N Gaussians, shared by the cameras or one set for each (see `Gaussians`).
        cameras: C cameras.
        size: height and width of the images, pixels.
        background: (3,) colour behind everything; None is white.
        backend: "auto", "reference" or "cpu".
        low_pass: added to the diagonal of every image-space covariance, px^2 (gsplat's eps2d).
        depth: also render depth; costs a second pass.

    Returns:
        Colour, alpha and, where asked for, depth, of the dtype and on the device of `gaussians`.

    Raises:
        EngineError: "rendering_shape", "not_finite" or "rendering_backend".
    """
    check_cameras(cameras)
    tensors = with_sets(gaussians, cameras)
    check_finite({**tensors, "world_to_camera": cameras.world_to_camera, "intrinsics": cameras.intrinsics})
    like = tensors["centres"]
    background = like.new_ones(3) if background is None else background.to(like)
    draw = _backend(backend, like)
    color, alpha = draw(tensors, cameras, size, background, low_pass)
    if not depth:
        return Rendering(color, alpha)
    z = _camera_depths(tensors["centres"], cameras)[..., None].expand(-1, -1, 3)
    depths, _ = draw({**tensors, "colors": z}, cameras, size, torch.zeros_like(background), low_pass)
    return Rendering(color, alpha, depths[:, :1])


def _camera_depths(centres: Tensor, cameras: Cameras) -> Tensor:
    """Camera z of the centres (L, N, 3) in every camera, (C, N)."""
    row = cameras.world_to_camera[:, 2].to(centres)
    sets = centres.shape[0]
    grouped = row.reshape(sets, cameras.count // sets, 4)
    return (torch.einsum("lni,lvi->lvn", centres, grouped[..., :3]) + grouped[..., 3:]).reshape(cameras.count, -1)


def _backend(name: str, like: Tensor):
    if name == "auto":
        name = "cpu" if like.device.type == "cpu" and like.dtype == torch.float32 else "reference"
    backends = {"reference": rasterize_reference, "cpu": rasterize_cpu}
    if name not in backends:
        raise EngineError("rendering_backend", f"There is no rendering backend {name!r}.", f"Choose one of: auto, {', '.join(backends)}.")
    return backends[name]
