"""The one door to rendering: check the input, choose the backend, composite."""

from __future__ import annotations

import torch
from torch import Tensor

from . import backends
from .choose import choose
from .deferral import current
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
        background: (3,) color behind everything; None is white.
        backend: "auto" (see `choose`), "reference", "cpu", "triton" or "gsplat".
        low_pass: added to the diagonal of every image-space covariance, px^2 (gsplat's eps2d).
        depth: also render depth; costs a second pass.

    Returns:
        Color, alpha and, where asked for, depth, of the dtype and on the device of `gaussians`.

    Raises:
        EngineError: "rendering_shape", "not_finite" (within a `Deferral` it is `verify` that raises it) or "rendering_backend".
    """
    check_cameras(cameras)
    tensors = with_sets(gaussians, cameras)
    given = {**tensors, "viewmats": cameras.viewmats, "Ks": cameras.Ks}
    deferral = current()
    if deferral is None:
        check_finite(given)
    else:
        deferral.note_input(given)
    like = tensors["means"]
    background = like.new_ones(3) if background is None else background.to(like)
    draw = backends.load(_automatic(like) if backend == "auto" else backend)
    color, alpha = draw(tensors, cameras, size, background, low_pass)
    if not depth:
        return Rendering(color, alpha)
    z = _camera_depths(tensors["means"], cameras)[..., None].expand(-1, -1, 3)
    depths, _ = draw({**tensors, "colors": z}, cameras, size, torch.zeros_like(background), low_pass)
    return Rendering(color, alpha, depths[:, :1])


def _camera_depths(means: Tensor, cameras: Cameras) -> Tensor:
    """Camera z of the means (L, N, 3) in every camera, (C, N)."""
    row = cameras.viewmats[:, 2].to(means).unflatten(0, (means.shape[0], -1))
    return (torch.einsum("lni,lvi->lvn", means, row[..., :3]) + row[..., 3:]).flatten(0, 1)


def _automatic(like: Tensor) -> str:
    return choose(like.device).backend if like.dtype == torch.float32 else "reference"
