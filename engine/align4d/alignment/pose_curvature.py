"""How a pose's cost curves in all its joints: Gauss and Newton's matrix.

Everything that hangs on a joint moves as a rigid body when the joint moves. So what each Gaussian's place costs is summed up once for each
pair of parts, as a matrix of their twists (turn and motion), and joints get it from there.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..gaussians.fused import Carriers, of_pairs
from ..motion.kinematics import build_tree
from ..motion.rotations import turn_jacobian_transposed
from ..motion.skeleton import Motion, Skeleton
from .animated_asset import AnimatedAsset
from .pose_cost import PoseCost

EDGES = ((0, 1), (1, 2), (2, 0))
"""The corners between which a triangle's edges are, as of `triangles.edge_lengths`."""
BLENDED = 1e-3
"""Weights that differ by more than this between the ends of an edge stretch it."""
THINNED = 3
"""Of the edges that stretch, one of so many stands for all."""


class PoseCurvature:
    """Second derivatives by joints that are scaled: (6K, 6K), of each joint its turn (3) and its shift (3).

    Args:
        cost: what poses cost.
        lever: (K, 6) of a joint's scaled turn and shift.
    """

    def __init__(self, animated: AnimatedAsset, skeleton: Skeleton, cost: PoseCost, lever: Tensor) -> None:
        self.animated, self.cost, self.lever = animated, cost, lever.flatten()
        self.tree = build_tree(skeleton.parent, skeleton.joint, animated.bound.means)
        self.corner_weights, self.weights = animated.corner_weights, animated.weights
        self.carriers = Carriers.of(self.weights.numpy()) if self.weights.device.type == "cpu" else None
        self.stretching = [self._stretching(*edge) for edge in EDGES]
        settings = cost.settings
        bend = (2 * settings.bend * cost.resistance)[:, None].expand(-1, 3)
        slack = (2 * settings.slack * cost.firmness)[:, None].expand(-1, 3)
        self.own = torch.cat([bend, slack], -1).flatten() * self.lever**2

    def _stretching(self, start: int, end: int) -> Tensor:
        """Indices of Gaussians whose triangles' edge between these corners is stretched as parts move."""
        first, second = self.corner_weights[:, start], self.corner_weights[:, end]
        blended = ((first - second).abs().sum(-1) > BLENDED) | ((first > BLENDED).sum(-1) > 1)
        return blended.nonzero()[::THINNED, 0]

    @torch.no_grad()
    def of_edges(self, motion: Motion) -> Tensor:
        """(K, K, 6, 6) of the parts' twists: that edges are stretched in one pose."""
        corners = self.animated.corners(motion)[0]
        rows = []
        for side, ((start, end), chosen) in enumerate(zip(EDGES, self.stretching, strict=True)):
            first, second = corners[chosen, start], corners[chosen, end]
            along = torch.nn.functional.normalize(second - first, dim=-1)
            yardstick = self.animated.rest.yardstick[chosen, side][:, None]
            pull = [torch.cat([torch.linalg.cross(one, along), along], -1) / yardstick for one in (first, second)]
            weights = [self.corner_weights[chosen, corner][..., None] for corner in (start, end)]
            rows.append((weights[1] * pull[1][:, None] - weights[0] * pull[0][:, None]).flatten(1))
        every = torch.cat(rows)
        share = 2 * self.cost.settings.stretch * THINNED / (3 * len(corners))
        return (share * (every.T @ every)).unflatten(0, (-1, 6)).unflatten(-1, (-1, 6)).transpose(1, 2)

    @torch.no_grad()
    def of_places(self, means: Tensor, curved: Tensor) -> Tensor:
        """(K, K, 6, 6) of the parts' twists: of what Gaussians at `means` (N, 3) cost, which curves by (N, 3, 3) as they move."""
        if self.carriers is not None:
            return torch.from_numpy(of_pairs(self.carriers, means.numpy(), curved.contiguous().numpy()))
        twisted = torch.cat([_crossed(means).mT, _unit(means).expand(len(means), 3, 3)], -1)
        each = (twisted.mT @ curved @ twisted).flatten(1)
        shared = (self.weights[:, :, None] * each[:, None]).flatten(1)
        return (self.weights.T @ shared).unflatten(-1, (-1, 6, 6))

    @torch.no_grad()
    def of_joints(self, of_parts: Tensor, turn: Tensor, motion: Motion) -> Tensor:
        """(6K, 6K): from that of parts (K, K, 6, 6), with what the joints cost themselves. The pose has turns (1, K, 3)."""
        twist, below = self._twists(turn, motion), self.tree.below
        pairs = torch.tensordot(torch.tensordot(below, of_parts, 1), below, ([1], [1])).permute(0, 3, 1, 2)
        matrix = (twist.mT[:, None] @ pairs @ twist[None]).transpose(1, 2).flatten(2).flatten(0, 1)
        return matrix * self.lever[:, None] * self.lever + torch.diag(self.own)

    def _twists(self, turn: Tensor, motion: Motion) -> Tensor:
        """(K, 6, 6) how what hangs on each joint turns (3) and moves at the origin (3), by the joint's turn and shift."""
        rotation, offset = motion.rotation[0], motion.offset[0]
        standing = _unit(rotation)
        above = torch.cat([rotation, standing[None]]).index_select(0, self.tree.parent)
        turned = above @ turn_jacobian_transposed(turn[0][:, None].expand(-1, 3, -1), standing.expand(len(above), 3, 3))
        place = (rotation @ self.tree.joint[..., None])[..., 0] + offset
        upper = torch.cat([turned, torch.zeros_like(above)], -1)
        return torch.cat([upper, torch.cat([_crossed(place) @ turned, above], -1)], -2)


def _crossed(vectors: Tensor) -> Tensor:
    """(N, 3, 3) the matrices of the cross products of vectors (N, 3) with others."""
    rows = torch.linalg.cross(vectors[:, None].expand(-1, 3, -1), _unit(vectors).expand(len(vectors), 3, 3))
    return rows.mT


def _unit(like: Tensor) -> Tensor:
    """(3, 3), made where `like` is: a copy to a GPU cannot be recorded."""
    return torch.eye(3, dtype=like.dtype, device=like.device)
