"""The deformation field of the method: a HexPlane over (x, y, z, time) and a small MLP, D(x, time) -> offsets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class HexPlaneSettings:
    """Sizes of the field, DG4D's (ALGORITHM: "Representation").

    Attributes:
        resolution: cells of a plane along each spatial axis.
        time_resolution: cells along time; 0 means one per frame.
        channels: features of a plane.
        width: of the MLP.
        bound: the field covers [-bound, bound]^3.
    """

    resolution: int = 32
    time_resolution: int = 0
    channels: int = 32
    width: int = 64
    bound: float = 1.6


class Offsets(NamedTuple):
    """Added to the Gaussians before activation.

    Attributes:
        center: (T, N, 3), world units.
        log_scale: (T, N, 3).
        rotation: (T, N, 4), added to the quaternion wxyz.
    """

    center: Tensor
    log_scale: Tensor
    rotation: Tensor


class Places(NamedTuple):
    """Where in a field's planes N points are.

    Attributes:
        pairs: (3, 1, N, 2) in the spatial planes, from -1 to 1.
        hats: (3, N, cells) how much each cell of an axis counts.
    """

    pairs: Tensor
    hats: Tensor


class HexPlaneField(nn.Module):
    """D(x, time): six planes multiplied, then an MLP with one residual head per output.

    The last layers start at zero, so that a new field is exactly the rest pose. The three spatial planes are looked up
    once per call and shared by all frames of it.

    Args:
        frames: number of frames of the clip; time runs from 0 (first) to 1 (last).
        settings: sizes.
        generator: source of randomness.
    """

    frame_times: Tensor

    def __init__(self, frames: int, settings: HexPlaneSettings | None = None, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or HexPlaneSettings()
        size, channels, times = settings.resolution, settings.channels, settings.time_resolution or max(2, frames)
        spatial = torch.empty(3, channels, size, size).uniform_(0.1, 0.5, generator=generator)
        self.spatial = nn.Parameter(spatial)
        self.temporal = nn.Parameter(torch.ones(3, channels, times, size))
        self.trunk = nn.Linear(channels, settings.width)
        heads = [ResidualHead(settings.width, outputs) for outputs in (3, 3, 4)]
        self.heads = nn.ModuleList(heads)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                bound = layer.in_features**-0.5
                nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
                nn.init.zeros_(layer.bias)
        for head in heads:
            nn.init.zeros_(head.last.weight)
        self.register_buffer("frame_times", torch.linspace(0, 1, max(2, frames)), persistent=False)

    def at_frames(self, points: Tensor, frames: Tensor) -> Offsets:
        """Offsets at rest positions `points` (N, 3) in the frames `frames` (F,) int64, which are on its device."""
        return self(points, self.frame_times.index_select(0, frames))

    def at_frame(self, points: Tensor, frame: int) -> Offsets:
        """Offsets (1, N, ...) at rest positions `points` (N, 3) in one frame."""
        return self(points, self.frame_times[frame : frame + 1])

    def centers_at(self, points: Tensor, frames: Tensor) -> Tensor:
        """What `at_frames` adds to the centers alone, (F, N, 3), in less than half of the time."""
        places = self.places(points)
        return self.centers_of(places, self.of_places(places), frames)

    def centers_of(self, places: Places, of_places: Tensor, frames: Tensor) -> Tensor:
        """The same, of what `places` and `of_places` made of the points: the same for all frames."""
        hidden = self.trunk(of_places * self._of_times(places, self.frame_times.index_select(0, frames)))
        center: Tensor = self.heads[0](hidden)
        return center

    def grid_parameters(self) -> list[nn.Parameter]:
        """The planes, which learn faster than the MLP."""
        return [self.spatial, self.temporal]

    def network_parameters(self) -> list[nn.Parameter]:
        """The MLP."""
        return [*self.trunk.parameters(), *self.heads.parameters()]

    def of_time(self) -> list[Tensor]:
        """The parameters of `centers_of` beside those that `of_places` has."""
        return [self.temporal, *self.trunk.parameters(), *self.heads[0].parameters()]

    def forward(self, points: Tensor, times: Tensor) -> Offsets:
        """Offsets at rest positions `points` (N, 3) and `times` (T,) in [0, 1]."""
        hidden = self.trunk(self._features(points, times))
        return Offsets(*(head(hidden) for head in self.heads))

    def places(self, points: Tensor) -> Places:
        """Where in the planes rest positions `points` (N, 3) are."""
        unit = (points / self.settings.bound).clamp(-1, 1)
        pairs = torch.stack([unit[:, :2], unit[:, ::2], unit[:, 1:]])[:, None]
        position = (unit + 1) / 2 * (self.temporal.shape[3] - 1)
        # linear interpolation as a product with hat functions: its gradient is a product as well, not a scattered sum
        cells = torch.arange(self.temporal.shape[3], device=points.device)
        return Places(pairs, (1 - (position.t()[..., None] - cells).abs()).clamp_min(0))

    def of_places(self, places: Places) -> Tensor:
        """(N, channels), the product of the three spatial planes."""
        lookup = nn.functional.grid_sample(self.spatial, places.pairs, mode="bilinear", align_corners=True)
        first, second, third = lookup[:, :, 0].unbind()
        return (first * second * third).t()

    def _of_times(self, places: Places, times: Tensor) -> Tensor:
        """(T, N, channels), the product of the three others."""
        rows = _lerp(self.temporal, times * (self.temporal.shape[2] - 1), dim=2)
        x, y, z = (hat @ row.permute(1, 2, 0) for hat, row in zip(places.hats, rows, strict=True))
        return x * y * z

    def _features(self, points: Tensor, times: Tensor) -> Tensor:
        """The product of the six planes, (T, N, channels)."""
        places = self.places(points)
        return self.of_places(places) * self._of_times(places, times)


class ResidualHead(nn.Module):
    """ReLU, x + Linear(x), ReLU, Linear to the outputs."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)
        self.last = nn.Linear(width, outputs)

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., width) to (..., outputs)."""
        hidden = torch.relu(hidden)
        return self.last(torch.relu(hidden + self.inner(hidden)))


def _lerp(table: Tensor, position: Tensor, dim: int) -> Tensor:
    """Linear interpolation of `table` along `dim` at fractional indices `position` (M,)."""
    low = position.floor().clamp(0, table.shape[dim] - 2).long()
    shape = [1] * table.dim()
    shape[dim] = -1
    part = (position - low).reshape(shape)
    return torch.lerp(table.index_select(dim, low), table.index_select(dim, low + 1), part)
