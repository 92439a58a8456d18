"""The kernels as one differentiable torch function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import triton
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...kernels.launch import launch
from .gather import gather_kernel, part_gradient_kernel
from .seats import ENTRIES, Seats
from .surface import corner_kernel, ride_kernel, shade_kernel
from .surface_gradient import offset_kernel, ride_backward_kernel, shade_backward_kernel, turn_backward_kernel

RIDING = 64
"""Gaussians that one program moves."""


def ride(
    seats: Seats, turn: Tensor, rotation: Tensor, moved: Tensor, offset: Tensor | None, albedo: Tensor, light: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As `gaussians.fused.ride`, of parts in the place of vertices; the same input gives the same bits.

    The gradient by `rotation` says what turning the parts does: by a matrix that is no rotation it is another.

    Args:
        turn, rotation, moved: (T, K, 4), (T, K, 3, 3) and (T, K, 3), how the parts are turned, and their offsets.
    """
    parts = torch.cat([turn, rotation.flatten(-2), moved], -1)
    means, quats, colors, stretch = _Ride.apply(seats, parts, offset, albedo, light)
    return means, quats, colors, stretch


@dataclass(frozen=True)
class _Size:
    """Frames, parts and Gaussians, and the programs of one frame."""

    frames: int
    parts: int
    count: int

    @property
    def blocks(self) -> int:
        return triton.cdiv(self.count, RIDING)


def move_corners(seats: Seats, parts: Tensor, offset: Tensor | None, corners: Tensor) -> None:
    """Fills `corners` (T, 9, N) of parts (T, K, 16)."""
    frames, number, _ = parts.shape
    count = len(seats.holder)
    blocks = triton.cdiv(3 * count, RIDING)
    launch(
        corner_kernel, frames * blocks, parts.device,
        parts, parts if offset is None else offset, seats.rest, seats.corner, seats.first, seats.carriers, seats.weights, corners,
        int(offset is not None), number, count, blocks, BLOCK=RIDING, warps=2,
    )  # fmt: skip


class _Ride(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, seats: Seats, *tensors: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        parts, offset, albedo, light = (one if one is None else one.contiguous() for one in tensors)
        assert parts is not None and albedo is not None and light is not None
        size = _Size(parts.shape[0], parts.shape[1], len(seats.holder))
        means, quats, colors = (parts.new_empty(size.frames, size.count, width) for width in (3, 4, 3))
        sums, corners = parts.new_empty(size.frames, size.blocks, 2), parts.new_empty(size.frames, 9, size.count)
        move_corners(seats, parts, offset, corners)
        nothing = albedo, seats.corner, albedo, 1.0  # costs anything in depth here
        programs, rest = size.frames * size.blocks, seats.rest
        launch(
            ride_kernel, programs, parts.device,
            parts, corners, rest, seats.holder, *nothing, means, quats, sums, 0, size.parts, size.count, size.blocks, BLOCK=RIDING, warps=2,
        )  # fmt: skip
        launch(shade_kernel, programs, parts.device, corners, rest, albedo, light, colors, size.count, size.blocks, BLOCK=RIDING, warps=2)
        stretch = sums[..., 0].sum(1)
        if not any(ctx.needs_input_grad[1:3]):  # the rasterizer, too, need not ask then
            ctx.mark_non_differentiable(means, quats, stretch)
        ctx.seats, ctx.size = seats, size
        ctx.save_for_backward(parts, offset, albedo, light, colors, corners)
        return means, quats, colors, stretch

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        parts, offset, albedo, light, colors, corners = ctx.saved_tensors
        seats, size, (_, by_parts, by_offset, *learning) = ctx.seats, ctx.size, ctx.needs_input_grad
        learns = any(learning)
        new, blocks, (g_means, g_quats, g_colors, g_stretch) = parts.new_empty, size.blocks, (one.contiguous() for one in gradients)
        g_albedo, g_light = (new(size.frames, *shape) if learns else parts for shape in ((size.count, 3), (blocks, 13, 3)))
        g_normals = new(size.frames, 3, size.count)
        launch(
            shade_backward_kernel, size.frames * blocks, parts.device,
            corners, seats.rest, albedo, light, colors, g_colors, g_normals, g_albedo, g_light, size.count, blocks,
            BLOCK=RIDING, LEARNING=int(learns), warps=2,
        )  # fmt: skip
        g_parts = g_offset = None
        if by_parts or by_offset:
            nothing = albedo, seats.corner, albedo, 1.0
            surface = parts, corners, seats.rest, seats.holder, *nothing, albedo
            g_corners, g_holder = surface_gradient(seats, surface, (g_means, g_quats, g_normals, g_stretch), size.frames, drift=False)
            g_parts = _of_parts(seats, size, parts, offset, g_corners, g_holder) if by_parts else None
            g_offset = _of_offset(seats, size, parts, g_corners) if by_offset else None
        learned = (g_albedo.sum(0), g_light.sum((0, 1))) if learns else (None, None)
        return None, g_parts, g_offset, *learned


def surface_gradient(
    seats: Seats, surface: tuple[Tensor | float, ...], gradients: tuple[Tensor, Tensor, Tensor, Tensor], frames: int, drift: bool
) -> tuple[Tensor, Tensor]:
    """What pulls at corners (T, 9, N), and at the parts that hold triangles (T, 3, N).

    Args:
        surface: the first arguments of `turn_backward_kernel`.
        gradients: of means, quaternions, normals and the stretch.
    """
    parts, corners = surface[:2]
    assert isinstance(parts, Tensor) and isinstance(corners, Tensor)
    count = len(seats.holder)
    blocks = triton.cdiv(count, RIDING)
    g_frames, g_holder, g_corners = (parts.new_empty(frames, width, count) for width in (12, 3, 9))
    launch(
        turn_backward_kernel, frames * blocks, parts.device,
        *surface, *gradients[:3], g_frames, g_holder, int(drift), parts.shape[1], count, blocks, BLOCK=RIDING, warps=2,
    )  # fmt: skip
    launch(
        ride_backward_kernel, frames * blocks, parts.device,
        corners, seats.rest, g_frames, gradients[3], g_corners, count, blocks, BLOCK=RIDING, warps=2,
    )  # fmt: skip
    return g_corners, g_holder


def _of_parts(seats: Seats, size: _Size, parts: Tensor, offset: Tensor | None, g_corners: Tensor, g_holder: Tensor) -> Tensor:
    """The gradient of the parts, from those of corners and of what turns with the part that holds it."""
    chunks = len(seats.table)
    pulls, g_parts = parts.new_empty(size.frames, chunks, 6), torch.empty_like(parts)
    launch(
        gather_kernel, size.frames * chunks, parts.device,
        parts, parts if offset is None else offset, seats.rest, g_corners, g_holder, seats.table, seats.entries, seats.by, pulls,
        int(offset is not None), size.parts, size.count, chunks, BLOCK=ENTRIES,
    )  # fmt: skip
    launch(
        part_gradient_kernel, size.frames, parts.device,
        parts, pulls, seats.chunks, g_parts, size.parts, chunks, BLOCK=max(64, triton.next_power_of_2(size.parts)), warps=2,
    )  # fmt: skip
    return g_parts


def _of_offset(seats: Seats, size: _Size, parts: Tensor, g_corners: Tensor) -> Tensor:
    """The gradient of what moves triangles."""
    g_offset = parts.new_empty(size.frames, size.count, 3)
    launch(
        offset_kernel, size.frames * size.blocks, parts.device,
        parts, seats.corner, seats.first, seats.carriers, seats.weights, g_corners, g_offset, size.parts, size.count, size.blocks,
        BLOCK=RIDING, warps=2,
    )  # fmt: skip
    return g_offset
