"""The mesh itself in another pose, for what looks at meshes and not at Gaussians."""

from __future__ import annotations

from dataclasses import replace

import torch

from ..inputs.asset import Asset
from ..motion.skeleton import Motion
from ..motion.skinning import Skin
from ..motion.triangles import triangle_frames


def posed_asset(asset: Asset, skin: Skin, motion: Motion) -> Asset:
    """The asset with its vertices and shading normals as in the one frame of `motion`; `skin` is of its vertices."""
    rest = torch.from_numpy(asset.vertices).to(skin.weights)
    with torch.no_grad():
        moved = skin.move(motion, rest)[0]
        corners = torch.from_numpy(asset.triangles).long()
        turned = triangle_frames(moved[corners]) @ triangle_frames(rest[corners]).mT
        normals = torch.from_numpy(asset.corner_normal).to(rest) @ turned.mT
    return replace(asset, vertices=moved.cpu().numpy(), corner_normal=normals.cpu().numpy())
