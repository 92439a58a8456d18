"""The mesh itself in another pose, for what looks at meshes and not at Gaussians."""

from __future__ import annotations

from dataclasses import replace

import torch

from ..gaussians.surface_bound import BoundGaussians
from ..inputs.asset import Asset
from ..motion.skeleton import Motion
from ..motion.skinning import Skin
from ..motion.triangles import triangle_frames
from .animated_asset import AnimatedAsset


def posed_asset(asset: Asset, skin: Skin, motion: Motion) -> Asset:
    """The asset with its vertices and shading normals as in the one frame of `motion`; `skin` is of its vertices."""
    rest = torch.from_numpy(asset.vertices).to(skin.weights)
    with torch.no_grad():
        moved = skin.move(motion, rest)[0]
        corners = torch.from_numpy(asset.triangles).long()
        turned = triangle_frames(moved[corners]) @ triangle_frames(rest[corners]).mT
        normals = torch.from_numpy(asset.corner_normal).to(rest) @ turned.mT
    return replace(asset, vertices=moved.cpu().numpy(), corner_normal=normals.cpu().numpy())


@torch.no_grad()
def posed_gaussians(animated: AnimatedAsset, motion: Motion) -> BoundGaussians:
    """The Gaussians of an asset, bound to it as it stands in the one frame of `motion`."""
    corners = animated.corners(motion)
    shown, normals = animated.on_corners(motion, corners), animated.normals(triangle_frames(corners))
    return replace(animated.bound, means=shown.means[0], quats=shown.quats[0], normals=normals[0], corners=corners[0])
