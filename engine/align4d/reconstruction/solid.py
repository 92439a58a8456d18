"""The object's surface: the picture's outline, as deep as the surrounding views say, as round at its edges as an inflated outline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_closing, distance_transform_edt, gaussian_filter
from skimage.measure import label, marching_cubes
from skimage.morphology import disk, remove_small_holes

from .carving import Lattice, evidence_against
from .inflation import inflated
from .shot import SOLID
from .surrounding_views import SurroundingViews

EVEN = 0.6
"""Standard deviation of the blur before marching cubes [cells]."""

DOUBT = 0.02
"""Evidence against a cell for each cell that it lies off the middle."""

LEAST_PART = 0.01
"""Of the largest part's surface; smaller parts are dust."""


@dataclass(frozen=True)
class SolidSettings:
    """Attributes:
    side: of the picture behind which the object is carved [px]; the object fills most of it.
    tolerated: evidence up to which a place counts as matter; two of 24 views may be sure that it is none.
    allowance: evidence above the least of a pixel's places that always counts as matter: an outline that the views do not know stays.
    ceiling: evidence beyond which nothing is told apart.
    blurs: standard deviations [cells] of the blurs of the evidence that are averaged: the first keeps shape, the last finds the middle.
    spread: standard deviation [cells] over which the ratio of carved to inflated thickness is evened out.
    thinnest, thickest: limits of that ratio.
    smoothing: iterations of Taubin's filter on the mesh.
    """

    side: int = 80
    tolerated: float = 8.0
    allowance: float = 3.0
    ceiling: float = 30.0
    blurs: tuple[float, ...] = (1.5, 5.0)
    spread: float = 4.0
    thinnest: float = 0.5
    thickest: float = 4.0
    smoothing: int = 12


@dataclass(frozen=True)
class Surface:
    """A closed surface.

    Attributes:
        vertices: (V, 3) float64, world.
        triangles: (F, 3) int32, counter-clockwise seen from outside.
    """

    vertices: np.ndarray
    triangles: np.ndarray


def carve(lattice: Lattice, coverage: np.ndarray, views: SurroundingViews | None, settings: SolidSettings) -> Surface:
    """The surface behind the mask `coverage` (side, side) in [0, 1].

    Args:
        views: what speaks against matter; without any, the outline is inflated.
    """
    mask = _main_part(coverage > SOLID)
    half = inflated(mask)
    rows, columns = np.nonzero(mask)
    against = np.zeros((len(lattice.depths), *mask.shape), np.float32)
    cells = 2 * half
    if views is not None:
        against[:, rows, columns] = np.minimum(evidence_against(lattice, rows, columns, views), settings.ceiling).T
        cells = cells * _depth_ratio(against, mask, half, settings)
        against = _blurred(against, mask, settings.blurs)
    # where nothing else speaks, the middle is as good as anything
    against = against + DOUBT * np.abs(np.arange(len(against)) - (len(against) - 1) / 2)[:, None, None]
    inside = _exactly_as_deep(against, mask, cells)

    def to_world(places: np.ndarray) -> np.ndarray:
        layer, row, column = places.T
        return lattice.to_world(column + 0.5, row + 0.5, lattice.depths[0] + layer * lattice.step)

    return polygonised(inside, to_world, settings.smoothing)


def _main_part(mask: np.ndarray) -> np.ndarray:
    """The largest connected part and those of at least a hundredth of its size, with small holes and narrow gaps closed.

    A mask that was keyed from a white background lacks what is white on the object: a gleam, a belt.
    """
    closed = binary_closing(np.pad(mask, 4), disk(2))[4:-4, 4:-4]
    parts = label(closed, connectivity=1)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    kept = (sizes >= 0.01 * sizes.max())[parts] & closed
    return remove_small_holes(kept, max_size=int(0.007 * kept.sum()))


def _depth_ratio(against: np.ndarray, mask: np.ndarray, half: np.ndarray, settings: SolidSettings) -> np.ndarray:
    """(side, side) carved over inflated thickness, evened out with most weight on the ridges, where carving knows best."""
    least = against.min(axis=0)
    bound = np.maximum(settings.tolerated, np.minimum(least + settings.allowance, settings.ceiling - 1e-3))
    carved = np.where(mask, (against <= bound).sum(axis=0), 0)
    weight = np.where(mask, half**2, 0.0)
    mean = [gaussian_filter(weight * one, settings.spread, mode="constant") for one in (carved, 2 * half)]
    return np.clip(mean[0] / np.maximum(mean[1], 1e-9), settings.thinnest, settings.thickest)


def _blurred(against: np.ndarray, mask: np.ndarray, blurs: tuple[float, ...]) -> np.ndarray:
    """The evidence, blurred inside of the mask (what lies outside of it has no say)."""
    weight = np.broadcast_to(mask, against.shape).astype(np.float32)
    return np.mean([gaussian_filter(against * weight, blur) / np.maximum(gaussian_filter(weight, blur), 1e-6) for blur in blurs], axis=0)


def _exactly_as_deep(against: np.ndarray, mask: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """(D, side, side) positive inside: behind every pixel of the mask the `cells` places with the least evidence against them."""
    rows, columns = np.nonzero(mask)
    column = against[:, rows, columns]
    ordered = np.sort(column, axis=0)
    rank = np.clip(cells[rows, columns] - 0.5, 0.0, len(ordered) - 1.001)
    whole = np.floor(rank).astype(int)
    pixel = np.arange(len(rows))
    bound = ordered[whole, pixel] + (rank - whole) * (ordered[whole + 1, pixel] - ordered[whole, pixel])
    # in cells: by the slope where the surface will be, so that neighboring pixels of unlike evidence fit together
    slope = np.maximum(ordered[np.minimum(whole + 2, len(ordered) - 1), pixel] - ordered[np.maximum(whole - 2, 0), pixel], 2 * DOUBT) / 2
    inside = np.zeros(against.shape, np.float32)
    inside[:, rows, columns] = np.clip((bound - column) / slope, -3.0, 3.0)
    # beyond the outline as negative as the nearest place within is positive: the surface goes half way between the two
    near = distance_transform_edt(~mask, return_distances=False, return_indices=True)
    return np.where(mask, inside, -np.abs(inside[:, near[0], near[1]]))


def polygonised(inside: np.ndarray, to_world: Callable[[np.ndarray], np.ndarray], smoothing: int) -> Surface:
    """Marching cubes, then Taubin's filter, which evens the triangles out without shrinking the shape.

    Args:
        inside: (A, B, C) positive inside; in cells, near the surface.
        to_world: from places (V, 3) in index space to the world.
        smoothing: iterations.

    Raises:
        ValueError: where nothing is inside.
    """
    import trimesh  # every engine would start later with it

    field = np.pad(gaussian_filter(inside, EVEN), 1, constant_values=-1.0)
    if not field.max() > 0:
        raise ValueError("nothing is inside")
    places, triangles, _, _ = marching_cubes(field, 0.0)
    mesh = trimesh.Trimesh(to_world(places - 1.0), triangles, process=False)
    parts = mesh.split(only_watertight=True)
    if len(parts) > 1:
        largest = max(part.area for part in parts)
        mesh = trimesh.util.concatenate([part for part in parts if part.area >= LEAST_PART * largest])
    if mesh.volume < 0:
        mesh.invert()
    trimesh.smoothing.filter_taubin(mesh, iterations=smoothing)
    return Surface(np.asarray(mesh.vertices), np.asarray(mesh.faces, np.int32))
