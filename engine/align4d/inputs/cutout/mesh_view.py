"""The mesh as it is seen in a frame of the clip: evidence of where the object is, by its outline and by the colors that it has there."""

from __future__ import annotations

import dataclasses

import numpy as np

from .shapes import reduced

OFF = 2
"""How far from its place the mesh's color may be seen [px]."""
NOISE = 14.0
"""Standard deviation, of 255, of a color from what the mesh has there in the light that was found."""
UNLIKELY = -30.0
"""Log density where no mesh is near."""


@dataclasses.dataclass(frozen=True)
class MeshView:
    """Attributes:
    coverage: (h, w) float32 in [0, 1].
    color: (h, w, 3) float32 in [0, 255], as lit, anything where nothing is covered; None where only the outline is known.
    """

    coverage: np.ndarray
    color: np.ndarray | None

    def part(self, area: tuple[slice, slice]) -> MeshView:
        """Some of its rows and columns."""
        return MeshView(self.coverage[area], None if self.color is None else self.color[area])

    def reduced(self, side: int) -> MeshView:
        """The same with a longest side of at most `side`."""
        coverage = reduced(self.coverage, side)
        if self.color is None:
            return MeshView(coverage, None)
        covered = np.stack([reduced(np.ascontiguousarray(channel * self.coverage), side) for channel in np.moveaxis(self.color, -1, 0)], axis=-1)
        return MeshView(coverage, covered / np.maximum(coverage, 1e-6)[..., None])

    def density(self, picture: np.ndarray) -> np.ndarray | None:
        """(h, w) float32 log density of the colors of a picture (h, w, 3) in [0, 255], among those that the mesh has close by; None without."""
        if self.color is None:
            return None
        height, width = self.coverage.shape
        color = np.pad(self.color, ((OFF, OFF), (OFF, OFF), (0, 0)))
        covered = np.pad(self.coverage > 0.5, OFF)
        alike, count = np.zeros((height, width)), np.zeros((height, width))
        for down, right in np.ndindex(2 * OFF + 1, 2 * OFF + 1):
            if (down - OFF) ** 2 + (right - OFF) ** 2 > OFF**2 + 1:
                continue
            place = slice(down, down + height), slice(right, right + width)
            apart = ((picture - color[place]) ** 2).sum(axis=2)
            alike += np.where(covered[place], np.exp(-apart / (2 * NOISE**2)), 0)
            count += covered[place]
        peak = -3 * np.log(NOISE) - 1.5 * np.log(2 * np.pi)
        density: np.ndarray = np.where(count > 0, np.log(alike / np.maximum(count, 1) + 1e-12) + peak, UNLIKELY)
        return density.astype(np.float32)
