"""The kernels as one differentiable torch function."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...rendering.cpu.threads import run
from .backward import TURN_WIDTH, gather, ride_backward
from .forward import ride_kernel
from .pairs import Carriers, of_pairs
from .surface import BLOCK, REST_WIDTH


@dataclass(frozen=True)
class Rider:
    """What of N Gaussians and their triangles does not change while they move, float32 on the processor.

    Attributes:
        rest: (N, 37), one after the other the triangle's corners (9), the Gaussian's barycentric coordinates (3), its center from there
            in the triangle's frame (3), its shading normal in that frame (3), the frame's columns (9), the lengths of the edges (3),
            what their changes are relative to (3), and the Gaussian's quaternion (4).
        holder: (N,) int32, the part whose turn the Gaussian follows.
        corner: (N, 3) int32, which of V vertices the triangle's corners are.
    """

    rest: np.ndarray
    holder: np.ndarray
    corner: np.ndarray

    @cached_property
    def corners_of(self) -> tuple[np.ndarray, np.ndarray]:
        """Where those of each vertex begin (V + 1,) in all corners, ordered by their vertices (3N,)."""
        vertex = self.corner.flatten()
        return np.concatenate([[0], np.cumsum(np.bincount(vertex))]), np.argsort(vertex, kind="stable")


def ride(
    rider: Rider, affine: Tensor, rotation: Tensor, turn: Tensor, offset: Tensor | None, albedo: Tensor, light: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gaussians on triangles whose vertices move by affine maps; differentiable once in all tensors.

    The same input gives the same bits, whatever the number of threads.

    Args:
        affine: (V, T, 12) of each vertex: its matrix, row after row, and its offset.
        rotation, turn: (T, K, 3, 3) and (T, K, 4), how the parts are turned, as matrices and as quaternions wxyz.
        offset: (T, N, 3), moves a triangle before it follows its parts; or None.
        albedo: (N, 3) linear RGB.
        light: (13, 3), see `alignment.lighting.Lighting`.

    Returns:
        Means (T, N, 3), quaternions (T, N, 4), sRGB (T, N, 3), and (T,) the mean squared relative change of the edges' lengths.
    """
    nothing = affine.new_empty(0, 0, 3) if offset is None else offset
    means, quats, colors, stretch = _Ride.apply(rider, affine, rotation, turn, nothing, albedo, light)
    return means, quats, colors, stretch


def compile_kernels() -> None:
    """Runs the kernels once, so that their machine code lies on the disk: that takes seconds the first time."""
    rider = Rider(np.ones((1, REST_WIDTH), np.float32), np.zeros(1, np.int32), np.arange(3, dtype=np.int32)[None])
    shapes = (3, 1, 12), (1, 1, 3, 3), (1, 1, 4), (1, 3), (13, 3)
    affine, rotation, turn, albedo, light = (torch.ones(shape, requires_grad=True) for shape in shapes)
    torch.cat([one.flatten() for one in ride(rider, affine, rotation, turn, None, albedo, light)]).sum().backward()
    of_pairs(Carriers.of(np.ones((1, 1), np.float32)), np.ones((1, 3), np.float32), np.ones((1, 3, 3), np.float32))


@dataclass(frozen=True)
class Ridden:
    """Gaussians on triangles whose vertices moved, as arrays; arguments and results of `ride`.

    Attributes:
        given: affine, rotation, turn, offset (empty where there is none), albedo and light.
        means, quats, colors, stretch: what came of them.
    """

    rider: Rider
    given: tuple[np.ndarray, ...]
    means: np.ndarray
    quats: np.ndarray
    colors: np.ndarray
    stretch: np.ndarray

    @staticmethod
    def of(rider: Rider, affine: np.ndarray, rotation: np.ndarray, turn: np.ndarray, offset: np.ndarray, *color: np.ndarray) -> Ridden:
        """Moves them; `color` is albedo and light."""
        frames, count = affine.shape[1], len(rider.rest)
        means, quats, colors = (np.empty((frames, count, width), np.float32) for width in (3, 4, 3))
        stretch = np.empty((frames, -(-count // BLOCK)))
        given = affine, rotation, turn, offset, *color
        run(ride_kernel, frames * count, *_with_rest(rider, given), means, quats, colors, stretch)
        return Ridden(rider, given, means, quats, colors, (stretch.sum(1) / (3 * count)).astype(np.float32))

    def gradients(
        self, g_means: np.ndarray, g_quats: np.ndarray, g_colors: np.ndarray, g_stretch: np.ndarray, moving: bool, learning: bool
    ) -> tuple[np.ndarray, ...]:
        """Of `given`, from those of the results.

        Args:
            moving: those of the first four are asked for.
            learning: those of albedo and light are asked for.
        """
        rider, (affine, rotation, turn, offset, albedo, light) = self.rider, self.given
        frames, count, blocks = affine.shape[1], len(rider.rest), -(-len(rider.rest) // BLOCK)
        g_corners, g_offset, g_albedo = np.empty((count, frames, 3, 3), np.float32), np.empty_like(offset), np.zeros_like(albedo)
        g_turn, g_light = np.zeros((blocks, frames, turn.shape[1], TURN_WIDTH)), np.zeros((blocks, *light.shape))
        felt = self.colors, g_means, g_quats, g_colors, g_stretch / (3 * count)
        given = _with_rest(rider, self.given)
        run(ride_backward, frames * count, *given, *felt, moving, learning, g_corners, g_turn, g_offset, g_albedo, g_light)
        g_affine = np.empty_like(affine)
        if moving:
            run(gather, frames * count, offset, rider.rest, *rider.corners_of, g_corners, g_affine)
        turned = g_turn.sum(0).astype(np.float32)
        g_rotation, g_turned = turned[..., :9].reshape(rotation.shape), turned[..., 9:]
        return g_affine, g_rotation, g_turned, g_offset, g_albedo, g_light.sum(0).astype(np.float32)


def _with_rest(rider: Rider, given: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """As the kernels take them."""
    return *given[:4], rider.rest, rider.corner, rider.holder, *given[4:]


class _Ride(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rider: Rider, *tensors: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        ridden = Ridden.of(rider, *(_array(tensor) for tensor in tensors))
        moved, turned, shown, changed = map(torch.from_numpy, (ridden.means, ridden.quats, ridden.colors, ridden.stretch))
        if not any(ctx.needs_input_grad[1:5]):  # the rasterizer, too, need not ask then
            ctx.mark_non_differentiable(moved, turned, changed)
        ctx.ridden = ridden
        ctx.save_for_backward(*tensors, shown)  # torch then notices where somebody has changed them
        return moved, turned, shown, changed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        ridden: Ridden = ctx.ridden
        assert ctx.saved_tensors
        _, *wanted = ctx.needs_input_grad
        g_means, g_quats, g_colors, g_stretch = (_array(one) for one in gradients)
        found = ridden.gradients(g_means, g_quats, g_colors, g_stretch, moving=any(wanted[:4]), learning=any(wanted[4:]))
        asked = (torch.from_numpy(np.ascontiguousarray(one)) if is_asked else None for one, is_asked in zip(found, wanted, strict=True))
        return None, *asked


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()
