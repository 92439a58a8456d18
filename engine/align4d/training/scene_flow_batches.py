"""Batches of posed procedural objects with their true scene flow, made while the last step computes."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ..datasets.procedural import HELD_OUT_SEED, render_objects
from ..datasets.procedural import layout as at
from ..datasets.procedural.articulation import make_posed_objects
from ..priors.scene_flow import PicturePairs

POSED_SEED = 1 << 30
"""Objects from this seed on, up to the held-out ones, are posed: the multiview prior's training does not come here."""


@dataclass(frozen=True)
class FlowBatch:
    """Attributes:
    pairs: what the network sees.
    motion: (n, 3, S, S) true motion of the surface at rest, in the camera's axes, in longest sides.
    seen: (n, 1, S, S) 1 where a pixel sees the surface at rest.
    depth: (n, 1, S, S) true depth of the posed surface beyond the object's centre at rest.
    posed_seen: (n, 1, S, S) 1 where a pixel sees the posed surface.
    """

    pairs: PicturePairs
    motion: Tensor
    seen: Tensor
    depth: Tensor
    posed_seen: Tensor


class FlowBatches:
    """Endless batches; objects never repeat, and held-out ones never come."""

    def __init__(self, count: int, size: int, seed: int, device: torch.device, rank: int, ranks: int, first: int) -> None:
        """`first`: number of objects that earlier steps of this seed have used up on all ranks."""
        self.count, self.size, self.device = count, size, device
        self.rank, self.ranks = rank, ranks
        self.next = seed * 100_000_007 + first
        self.generator = torch.Generator(device).manual_seed(seed * 1013 + rank + first)
        self.worker = ThreadPoolExecutor(1)
        self.coming = self.worker.submit(self._objects)

    def _objects(self) -> Tensor:
        room = HELD_OUT_SEED - POSED_SEED - self.count
        first = POSED_SEED + (self.next + self.rank * self.count) % room
        self.next += self.ranks * self.count
        objects = torch.from_numpy(make_posed_objects(first, self.count))
        return objects.pin_memory() if self.device.type == "cuda" else objects

    def draw(self) -> FlowBatch:
        """The next batch."""
        objects = self.coming.result().to(self.device, non_blocking=True)
        self.coming = self.worker.submit(self._objects)
        return roughened(render_flow(objects, self.size, self.generator), self.generator)


def held_out_flow(count: int, size: int, device: torch.device) -> FlowBatch:
    """Objects that are never trained on; the same on every device but for the renderer's last bits."""
    objects = torch.from_numpy(make_posed_objects(HELD_OUT_SEED, count))
    return render_flow(objects.to(device), size, torch.Generator(device).manual_seed(0))


def render_flow(objects: Tensor, size: int, generator: torch.Generator) -> FlowBatch:
    """Objects (n, 2, OBJECT_FLOATS) at rest and posed, seen by random cameras whose window holds both."""
    camera = _cameras(objects.view(-1, 2, at.ROWS, at.ROW_FLOATS), generator)
    drawn = render_objects(objects.flatten(0, 1), camera.repeat_interleave(2, 0)[:, None], size, 2, with_surface=True)[:, 0].unflatten(0, (-1, 2))
    color, depth, row = drawn[:, :, :3], drawn[:, :, 3:4], drawn[:, :, 4:5]
    seen = (row > 0).float()
    rays, axes = _rays(camera, size), _axes(camera)
    distance = camera[:, 2]
    place = torch.cat([rays * depth[:, 0], depth[:, 0]], 1) - torch.nn.functional.pad(distance.view(-1, 1, 1, 1), (0, 0, 0, 0, 2, 0))
    motion = _motion(objects.view(-1, 2, at.ROWS, at.ROW_FLOATS), row[:, 0, 0].long(), place, axes)
    # the rays meet the surface at pixels' middles; what a pixel is covered by shows in its colour only
    pairs = PicturePairs(color[:, 0], color[:, 1], seen[:, 0], seen[:, 1], place * seen[:, 0], rays, distance)
    posed_depth = (depth[:, 1] - distance.view(-1, 1, 1, 1)) * seen[:, 1]
    return FlowBatch(pairs, motion * seen[:, 0], seen[:, 0], posed_depth, seen[:, 1])


def roughened(batch: FlowBatch, generator: torch.Generator) -> FlowBatch:
    """As videos are: other exposure, blur, noise, and a camera that is not known exactly."""
    pairs, count = batch.pairs, len(batch.seen)
    device = pairs.rest.device

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, device=device, generator=generator)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, device=device, generator=generator)

    gamma, blurred, noise = torch.exp(0.15 * normal(count, 1, 1, 1)), uniform(count, 1, 1, 1) < 0.4, 0.03 * uniform(count, 1, 1, 1) ** 2

    def rough(color: Tensor, alpha: Tensor) -> Tensor:
        soft = torch.where(blurred, avg_pool2d(color, 3, 1, 1, count_include_pad=False), color)
        shown = soft.clamp_min(1e-4) ** gamma + noise * normal(*color.shape)
        return torch.where(alpha > 0, shown, 1.0).clamp(0, 1)

    scale = 1 + 0.006 * normal(count, 1, 1, 1)
    away = torch.cat([0.003 * normal(count, 2, 1, 1), 0.02 * normal(count, 1, 1, 1)], 1)
    place = (pairs.place * scale + away) * batch.seen
    changed = PicturePairs(
        rough(pairs.rest, pairs.rest_alpha), rough(pairs.posed, pairs.posed_alpha), pairs.rest_alpha, pairs.posed_alpha, place, pairs.rays, pairs.distance
    )
    return FlowBatch(changed, batch.motion, batch.seen, batch.depth, batch.posed_seen)


def _cameras(rows: Tensor, generator: torch.Generator) -> Tensor:
    """(n, 6): elevation, azimuth [rad], distance, and a window that holds both poses (n, 2, ROWS, ROW_FLOATS), see `render_objects`."""
    device, count = rows.device, len(rows)

    def uniform() -> Tensor:
        return torch.rand(count, device=device, generator=generator)

    def normal() -> Tensor:
        return torch.randn(count, device=device, generator=generator)

    elevation = torch.deg2rad(torch.where(uniform() < 0.7, 5 + 10 * normal(), -25 + 75 * uniform()))
    azimuth = 2 * math.pi * uniform()
    # as videos have it: near, with strong perspective, or far through a long lens
    distance = (1.35 * torch.exp(0.5 * normal().abs())).clamp_max(6.0)
    camera = torch.stack([elevation, azimuth, distance, *(torch.zeros_like(distance),) * 3], 1)
    camera[:, 3:] = _window(rows, camera, 1.05 + 0.35 * uniform() ** 2, 0.1 * torch.stack([uniform() - 0.5, uniform() - 0.5], 1))
    return camera


def _window(rows: Tensor, camera: Tensor, margin: Tensor, off: Tensor) -> Tensor:
    """(n, 3) middle and half side [tangents] of a square around both poses, wider by `margin` and off by `off` of its side."""
    kind, size, centre = rows[..., 1:, at.KIND, None], rows[..., 1:, at.SIZE : at.SIZE + 3], rows[..., 1:, at.CENTRE : at.CENTRE + 3]
    turned = rows[..., 1:, at.ROTATION : at.ROTATION + 9].unflatten(-1, (3, 3))
    limb = kind == at.ROUND_CONE
    widest = size[..., :2].amax(-1, keepdim=True)
    ring = torch.where(kind == at.TORUS, size[..., :1] + size[..., 1:2], widest)
    half = torch.where((kind == at.ELLIPSOID) | (kind == at.BOX) | (kind == at.DOME), size, torch.cat([ring, ring, size[..., 2:]], -1))
    long = torch.cat([widest, widest, 0.5 * size[..., 2:] + widest], -1)
    half = torch.where(limb, long, torch.where(kind == at.TORUS, torch.cat([ring, ring, size[..., 1:2]], -1), half))
    middle = centre + torch.where(limb, 0.5 * size[..., 2:], 0.0) * turned[..., 2, :]
    signs = torch.tensor([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)], device=rows.device)
    corners = middle[..., None, :] + torch.einsum("...k,ck,...kx->...cx", half, 0.85 * signs, turned)
    used = torch.arange(1, at.ROWS, device=rows.device) <= rows[..., :1, at.COUNT]
    axes = _axes(camera)
    seen = torch.einsum("nax,nprcx->nprca", axes, corners)
    seen = seen[..., :2] / (seen[..., 2:] + camera[:, 2].view(-1, 1, 1, 1, 1)).clamp_min(0.2)
    hidden = ~used[..., None, None]
    low = seen.masked_fill(hidden, 1e3).amin((1, 2, 3))
    high = seen.masked_fill(hidden, -1e3).amax((1, 2, 3))
    half_side = 0.5 * (high - low).amax(1) * margin
    centre_xy = 0.5 * (low + high) + off * half_side[:, None]
    # the window's second axis points up, the camera's down
    return torch.stack([centre_xy[:, 0], -centre_xy[:, 1], half_side], 1)


def _axes(camera: Tensor) -> Tensor:
    """(n, 3, 3): the camera's right, down and forward in the world."""
    elevation, azimuth = camera[:, 0], camera[:, 1]
    se, ce, sa, ca = elevation.sin(), elevation.cos(), azimuth.sin(), azimuth.cos()
    right = torch.stack([ca, sa, torch.zeros_like(sa)], 1)
    down = torch.stack([sa * se, -ca * se, -ce], 1)
    forward = torch.stack([-sa * ce, ca * ce, -se], 1)
    return torch.stack([right, down, forward], 1)


def _rays(camera: Tensor, size: int) -> Tensor:
    """(n, 2, S, S) tangents of the pixels' middles, x right and y down."""
    steps = (torch.arange(size, device=camera.device) + 0.5) * (2 / size) - 1
    x = camera[:, 3, None] + steps * camera[:, 5, None]
    y = -camera[:, 4, None] + steps * camera[:, 5, None]
    return torch.stack([x[:, None, :].expand(-1, size, -1), y[:, :, None].expand(-1, -1, size)], 1)


def _motion(rows: Tensor, row: Tensor, place: Tensor, axes: Tensor) -> Tensor:
    """(n, 3, S, S): how the points `place` (n, 3, S, S) of the primitives `row` (n, S, S) move from the first pose to the second."""
    size = row.shape[-1]
    index = row.flatten(1)[..., None]
    points = torch.einsum("nax,nap->npx", axes, place.flatten(2))

    def of(pose: int, column: int, count: int) -> Tensor:
        return rows[:, pose, :, column : column + count].gather(1, index.expand(-1, -1, count))

    local = torch.einsum("npkx,npx->npk", of(0, at.ROTATION, 9).unflatten(-1, (3, 3)), points - of(0, at.CENTRE, 3))
    # along a limb places stretch with it; what is round at its ends does not
    length, longer = of(0, at.SIZE + 2, 1), of(1, at.SIZE + 2, 1)
    inside = torch.minimum(local[..., 2:].clamp_min(0), length)
    grown = torch.where(of(0, at.KIND, 1) == at.ROUND_CONE, inside * (longer / length.clamp_min(1e-6) - 1), 0.0)
    local = local + torch.nn.functional.pad(grown, (2, 0))
    after = torch.einsum("npkx,npk->npx", of(1, at.ROTATION, 9).unflatten(-1, (3, 3)), local) + of(1, at.CENTRE, 3)
    return torch.einsum("nax,npx->nap", axes, after - points).unflatten(-1, (size, size))
