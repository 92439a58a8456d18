"""A pose that the artist knows, as joints: where vertices stand, turned into how the parts stand."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..motion.joints import joints_of
from ..motion.rotations import quaternion_from_matrix
from ..motion.skeleton import Motion, Skeleton
from ..motion.skinning import Skin

KEPT = 1e-3
"""What the old pose of a part weighs beside its vertices: it decides what these leave open, such as the turn of a line about itself."""

STEPS = 60
"""Of the search for the joints that bring the vertices nearest, from the parts' own fits."""


def fit_joints(skeleton: Skeleton, skin: Skin, rest: Tensor, old: Motion, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Turn and shift (1, K, 3) whose pose brings the points nearest to where the artist has them.

    Args:
        skin: of the points.
        rest: (B, 3) of them.
        old: one frame, the pose that the artist has changed.
        positions: (B, 3).
    """
    turn, shift = joints_of(skeleton, _parts(skin, rest, old, positions))
    turn, shift = turn.clone().requires_grad_(), shift.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([turn, shift], max_iter=STEPS, history_size=20, line_search_fn="strong_wolfe")

    def off() -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = (skin.move(skeleton.pose(turn, shift), rest)[0] - positions).square().sum(-1).mean() * len(rest)
        loss.backward()
        return loss

    optimizer.step(off)
    return turn.detach(), shift.detach()


def _parts(skin: Skin, rest: Tensor, old: Motion, positions: Tensor) -> Motion:
    """Each part where its own points are (Kabsch 1976), with their old places as a weak word."""
    weight = (skin.weights**2).double()
    source = rest.double()
    before = (old.rotation[0].double()[:, None] @ source[None, :, :, None])[..., 0] + old.offset[0].double()[:, None]
    aim = (positions.double() + KEPT * before) / (1 + KEPT)
    # a part of no points of its own keeps its pose
    total = weight.sum(0)
    empty = total < 1e-6
    share = (weight / total.clamp_min(1e-12)).mT[..., None]
    from_center, to_center = (share * source).sum(1), (share * aim).sum(1)
    spread = (share * (source - from_center[:, None])).mT @ (aim - to_center[:, None])
    spread = spread + KEPT * spread.flatten(1).norm(dim=1)[:, None, None] * old.rotation[0].double().mT
    left, _, right = torch.linalg.svd(spread)
    sign = torch.ones_like(from_center)
    sign[:, 2] = torch.linalg.det(right.mT @ left.mT)
    rotation = right.mT @ (sign[..., None] * left.mT)
    rotation = torch.where(empty[:, None, None], old.rotation[0].double(), rotation)
    offset = to_center - (rotation @ from_center[..., None])[..., 0]
    offset = torch.where(empty[:, None], old.offset[0].double(), offset)
    return Motion(quaternion_from_matrix(rotation).to(rest)[None], rotation.to(rest)[None], offset.to(rest)[None])


def skin_of_points(triangles: np.ndarray, triangle: np.ndarray, barycentric: np.ndarray, skin: Skin) -> Skin:
    """How points on the surface follow the parts: as the corners of their triangles do, by how near they are to each."""
    corner = torch.from_numpy(triangles[triangle]).long().to(skin.weights.device)
    weights = skin.weights[corner] * torch.from_numpy(barycentric).to(skin.weights)[..., None]
    return Skin(weights.sum(1))
