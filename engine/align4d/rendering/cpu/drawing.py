"""Pictures by the CPU kernels, as arrays, and the gradients of what they show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..types import Cameras
from .binning import count_pairs, fill_pairs
from .geometry import LANES, ROWS, SLOT_WIDTH, SPLAT_WIDTH, project
from .geometry_gradient import project_backward
from .threads import run
from .tiles import blend, blend_backward

Array = np.ndarray


@dataclass(frozen=True)
class Lens:
    """What the projection needs beside the Gaussians.

    Attributes:
        poses, intrinsics: (C, 4, 4) and (C, 3, 3) float64.
        size: height and width [px].
        near, low_pass: see `Cameras` and `rasterize`.
    """

    poses: Array
    intrinsics: Array
    size: tuple[int, int]
    near: float
    low_pass: float

    @staticmethod
    def of(cameras: Cameras, size: tuple[int, int], low_pass: float) -> Lens:
        """Of cameras, wherever they are."""
        return Lens(_float64(cameras.viewmats), _float64(cameras.Ks), size, float(cameras.near), float(low_pass))

    @property
    def tiles(self) -> tuple[int, int]:
        """Tiles across and down."""
        return -(-self.size[1] // LANES), -(-self.size[0] // ROWS)


@dataclass(frozen=True)
class _Bins:
    """Which Gaussians touch which tile; see `binning`."""

    splats: Array
    pairs: Array
    first_pair: Array
    first_slot: Array
    tile_order: Array


def _float64(tensor: Tensor) -> Array:
    return np.ascontiguousarray(tensor.detach().cpu().double().numpy())


def _bin(arrays: list[Array], lens: Lens) -> _Bins:
    """Project all Gaussians into all cameras and sort them into tiles."""
    cameras, count = len(lens.poses), arrays[0].shape[1]
    height, width = lens.size
    across, down = lens.tiles
    splats = np.empty((cameras, count, SPLAT_WIDTH), np.float32)
    rects, depths = np.empty((cameras, count, 4), np.int32), np.empty((cameras, count), np.float32)
    run(project, depths.size, *arrays, lens.poses, lens.intrinsics, width, height, lens.near, lens.low_pass, splats, rects, depths)
    in_tile, first_slot = np.zeros((cameras, across * down), np.int64), np.empty((cameras, count + 1), np.int64)
    run(count_pairs, depths.size, rects, across, in_tile, first_slot)
    first_pair = np.zeros(in_tile.size + 1, np.int64)
    np.cumsum(in_tile, out=first_pair[1:])
    first_slot += first_pair[: -1 : across * down, None]
    pairs = np.empty((int(first_pair[-1]), 2), np.int32)
    run(fill_pairs, len(pairs), rects, depths, across, first_pair, first_slot, pairs)
    return _Bins(splats, pairs, first_pair, first_slot, np.argsort(-in_tile.reshape(-1), kind="stable"))


@dataclass(frozen=True)
class Drawing:
    """Pictures of Gaussians.

    Attributes:
        arrays: means, quaternions, scales, opacities and colors, with a leading set dimension each, float32.
        color, alpha: (C, 3, H, W) and (C, 1, H, W).
        final, closed_by: see `tiles.blend`.
    """

    arrays: list[Array]
    lens: Lens
    bins: _Bins
    color: Array
    alpha: Array
    final: Array
    closed_by: Array

    @staticmethod
    def of(arrays: list[Array], lens: Lens, background: Array) -> Drawing:
        """Draws them in front of a background (3,). Uses as many threads as `threads.run` gives; the result does not depend on how many."""
        bins = _bin(arrays, lens)
        shape = (len(lens.poses), *lens.size)
        color, alpha = np.empty((shape[0], 3, *lens.size), np.float32), np.empty((shape[0], 1, *lens.size), np.float32)
        final, closed_by = np.empty(shape, np.float32), np.empty(shape, np.float32)
        run(blend, len(bins.pairs), bins.pairs, bins.first_pair, bins.tile_order, bins.splats, background, color, alpha, final, closed_by)
        return Drawing(arrays, lens, bins, color, alpha, final, closed_by)

    def gradients(self, g_color: Array, g_alpha: Array, coloring: bool, moving: bool) -> list[Array]:
        """Of `arrays`, from those of the pictures.

        Args:
            coloring: that of the colors is all that is asked for.
            moving: those of means, quaternions and scales are asked for; else they are zero.
        """
        bins, lens = self.bins, self.lens
        slots = np.empty((len(bins.pairs), SLOT_WIDTH), np.float32)
        run(
            blend_backward, len(bins.pairs),
            bins.pairs, bins.first_pair, bins.tile_order, bins.splats, self.color, self.final, self.closed_by, g_color, g_alpha, coloring, slots,
        )  # fmt: skip
        found = [np.zeros_like(array) for array in self.arrays]
        height, width = lens.size
        run(
            project_backward, bins.first_slot.size,
            *self.arrays, lens.poses, lens.intrinsics, width, height, lens.low_pass, slots, bins.first_slot, moving, *found,
        )  # fmt: skip
        return found
