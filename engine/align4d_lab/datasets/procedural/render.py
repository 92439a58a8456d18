"""Pictures of procedural objects, on the device where the tensors are."""

from __future__ import annotations

import torch
from torch import Tensor

from . import layout as at


def render_objects(objects: Tensor, cameras: Tensor, size: int = 64, supersampling: int = 2) -> Tensor:
    """Draws every object from its cameras.

    Args:
        objects: (n, OBJECT_FLOATS) float32, see make_objects.
        cameras: (n, V, 3) float32: elevation, azimuth [rad], distance [longest sides], as cameras.orbit.Orbit's; fovy is FOVY.
        size: side of the pictures [px].
        supersampling: rays per pixel and axis.

    Returns:
        (n, V, 3, size, size) float32, sRGB in [0, 1] on white, on the objects' device.
    """
    if objects.shape[1:] != (at.OBJECT_FLOATS,) or cameras.shape[::2] != (objects.shape[0], 3):
        raise ValueError(f"objects {tuple(objects.shape)} and cameras {tuple(cameras.shape)} are not (n, {at.OBJECT_FLOATS}) and (n, V, 3)")
    rows = objects.detach().float().contiguous().view(-1, at.ROWS, at.ROW_FLOATS)
    cameras = cameras.detach().to(rows.device, torch.float32).contiguous()
    images = torch.empty((*cameras.shape[:2], 3, size, size), device=rows.device)
    if images.numel() == 0:
        return images
    if rows.is_cuda:
        from . import render_cuda  # needs a package that the engine itself does not

        render_cuda.draw_images(rows, cameras, supersampling, images)
    else:
        from . import render_cpu

        render_cpu.draw_images(rows.numpy(), cameras.numpy(), supersampling, images.numpy())
    return images
