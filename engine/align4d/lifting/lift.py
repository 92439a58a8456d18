"""From a tracked motion to what the motion prior says of its depth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..cameras.orbit import Orbit, orbit_from_matrix
from .network import DepthModes, Lifter
from .tokens import Tracks, project, visible

GROUP = 128
"""Points that go through the network together, as in its training."""

WINDOW = 96
"""Frames that go through the network together, at most: the longest of its training."""


@dataclass(frozen=True)
class Viewpoint:
    """The camera of the video, turned so that it looks at the asset's center, which changes no ray.

    Attributes:
        axes: (3, 3) rows right, up, away.
        distance: from the asset's center [longest sides].
        elevation: over the ground [rad].
    """

    axes: Tensor
    distance: float
    elevation: float

    def to(self, device: torch.device) -> Viewpoint:
        """The same on `device`."""
        return replace(self, axes=self.axes.to(device))

    def see(self, points: Tensor) -> Tensor:
        """(..., 3) in these axes, of points in normalized space."""
        return points @ self.axes.to(points).mT


def viewpoint(world_to_camera: np.ndarray) -> Viewpoint:
    """Of a world-to-camera matrix (4, 4) in normalized space, OpenCV axes."""
    stands = orbit_from_matrix(world_to_camera)
    level = Orbit(stands.azimuth, stands.elevation, stands.distance).world_to_camera()
    axes = torch.from_numpy(np.diag([1.0, -1.0, 1.0]) @ level[:3, :3]).float()
    return Viewpoint(axes, stands.distance, math.radians(stands.elevation))


@dataclass(frozen=True)
class TrackedSurface:
    """N points of a surface in normalized space, at rest and as a tracker found them in T frames.

    Attributes:
        rest: (N, 3) places at rest.
        rest_normals: (N, 3) unit normals at rest.
        points: (T, N, 3) places.
        normals: (T, N, 3) normals.
    """

    rest: Tensor
    rest_normals: Tensor
    points: Tensor
    normals: Tensor


@torch.no_grad()
def lift(network: Lifter, tracked: TrackedSurface, camera: Viewpoint, fps: float, trusted: bool) -> DepthModes:
    """What the prior says of the points' depth in every frame; the tracks' own places in the picture are kept.

    Args:
        network: of `load_lifter`, on the device of the points.
        fps: frames a second.
        trusted: the tracker's own depth is told to the network, which then corrects it; else it is found from the picture alone.

    Returns:
        (1, T, N, M) depth and spread, (1, N, M) shares.
    """
    windows = [_in_groups(network, part, camera, fps, trusted) for part in _windows(tracked)]
    shares = torch.stack([one.log_share for one in windows]).mean(0).log_softmax(-1)
    return DepthModes(torch.cat([one.depth for one in windows], 1), torch.cat([one.spread for one in windows], 1), shares)


def _windows(tracked: TrackedSurface) -> Iterator[TrackedSurface]:
    """Runs of frames of about the same length."""
    frames = len(tracked.points)
    count = -(-frames // WINDOW)
    for chosen in torch.arange(frames).tensor_split(count):
        yield TrackedSurface(tracked.rest, tracked.rest_normals, tracked.points[chosen], tracked.normals[chosen])


def _in_groups(network: Lifter, tracked: TrackedSurface, camera: Viewpoint, fps: float, trusted: bool) -> DepthModes:
    """Groups of points that are each spread over the whole surface; a group that is not full sees some points twice."""
    count = len(tracked.rest)
    groups = -(-count // GROUP)
    order = torch.arange(groups * GROUP) % count
    order = order.view(GROUP, groups).mT.to(tracked.rest.device)
    found = network(_tracks(tracked, camera, order, fps, trusted))
    place = torch.empty(count, dtype=torch.long, device=order.device)
    place[order.flatten()] = torch.arange(order.numel(), device=order.device)
    depth, spread = (one.transpose(0, 1).flatten(1, 2)[None, :, place] for one in (found.depth, found.spread))
    return DepthModes(depth, spread, found.log_share.flatten(0, 1)[None, place])


def _tracks(tracked: TrackedSurface, camera: Viewpoint, order: Tensor, fps: float, trusted: bool) -> Tracks:
    """Of the points `order` (B, P), one clip a row."""
    rest, points = camera.see(tracked.rest), camera.see(tracked.points)
    normals = camera.see(tracked.normals)
    clips, frames = len(order), len(points)
    distance = points.new_full((1,), camera.distance)
    picture, _ = project(points[None], distance)
    shown = visible(points[None], normals[None], points[None], normals[None], distance)[0].float()
    depth = points[..., 2] - rest[..., 2]
    time = torch.arange(frames, device=rest.device) / fps
    return Tracks(
        rest=rest[order],
        normal=camera.see(tracked.rest_normals)[order],
        picture=picture[0][:, order].transpose(0, 1),
        visible=shown[:, order].transpose(0, 1),
        depth=depth[:, order].transpose(0, 1),
        given=points.new_full((clips,), float(trusted)),
        distance=distance.expand(clips),
        elevation=points.new_full((clips,), camera.elevation),
        time=time.expand(clips, frames),
    )


def choose_points(places: np.ndarray, triangle: np.ndarray, count: int, seed: int) -> np.ndarray:
    """(N,) indices of at most `count` points of a surface: half spread evenly, half from triangles of any size.

    Thin limbs and hands have little area, and triangles enough.

    Args:
        places: (P, 3).
        triangle: (P,) that each lies on.
    """
    random = np.random.default_rng(seed)
    if len(places) <= count:
        return np.arange(len(places))
    even = _farthest(places, count // 2)
    others = random.permutation(np.setdiff1d(np.arange(len(places)), even))
    _, first = np.unique(triangle[others], return_index=True)
    by_triangle = others[random.permutation(first)][: count - len(even)]
    return random.permutation(np.concatenate([even, by_triangle]))


def _farthest(points: np.ndarray, count: int) -> np.ndarray:
    """Indices of `count` points, each as far as can be from those before it."""
    chosen = [int(((points - points.mean(0)) ** 2).sum(1).argmax())]
    distance = ((points - points[chosen[0]]) ** 2).sum(1)
    while len(chosen) < count:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(1))
    return np.array(chosen)
