"""Batches of rendered procedural objects, made while the last step computes."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from ..datasets.procedural import HELD_OUT_SEED, make_objects, render_objects, sample_cameras
from .settings import TrainingSettings


@dataclass(frozen=True)
class Batch:
    """Attributes:
    pictures: (n, 1 + T, 3, S, S) in [-1, 1]; the first is the condition.
    cameras: (n, 1 + T, 3) elevation, azimuth [rad], distance.
    """

    pictures: Tensor
    cameras: Tensor


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
        objects = torch.from_numpy(make_objects(first, count))
        return objects.pin_memory() if self.device.type == "cuda" else objects

    def draw(self) -> Batch:
        """The next batch."""
        objects = self.coming.result().to(self.device, non_blocking=True)
        self.coming = self.worker.submit(self._objects)
        return render_batch(objects, self.settings, self.size, self.generator)


def render_batch(objects: Tensor, settings: TrainingSettings, size: int, generator: torch.Generator) -> Batch:
    """Objects (n, F) seen by random cameras."""
    cameras = sample_cameras(len(objects), 1 + settings.targets, generator, objects.device)
    return Batch(render_objects(objects, cameras, size, settings.supersampling) * 2 - 1, cameras)


HELD_OUT_AZIMUTHS = (30.0, 90.0, 180.0)


def held_out_batch(count: int, size: int, device: torch.device) -> Batch:
    """Objects that are never trained on, as the product looks at them: all views of one from one height and distance."""
    generator = torch.Generator().manual_seed(0)
    objects = torch.from_numpy(make_objects(HELD_OUT_SEED, count)).to(device)
    first = sample_cameras(count, 1, generator, torch.device("cpu"))
    cameras = first.repeat(1, 1 + len(HELD_OUT_AZIMUTHS), 1)
    cameras[:, 1:, 1] += torch.tensor([math.radians(azimuth) for azimuth in HELD_OUT_AZIMUTHS])
    cameras = cameras.to(device)
    return Batch(render_objects(objects, cameras, size, 2) * 2 - 1, cameras)
