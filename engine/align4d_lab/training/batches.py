"""Batches of rendered procedural objects, made while the last step computes."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from ..datasets.procedural import HELD_OUT_SEED, make_moving_objects, make_objects, render_objects, sample_cameras
from .settings import TrainingSettings


@dataclass(frozen=True)
class Batch:
    """Attributes:
    pictures: (n, 1 + T, 3, S, S) in [-1, 1]; the first is the condition.
    cameras: (n, 1 + T, 3) elevation, azimuth [rad], distance.
    moved: (m, T, 3, S, S) pictures of the first m objects after they have moved on, from the same cameras; m may be 0.
    """

    pictures: Tensor
    cameras: Tensor
    moved: Tensor

    @property
    def noised(self) -> Tensor:
        """(n, T, 3, S, S): what noise is added to."""
        return torch.cat([self.moved, self.pictures[len(self.moved) :, 1:]])


class Batches:
    """Endless batches; objects never repeat, and held-out ones never come."""

    def __init__(self, settings: TrainingSettings, size: int, device: torch.device, rank: int, ranks: int, first: int) -> None:
        """`first`: number of objects that earlier steps of this seed have used up on all ranks."""
        self.settings, self.size, self.device = settings, size, device
        self.rank, self.ranks = rank, ranks
        self.next = (settings.seed * 100_000_007 + first) % HELD_OUT_SEED
        self.generator = torch.Generator(device).manual_seed(settings.seed * 1009 + rank + first)
        self.worker = ThreadPoolExecutor(1)
        self.coming = self.worker.submit(self._objects)

    def _objects(self) -> Tensor:
        count = self.settings.objects
        first = (self.next + self.rank * count) % (HELD_OUT_SEED - count)
        self.next = (self.next + self.ranks * count) % HELD_OUT_SEED
        objects = torch.from_numpy(make_moving_objects(first, count))
        return objects.pin_memory() if self.device.type == "cuda" else objects

    def draw(self) -> Batch:
        """The next batch."""
        objects = self.coming.result().to(self.device, non_blocking=True)
        self.coming = self.worker.submit(self._objects)
        return render_batch(objects, self.settings, self.size, self.generator)


def render_batch(objects: Tensor, settings: TrainingSettings, size: int, generator: torch.Generator) -> Batch:
    """Objects (n, 2, F) of `make_moving_objects`, seen by random cameras."""
    cameras = sample_cameras(len(objects), 1 + settings.targets, generator, objects.device)
    moving = round(settings.moved_share * len(objects))
    pictures = render_objects(objects[:, 0], cameras, size, settings.supersampling)
    moved = render_objects(objects[:moving, 1], cameras[:moving, 1:], size, settings.supersampling)
    return Batch(pictures * 2 - 1, cameras, moved * 2 - 1)


HELD_OUT_AZIMUTHS = (30.0, 90.0, 180.0)


def held_out_batch(count: int, size: int, device: torch.device) -> Batch:
    """Objects that are never trained on, as the product looks at them: all views of one from one height and distance."""
    objects = torch.from_numpy(make_objects(HELD_OUT_SEED, count)).to(device)
    cameras = _held_out_cameras(count, device)
    pictures = render_objects(objects, cameras, size, 2) * 2 - 1
    return Batch(pictures, cameras, pictures[:0, 1:])


def held_out_moves(count: int, size: int, device: torch.device) -> Batch:
    """As `held_out_batch`, of objects in a pose; all of them move."""
    objects = torch.from_numpy(make_moving_objects(HELD_OUT_SEED, count)).to(device)
    cameras = _held_out_cameras(count, device)
    pictures, moved = (render_objects(objects[:, i], cameras[:, i:], size, 2) * 2 - 1 for i in (0, 1))
    return Batch(pictures, cameras, moved)


def _held_out_cameras(count: int, device: torch.device) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    first = sample_cameras(count, 1, generator, torch.device("cpu"))
    cameras = first.repeat(1, 1 + len(HELD_OUT_AZIMUTHS), 1)
    cameras[:, 1:, 1] += torch.tensor([math.radians(azimuth) for azimuth in HELD_OUT_AZIMUTHS])
    return cameras.to(device)
