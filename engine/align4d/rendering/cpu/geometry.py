"""Numba kernels: 3D Gaussians to 2D and the gradient back, one Gaussian at a time, in float64.

The same projection as `rendering.projection`, with its gradient written out. Float64 costs nothing here (the time is
in the tiles) and keeps needle-thin Gaussians accurate.

A projected Gaussian ("splat") is one row of float32, see the constants below. With d = pixel - mean,
u = d.x - slope * d.y, its alpha is 2^(log2_opacity - falloff_x * u^2 - falloff_y * d.y^2).
"""

from __future__ import annotations

import math

from ...kernels import njit
from ..types import ALPHA_CUT, CLAMP_MARGIN

LANES, ROWS = 16, 8
"""Size of a tile in pixels: across, see `tiles`; down, by measurement."""

MEAN_X, MEAN_Y, SLOPE, FALLOFF_X, FALLOFF_Y, LOG2_OPACITY, REACH_Y, RED, GREEN, BLUE = range(10)
SPLAT_WIDTH = 12
"""Fields of a splat row, padded."""

SLOT_WIDTH = 9
"""Fields of a gradient slot: sums over pixels of v, v u, v dy, v u^2, v u dy, v dy^2 with v = -dLoss/dexponent, and
the gradient of the three colors."""

HALF_LOG2_E = 0.5 / math.log(2.0)
LN_CUT = math.log(ALPHA_CUT)
MARGIN = CLAMP_MARGIN


@njit(forceinline=True, error_model="numpy")
def _rotation(quaternion):
    """The nine entries of the rotation matrix, the unit quaternion, and the norm of the given one."""
    w, x, y, z = float(quaternion[0]), float(quaternion[1]), float(quaternion[2]), float(quaternion[3])
    norm = max(math.sqrt(w * w + x * x + y * y + z * z), 1e-12)
    w, x, y, z = w / norm, x / norm, y / norm, z / norm
    matrix = (
        1 - 2 * (y * y + z * z),
        2 * (x * y - w * z),
        2 * (x * z + w * y),
        2 * (x * y + w * z),
        1 - 2 * (x * x + z * z),
        2 * (y * z - w * x),
        2 * (x * z - w * y),
        2 * (y * z + w * x),
        1 - 2 * (x * x + y * y),
    )
    return matrix, (w, x, y, z), norm


@njit(forceinline=True, error_model="numpy")
def _in_camera(center, pose):
    x, y, z = float(center[0]), float(center[1]), float(center[2])
    return (
        pose[0, 0] * x + pose[0, 1] * y + pose[0, 2] * z + pose[0, 3],
        pose[1, 0] * x + pose[1, 1] * y + pose[1, 2] * z + pose[1, 3],
        pose[2, 0] * x + pose[2, 1] * y + pose[2, 2] * z + pose[2, 3],
    )


@njit(forceinline=True, error_model="numpy")
def _clamped_ratio(ratio, focal, center, extent):
    """The ratio x/z at which the Jacobian is taken."""
    margin = MARGIN * 0.5 * extent / focal
    return min(max(ratio, -(center / focal + margin)), (extent - center) / focal + margin)


@njit(forceinline=True, error_model="numpy")
def _factor(jacobian_x, jacobian_z, axis, pose, rotation, scale):
    """Row `axis` of J W R S, and of J W: the image covariance is the product of the former with its transpose."""
    p0 = jacobian_x * pose[axis, 0] + jacobian_z * pose[2, 0]
    p1 = jacobian_x * pose[axis, 1] + jacobian_z * pose[2, 1]
    p2 = jacobian_x * pose[axis, 2] + jacobian_z * pose[2, 2]
    a0 = (p0 * rotation[0] + p1 * rotation[3] + p2 * rotation[6]) * scale[0]
    a1 = (p0 * rotation[1] + p1 * rotation[4] + p2 * rotation[7]) * scale[1]
    a2 = (p0 * rotation[2] + p1 * rotation[5] + p2 * rotation[8]) * scale[2]
    return (p0, p1, p2), (a0, a1, a2)


@njit(forceinline=True, error_model="numpy")
def _covariance(a, b, low_pass):
    """xx, xy, yy and the determinant (sum of squared minors: no cancellation) of the low-passed covariance."""
    xx = a[0] * a[0] + a[1] * a[1] + a[2] * a[2]
    xy = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    yy = b[0] * b[0] + b[1] * b[1] + b[2] * b[2]
    m0, m1, m2 = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    determinant = m0 * m0 + m1 * m1 + m2 * m2 + low_pass * (xx + yy) + low_pass * low_pass
    return xx + low_pass, xy, yy + low_pass, determinant


@njit(forceinline=True, error_model="numpy")
def _project_one(center, quaternion, scale, opacity, color, pose, intrinsics, width, height, near, low_pass, splat, rect):
    """Fill one splat row and its tile rectangle (x0, y0, x1, y1, end exclusive; empty when not drawn); returns z."""
    rect[0], rect[1], rect[2], rect[3] = 0, 0, 0, 0
    x, y, z = _in_camera(center, pose)
    if z < near or opacity < ALPHA_CUT:
        return 0.0
    fx, fy, cx, cy = intrinsics[0, 0], intrinsics[1, 1], intrinsics[0, 2], intrinsics[1, 2]
    rotation, _, _ = _rotation(quaternion)
    _, a = _factor(fx / z, -fx * _clamped_ratio(x / z, fx, cx, width) / z, 0, pose, rotation, scale)
    _, b = _factor(fy / z, -fy * _clamped_ratio(y / z, fy, cy, height) / z, 1, pose, rotation, scale)
    xx, xy, yy, determinant = _covariance(a, b, low_pass)
    if not determinant > 0.0:
        return 0.0
    mean_x, mean_y = fx * x / z + cx, fy * y / z + cy
    squared = 2.0 * (math.log(opacity) - LN_CUT)
    # A hundredth of a pixel more than exact, so that rounding here never cuts what the alpha test would keep.
    reach_x, reach_y = math.sqrt(squared * xx) + 0.01, math.sqrt(squared * yy) + 0.01
    if mean_x + reach_x <= 0 or mean_y + reach_y <= 0 or mean_x - reach_x >= width or mean_y - reach_y >= height:
        return 0.0
    splat[MEAN_X], splat[MEAN_Y] = mean_x, mean_y
    splat[SLOPE] = xy / yy
    splat[FALLOFF_X] = HALF_LOG2_E * yy / determinant
    splat[FALLOFF_Y] = HALF_LOG2_E / yy
    splat[LOG2_OPACITY] = math.log2(opacity)
    splat[REACH_Y] = reach_y
    splat[RED], splat[GREEN], splat[BLUE] = color[0], color[1], color[2]
    rect[0] = int(max(mean_x - reach_x, 0.0)) // LANES
    rect[1] = int(max(mean_y - reach_y, 0.0)) // ROWS
    rect[2] = int(min(mean_x + reach_x, width - 1.0)) // LANES + 1
    rect[3] = int(min(mean_y + reach_y, height - 1.0)) // ROWS + 1
    return z


@njit(nogil=True, cache=True, error_model="numpy")
def project(part, parts, means, quats, scales, opacities, colors, poses, intrinsics, width, height, near, low_pass, splats, rects, depths):
    """Fill splats (C, N, 12) float32, tile rectangles (C, N, 4) int32 and depths (C, N) float32.

    Inputs have a leading set dimension each, see `types.Gaussians`.
    """
    cameras, count = poses.shape[0], means.shape[1]
    total = cameras * count
    for i in range(total * part // parts, total * (part + 1) // parts):
        c, n = i // count, i % count
        depths[c, n] = _project_one(
            means[c * means.shape[0] // cameras, n],
            quats[c * quats.shape[0] // cameras, n],
            scales[c * scales.shape[0] // cameras, n],
            opacities[c * opacities.shape[0] // cameras, n],
            colors[c * colors.shape[0] // cameras, n],
            poses[c],
            intrinsics[c],
            width,
            height,
            near,
            low_pass,
            splats[c, n],
            rects[c, n],
        )
