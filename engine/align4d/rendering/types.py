"""What goes into the rasterizer and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import EngineError

ALPHA_CUT = 1.0 / 255.0
"""A Gaussian adds nothing to a pixel where its alpha is below this (gsplat, and 3D Gaussian splatting before it)."""

ALPHA_MAX = 0.999
"""Alpha is clamped to this, so that the transmittance never reaches zero (gsplat)."""

TRANSMITTANCE_STOP = 1e-4
"""A pixel is closed, front to back, by the first Gaussian that would take its transmittance to this or below; that
Gaussian and those behind it are left out (gsplat)."""

CLAMP_MARGIN = 0.3
"""The Jacobian of the projection is taken no further outside the view than this part of its half width (gsplat)."""


@dataclass(frozen=True)
class Gaussians:
    """Anisotropic 3D Gaussians with one color each, after activation.

    Each tensor is either shared by all cameras (no leading dimension) or has a leading dimension L that divides the
    number of cameras C: camera c then sees set `c * L // C`. L = C is one set per camera (a frame each); L = frames
    with C = frames x views shows each frame to its own views without a copy. Tensors may differ in this.

    Attributes:
        means: ([L,] N, 3), world units.
        quats: ([L,] N, 4), quaternions wxyz of any norm but zero.
        scales: ([L,] N, 3), standard deviation along each axis, world units, > 0.
        opacities: ([L,] N), in [0, 1].
        colors: ([L,] N, 3), sRGB, usually in [0, 1].
    """

    means: Tensor
    quats: Tensor
    scales: Tensor
    opacities: Tensor
    colors: Tensor

    @property
    def count(self) -> int:
        """Number of Gaussians N."""
        return self.opacities.shape[-1]

    def named(self) -> dict[str, Tensor]:
        """The five tensors by name, in the order of the attributes."""
        return {
            "means": self.means,
            "quats": self.quats,
            "scales": self.scales,
            "opacities": self.opacities,
            "colors": self.colors,
        }


@dataclass(frozen=True)
class Cameras:
    """Pinhole cameras with OpenCV axes (x right, y down, z forward).

    Attributes:
        viewmats: (C, 4, 4), world to camera, rigid.
        Ks: (C, 3, 3), intrinsics, pixels; the center of the top left pixel is (0.5, 0.5). Skew is ignored.
        near: Gaussians whose center is nearer than this are not drawn, world units.
    """

    viewmats: Tensor
    Ks: Tensor
    near: float = 0.01

    @property
    def count(self) -> int:
        """Number of cameras C."""
        return self.viewmats.shape[0]

    def first(self, count: int) -> Cameras:
        """The first `count` of them."""
        return Cameras(self.viewmats[:count], self.Ks[:count], self.near)


@dataclass(frozen=True)
class Rendering:
    """The rasterizer's images.

    Attributes:
        color: (C, 3, H, W), composited on the background.
        alpha: (C, 1, H, W), 1 - final transmittance.
        depth: (C, 1, H, W) or None; sum of blending weight times camera z. Divide by alpha for the mean depth.
    """

    color: Tensor
    alpha: Tensor
    depth: Tensor | None = None


def with_sets(gaussians: Gaussians, cameras: Cameras) -> dict[str, Tensor]:
    """The five tensors with a leading set dimension L (1 where shared), checked against each other and the cameras.

    A tensor expanded over its leading dimension is taken as shared, so that it is neither copied nor projected twice.

    Raises:
        EngineError: "rendering_shape" when a shape does not fit.
    """
    widths = {"means": 3, "quats": 4, "scales": 3, "opacities": 0, "colors": 3}
    result = {}
    for name, tensor in gaussians.named().items():
        wanted = (gaussians.count, widths[name]) if widths[name] else (gaussians.count,)
        sets = tensor.shape[: tensor.dim() - len(wanted)]
        fits = tuple(tensor.shape[len(sets) :]) == wanted and len(sets) <= 1
        if not fits or (sets and (sets[0] < 1 or cameras.count % sets[0])):
            raise EngineError(
                "rendering_shape",
                f"{name} has the shape {tuple(tensor.shape)}, which does not fit {gaussians.count} Gaussians and {cameras.count} cameras.",
                f"Give it the shape {wanted}, or (L, {', '.join(map(str, wanted))}) with L a divisor of the number of cameras.",
            )
        if not sets:
            tensor = tensor[None]
        elif sets[0] > 1 and tensor.stride(0) == 0:
            tensor = tensor[:1]
        result[name] = tensor
    return result


def check_cameras(cameras: Cameras) -> None:
    """Raises EngineError "rendering_shape" unless the cameras are (C, 4, 4) and (C, 3, 3) with C >= 1."""
    poses, intrinsics = tuple(cameras.viewmats.shape), tuple(cameras.Ks.shape)
    if len(poses) != 3 or poses[0] < 1 or poses[1:] != (4, 4) or intrinsics != (poses[0], 3, 3):
        raise EngineError(
            "rendering_shape",
            f"The cameras have the shapes {poses} and {intrinsics}.",
            "Give viewmats as (C, 4, 4) and Ks as (C, 3, 3) with at least one camera.",
        )


def check_finite(tensors: dict[str, Tensor]) -> None:
    """Raises EngineError "not_finite" naming the first tensor that holds a NaN or an infinity.

    The usual case costs one pass over each tensor and one synchronization: a sum is finite only if all its terms are
    (or else it overflowed, which the exact look that follows tells apart).
    """
    total = torch.stack([tensor.detach().sum() for tensor in tensors.values()]).sum()
    if bool(torch.isfinite(total)):
        return
    for name, tensor in tensors.items():
        wrong = ~torch.isfinite(tensor.detach())
        if bool(wrong.any()):
            first = tuple(int(i) for i in wrong.nonzero()[0])
            raise not_finite(f"{name} holds {int(wrong.sum())} values that are NaN or infinite, the first at {first}.")


def not_finite(message: str) -> EngineError:
    """The error "not_finite", with what to do about it."""
    advice = "The optimization has diverged or the input is damaged: lower the learning rate, or look at what made this tensor."
    return EngineError("not_finite", message, advice)
