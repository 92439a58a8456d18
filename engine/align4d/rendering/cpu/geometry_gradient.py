"""Numba kernels: the gradient of the projection, from the tiles' gradient slots back to the 3D Gaussians, in float64."""

from __future__ import annotations

import numpy as np

from ...kernels import njit
from .geometry import SLOT_WIDTH, _clamped_ratio, _covariance, _factor, _in_camera, _rotation


@njit(forceinline=True, error_model="numpy")
def _image_gradient(sums, a, b, low_pass):
    """Gradient of the image mean (x, y) and of the image covariance (xx, xy, yy) from one Gaussian's slot sums."""
    _, xy, yy, determinant = _covariance(a, b, low_pass)
    slope, precision_y, precision_x = xy / yy, 1.0 / yy, yy / determinant
    mean_x = precision_x * sums[1]
    mean_y = precision_y * sums[2] - slope * mean_x
    conditional = 0.5 * precision_x * precision_x * sums[3]  # gradient of xx - xy^2 / yy
    g_slope = precision_x * sums[4]
    g_xx = conditional
    g_xy = -2.0 * slope * conditional + g_slope / yy
    g_yy = slope * slope * conditional - g_slope * slope / yy + 0.5 * precision_y * precision_y * sums[5]
    return mean_x, mean_y, g_xx, g_xy, g_yy


@njit(forceinline=True, error_model="numpy")
def _row_gradient(g_a, p, rotation, scale, g_rotation, g_scale):
    """Pull the gradient of one row of J W R S back to R and S (added to) and to the row of J W (returned)."""
    g_p0, g_p1, g_p2 = 0.0, 0.0, 0.0
    for j in range(3):
        scaled = g_a[j] * scale[j]
        g_scale[j] += g_a[j] * (p[0] * rotation[j] + p[1] * rotation[3 + j] + p[2] * rotation[6 + j])
        g_rotation[j] += p[0] * scaled
        g_rotation[3 + j] += p[1] * scaled
        g_rotation[6 + j] += p[2] * scaled
        g_p0 += rotation[j] * scaled
        g_p1 += rotation[3 + j] * scaled
        g_p2 += rotation[6 + j] * scaled
    return g_p0, g_p1, g_p2


@njit(forceinline=True, error_model="numpy")
def _axis_gradient(position, z, focal, center, extent, axis, g_mean, g_p, pose):
    """Gradient of one camera-space coordinate and of z, through the mean and the Jacobian of that image axis."""
    ratio = position / z
    used = _clamped_ratio(ratio, focal, center, extent)
    g_first = g_p[0] * pose[axis, 0] + g_p[1] * pose[axis, 1] + g_p[2] * pose[axis, 2]  # of f / z
    g_third = g_p[0] * pose[2, 0] + g_p[1] * pose[2, 1] + g_p[2] * pose[2, 2]  # of -f used / z
    g_ratio = focal * g_mean
    g_z = -focal / (z * z) * (g_first - used * g_third)
    if used == ratio:
        g_ratio -= focal / z * g_third
    return g_ratio / z, g_z - g_ratio * ratio / z


@njit(forceinline=True, error_model="numpy")
def _quaternion_gradient(g, unit, norm, out):
    """Add the gradient of the unnormalized quaternion to `out`; g is that of the nine entries of the matrix."""
    w, x, y, z = unit
    g_w = 2 * (z * (g[3] - g[1]) + y * (g[2] - g[6]) + x * (g[7] - g[5]))
    g_x = 2 * (y * (g[1] + g[3]) + z * (g[2] + g[6]) + w * (g[7] - g[5])) - 4 * x * (g[4] + g[8])
    g_y = 2 * (x * (g[1] + g[3]) + z * (g[5] + g[7]) + w * (g[2] - g[6])) - 4 * y * (g[0] + g[8])
    g_z = 2 * (x * (g[2] + g[6]) + y * (g[5] + g[7]) + w * (g[3] - g[1])) - 4 * z * (g[0] + g[4])
    along = g_w * w + g_x * x + g_y * y + g_z * z
    out[0] += (g_w - along * w) / norm
    out[1] += (g_x - along * x) / norm
    out[2] += (g_y - along * y) / norm
    out[3] += (g_z - along * z) / norm


@njit(forceinline=True, error_model="numpy")
def _back_one(center, quaternion, scale, pose, intrinsics, width, height, low_pass, sums, scratch, g_center, g_quaternion, g_scale):
    """Add one Gaussian's gradient in one camera to its center, rotation and scale."""
    x, y, z = _in_camera(center, pose)
    fx, fy, cx, cy = intrinsics[0, 0], intrinsics[1, 1], intrinsics[0, 2], intrinsics[1, 2]
    rotation, unit, norm = _rotation(quaternion)
    p_x, a = _factor(fx / z, -fx * _clamped_ratio(x / z, fx, cx, width) / z, 0, pose, rotation, scale)
    p_y, b = _factor(fy / z, -fy * _clamped_ratio(y / z, fy, cy, height) / z, 1, pose, rotation, scale)
    mean_x, mean_y, g_xx, g_xy, g_yy = _image_gradient(sums, a, b, low_pass)
    g_a = (2 * g_xx * a[0] + g_xy * b[0], 2 * g_xx * a[1] + g_xy * b[1], 2 * g_xx * a[2] + g_xy * b[2])
    g_b = (2 * g_yy * b[0] + g_xy * a[0], 2 * g_yy * b[1] + g_xy * a[1], 2 * g_yy * b[2] + g_xy * a[2])
    scratch[:] = 0.0
    g_p_x = _row_gradient(g_a, p_x, rotation, scale, scratch, g_scale)
    g_p_y = _row_gradient(g_b, p_y, rotation, scale, scratch, g_scale)
    _quaternion_gradient(scratch, unit, norm, g_quaternion)
    g_x, g_z_x = _axis_gradient(x, z, fx, cx, width, 0, mean_x, g_p_x, pose)
    g_y, g_z_y = _axis_gradient(y, z, fy, cy, height, 1, mean_y, g_p_y, pose)
    g_z = g_z_x + g_z_y
    for j in range(3):
        g_center[j] += pose[0, j] * g_x + pose[1, j] * g_y + pose[2, j] * g_z


@njit(forceinline=True, error_model="numpy")
def _sum_slots(slots, start, end, sums):
    """Sum the slots of one Gaussian in one camera, in their order; returns whether any gradient came."""
    sums[:] = 0.0
    for slot in range(start, end):
        for j in range(SLOT_WIDTH):
            sums[j] += slots[slot, j]
    for j in range(SLOT_WIDTH):  # noqa: SIM110  numba knows no any() of a generator
        if sums[j] != 0.0:
            return True
    return False


@njit(nogil=True, cache=True, error_model="numpy")
def project_backward(
    part, parts, means, quats, scales, opacities, colors, poses, intrinsics, width, height, low_pass, slots, first_slot, moving,
    g_means, g_rotations, g_scales, g_opacities, g_colors,
):  # fmt: skip
    """Add the gradients of the five tensors to zeros of their own shapes (a leading set dimension each).

    Args:
        slots: (S, 9) float32, one per (tile, Gaussian), those of one Gaussian in one camera next to each other.
        first_slot: (C, N + 1) int64, where they start.
        moving: whether the gradients of means, rotations and scales are asked for; they stay zero where not.
    """
    cameras, count = poses.shape[0], means.shape[1]
    sums, scratch = np.empty(SLOT_WIDTH), np.empty(9)
    for c in range(cameras):
        center_set, rotation_set = c * means.shape[0] // cameras, c * quats.shape[0] // cameras
        scale_set, opacity_set = c * scales.shape[0] // cameras, c * opacities.shape[0] // cameras
        color_set = c * colors.shape[0] // cameras
        for n in range(count * part // parts, count * (part + 1) // parts):
            if not _sum_slots(slots, first_slot[c, n], first_slot[c, n + 1], sums):
                continue
            if moving:
                _back_one(
                    means[center_set, n],
                    quats[rotation_set, n],
                    scales[scale_set, n],
                    poses[c],
                    intrinsics[c],
                    width,
                    height,
                    low_pass,
                    sums,
                    scratch,
                    g_means[center_set, n],
                    g_rotations[rotation_set, n],
                    g_scales[scale_set, n],
                )
            g_opacities[opacity_set, n] += sums[0] / opacities[opacity_set, n]
            for j in range(3):
                g_colors[color_set, n, j] += sums[6 + j]
