"""Pictures of procedural objects, on the device where the tensors are."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from align4d.datasets.procedural import layout as at
from align4d.datasets.procedural.cameras import FOVY


WHOLE_WINDOW = (0.0, 0.0, math.tan(math.radians(FOVY) / 2))
"""What a camera shows where nothing else is said: see `render_objects`."""


def render_objects(objects: Tensor, cameras: Tensor, size: int = 64, supersampling: int = 2, with_surface: bool = False) -> Tensor:
    """Draws every object from its cameras.

    Args:
        objects: (n, OBJECT_FLOATS) float32, see make_objects.
        cameras: (n, V, 3) float32: elevation, azimuth [rad], distance [longest sides], as rendering.orbit.OrbitCamera's; fovy is FOVY.
            Or (n, V, 6), with the window of the image plane that the picture shows: its middle (right, up) and half its side, as tangents.
        size: side of the pictures [px].
        supersampling: rays per pixel and axis.
        with_surface: two more channels, of the ray through the pixel's middle: depth along the optical axis, and the row of the
            primitive that is met; 0 and 0 where nothing is.

    Returns:
        (n, V, 3 or 5, size, size) float32, sRGB in [0, 1] on white, on the objects' device.
    """
    if objects.shape[1:] != (at.OBJECT_FLOATS,) or cameras.shape[:1] != objects.shape[:1] or cameras.shape[2:] not in ((3,), (6,)):
        raise ValueError(f"objects {tuple(objects.shape)} and cameras {tuple(cameras.shape)} are not (n, {at.OBJECT_FLOATS}) and (n, V, 3 or 6)")
    if cameras.shape[2] == 3:
        cameras = torch.cat([cameras, cameras.new_tensor(WHOLE_WINDOW).expand(*cameras.shape[:2], 3)], -1)
    rows = objects.detach().float().contiguous().view(-1, at.ROWS, at.ROW_FLOATS)
    cameras = cameras.detach().to(rows.device, torch.float32).contiguous()
    images = torch.empty((*cameras.shape[:2], 5 if with_surface else 3, size, size), device=rows.device)
    if images.numel() == 0:
        return images
    if rows.is_cuda:
        from align4d.datasets.procedural import render_cuda  # needs a package that the engine itself does not

        render_cuda.draw_images(rows, cameras, supersampling, images)
    else:
        from align4d.datasets.procedural import render_cpu

        render_cpu.draw_images(rows.numpy(), cameras.numpy(), supersampling, images.numpy())
    return images
