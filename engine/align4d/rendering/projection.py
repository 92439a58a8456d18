"""3D Gaussians to 2D, in plain torch: the EWA projection that every backend implements.

Source: Zwicker et al., "EWA Splatting" (2002), with gsplat's conventions: the Jacobian is clamped a little outside
the view, `low_pass` px^2 is added to the diagonal of the image-space covariance.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..motion.rotations import matrix_from_quaternion
from .types import ALPHA_CUT, CLAMP_MARGIN


@dataclass(frozen=True)
class Projected:
    """N Gaussians as one camera sees them.

    Attributes:
        means: (N, 2), pixels.
        covariances: (N, 3), xx, xy, yy in px^2, low pass included.
        determinants: (N,), of the covariances.
        depths: (N,), camera z; 1 where not visible.
        visible: (N,) bool: in front of the near plane, and not too faint to pass the alpha cut anywhere.
    """

    means: Tensor
    covariances: Tensor
    determinants: Tensor
    depths: Tensor
    visible: Tensor


def project(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    pose: Tensor,
    intrinsics: Tensor,
    size: tuple[int, int],
    near: float,
    low_pass: float,
) -> Projected:
    """Project N Gaussians into one camera; pose (4, 4), intrinsics (3, 3), size (H, W)."""
    height, width = size
    fx, fy, cx, cy = intrinsics[0, 0], intrinsics[1, 1], intrinsics[0, 2], intrinsics[1, 2]
    in_camera = means @ pose[:3, :3].T + pose[:3, 3]
    visible = (in_camera[:, 2] >= near) & (opacities >= ALPHA_CUT)
    x, y, z = torch.where(visible[:, None], in_camera, in_camera.new_tensor([0.0, 0.0, 1.0])).unbind(-1)

    def clamped(ratio: Tensor, focal: Tensor, center: Tensor, extent: int) -> Tensor:
        margin = CLAMP_MARGIN * 0.5 * extent / focal
        return torch.minimum(torch.maximum(ratio, -(center / focal + margin)), (extent - center) / focal + margin)

    zero = torch.zeros_like(z)
    jacobian_x = torch.stack([fx / z, zero, -fx * clamped(x / z, fx, cx, width) / z], -1)
    jacobian_y = torch.stack([zero, fy / z, -fy * clamped(y / z, fy, cy, height) / z], -1)
    jacobian = torch.stack([jacobian_x, jacobian_y], -2)
    factor = jacobian @ pose[:3, :3] @ (matrix_from_quaternion(torch.nn.functional.normalize(quats, dim=-1)) * scales[:, None, :])
    first, second = factor[:, 0], factor[:, 1]
    xx, xy, yy = (first * first).sum(-1), (first * second).sum(-1), (second * second).sum(-1)
    # det(A A^T) as the sum of squared minors (Cauchy-Binet): no cancellation for needle-thin Gaussians.
    minors = torch.linalg.cross(first, second)
    determinants = (minors * minors).sum(-1) + low_pass * (xx + yy) + low_pass * low_pass
    return Projected(
        means=torch.stack([fx * x / z + cx, fy * y / z + cy], -1),
        covariances=torch.stack([xx + low_pass, xy, yy + low_pass], -1),
        determinants=determinants,
        depths=z,
        visible=visible & (determinants > 0),
    )
