"""Where the scene flow network expects the visible surface in each frame, and what it costs not to be there.

A comparison of colours hardly sees motion towards the camera. The network has seen how bodies look that move so, and says how sure it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..inputs.asset import Asset
from ..priors.scene_flow import PicturePairs, SceneFlowPredictor
from ..rendering.zbuffer import render_surface
from .performer import Performer
from .reference import Reference

VISIBLE = 0.05
"""A Gaussian is seen at rest where it lies no farther than this behind the surface that its pixel sees, in longest sides."""

EDGE = 0.3
"""Up to this part of the expected error a deviation costs its square, beyond it in proportion: the network's errors have long tails."""


@dataclass(frozen=True)
class FlowGuide:
    """Attributes:
    seen: (M,) int64 of the Gaussians that are visible at rest.
    target: (T, M, 3) where they are expected in each frame.
    certainty: (T, M, 2) one over the error that the network expects, in the picture's plane and in depth.
    axes: (3, 3) the camera's right, down and forward.
    """

    seen: Tensor
    target: Tensor
    certainty: Tensor
    axes: Tensor

    def cost(self, centres: Tensor, frames: Tensor, plane: float, shared_depth: float) -> Tensor:
        """(F,) mean deviation of the visible Gaussians, in expected errors.

        Args:
            centres: (F, N, 3) of all Gaussians in the frames `frames` (F,) int64.
            plane: how much a deviation in the picture's plane counts beside one in depth.
            shared_depth: how much a deviation in depth that all Gaussians of a frame share counts, 0 to 1. How near the whole object
                is shows in its size, but so does a stretched back: the network cannot tell.
        """
        wrong = (centres.index_select(1, self.seen) - self.target.index_select(0, frames)) @ self.axes.T
        certainty = self.certainty.index_select(0, frames)
        weight = certainty[..., 1:]
        depth = wrong[..., 2:]
        mean = (depth * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True)
        depth = depth - (1 - shared_depth) * mean
        across = (wrong[..., :2] ** 2).sum(-1) * certainty[..., 0] ** 2
        return (plane * _robust(across) + _robust((depth[..., 0] * certainty[..., 1]) ** 2)).mean(-1)


def _robust(squared: Tensor) -> Tensor:
    return (squared + EDGE**2).sqrt() - EDGE


def expect_motion(predictor: SceneFlowPredictor, performer: Performer, asset: Asset, reference: Reference, world_to_camera: np.ndarray) -> FlowGuide:
    """Asks the network for every frame of `reference`, whose pictures are of the network's size; frame 0 shows the asset at rest."""
    device = reference.color.device
    drawn = render_surface(asset.vertices, asset.triangles, world_to_camera, reference.intrinsics, reference.size)
    hit = torch.from_numpy(drawn.triangle >= 0).to(device)
    depth = torch.from_numpy(np.where(drawn.triangle >= 0, drawn.depth, 0)).float().to(device)
    axes = torch.from_numpy(world_to_camera[:3, :3]).float().to(device)
    offset = torch.from_numpy(world_to_camera[:3, 3]).float().to(device)
    flow = predictor(_pairs(reference, hit, depth, float(offset[2])))
    in_camera = performer.bound.centres @ axes.T + offset
    intrinsics = torch.from_numpy(reference.intrinsics).float().to(device)
    pixel = (in_camera @ intrinsics.T)[:, :2] / in_camera[:, 2:]
    column, row = (pixel.floor().long()[:, i].clamp(0, reference.size[1 - i] - 1) for i in (0, 1))
    seen = torch.nonzero(hit[row, column] & (in_camera[:, 2] < depth[row, column] + VISIBLE))[:, 0]
    column, row = column[seen], row[seen]
    motion = flow.motion[:, :, row, column].permute(0, 2, 1) @ axes
    certainty = 1 / flow.motion_scale[:, :, row, column].permute(0, 2, 1)
    return FlowGuide(seen, performer.bound.centres[seen] + motion, certainty, axes)


def _pairs(reference: Reference, hit: Tensor, depth: Tensor, distance: float) -> PicturePairs:
    """Frame 0 and every frame."""
    count, (height, width) = reference.frames, reference.size
    intrinsics = torch.from_numpy(reference.intrinsics).to(depth)
    x = (torch.arange(width).to(depth) + 0.5 - intrinsics[0, 2]) / intrinsics[0, 0]
    y = (torch.arange(height).to(depth) + 0.5 - intrinsics[1, 2]) / intrinsics[1, 1]
    rays = torch.stack([x.expand(height, -1), y[:, None].expand(-1, width)])
    place = torch.cat([rays * depth, depth[None] - distance]) * hit

    def each(one: Tensor) -> Tensor:
        return one.expand(count, *one.shape)

    return PicturePairs(
        each(reference.color[0]), reference.color, each(reference.alpha[0]), reference.alpha, each(place), each(rays), each(depth.new_tensor(distance))
    )
