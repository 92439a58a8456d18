"""What the lifter sees of a clip: tracks in the picture and the shape at rest, as features of each point in each frame.

Everything is in the camera's axes and in longest sides of the asset, so that where the asset stands, how large it is and from which
azimuth it is seen make no difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

OCTAVES = (1, 2, 4)
"""Of the code of a point's place at rest."""

FEATURES = 45
"""Of a token."""

LEAST_MOTION = 0.01
"""Added to a clip's root mean square motion in the picture before it becomes the unit of motion [longest sides]."""

NEAREST = 0.25
"""Points nearer to the camera than this are taken for as far as this [longest sides]."""

GRAZING = 0.02
"""Cosine between a surface's normal and the ray up to which it faces the camera."""

COVER_RADIUS, COVER_GAP = 0.04, 0.08
"""A point is hidden by one that is nearer by the gap and seen within the radius of it [longest sides]."""


@dataclass(frozen=True)
class Tracks:
    """B clips of T frames and P points. The camera's axes are right, up, away; the origin is the center of the asset's bounding box
    at rest, the unit its longest side.

    Attributes:
        rest: (B, P, 3) places at rest.
        normal: (B, P, 3) unit normals at rest.
        picture: (B, T, P, 2) places in the picture, on the plane through the origin that faces the camera.
        visible: (B, T, P) 1 where the point is seen.
        depth: (B, T, P) change of depth that a tracker found; looked at where `given`.
        given: (B,) 1 where `depth` says anything.
        distance: (B,) of the camera from the origin.
        elevation: (B,) of the camera over the ground [rad].
        time: (B, T) since the clip's first frame [s].
    """

    rest: Tensor
    normal: Tensor
    picture: Tensor
    visible: Tensor
    depth: Tensor
    given: Tensor
    distance: Tensor
    elevation: Tensor
    time: Tensor

    def to(self, device: torch.device | str) -> Tracks:
        """The same on a device."""
        return Tracks(**{one.name: getattr(self, one.name).to(device) for one in fields(self)})


def project(points: Tensor, distance: Tensor) -> tuple[Tensor, Tensor]:
    """Places (B, ..., 2) in the picture, on the plane through the origin, and distances (B, ...) along the line of sight.

    Args:
        points: (B, ..., 3) in the camera's axes.
        distance: (B,) of the camera from the origin.
    """
    camera = distance.view(-1, *[1] * (points.dim() - 2))
    away = (camera + points[..., 2]).clamp_min(NEAREST)
    return points[..., :2] * (camera / away)[..., None], away


def visible(points: Tensor, normals: Tensor, others: Tensor, other_normals: Tensor, distance: Tensor) -> Tensor:
    """(B, T, P) bool: points (B, T, P, 3) that face the camera and have none of the others (B, T, Q, 3) before them."""
    picture, away = project(points, distance)
    other_picture, other_away = project(others, distance)
    other_away = other_away.masked_fill(~_faces(others, other_normals, distance), torch.inf)
    apart = torch.cdist(picture, other_picture)
    nearer = other_away[:, :, None] < away[..., None] - COVER_GAP
    return _faces(points, normals, distance) & ~(nearer & (apart < COVER_RADIUS)).any(-1)


def _faces(points: Tensor, normals: Tensor, distance: Tensor) -> Tensor:
    ray = torch.cat([points[..., :2], points[..., 2:] + distance.view(-1, 1, 1, 1)], -1)
    return (normals * ray).sum(-1) < GRAZING * ray.norm(dim=-1) * normals.norm(dim=-1)


def tokens(tracks: Tracks) -> tuple[Tensor, Tensor]:
    """Features (B, T, P, FEATURES), and the root mean square motion in the picture (B, 1, 1), the unit of motions [longest sides]."""
    _, frames, points, _ = tracks.picture.shape
    rest_picture, _ = project(tracks.rest, tracks.distance)
    moved = tracks.picture - rest_picture[:, None]
    scale = moved.square().sum(-1).mean((1, 2), keepdim=True).sqrt() + LEAST_MOTION
    away, up = _over_ground(tracks.rest, tracks.elevation)
    code = [wave(tracks.rest * (octave * math.pi)) for octave in OCTAVES for wave in (torch.sin, torch.cos)]
    height = up - up.amin(1, keepdim=True)
    still = torch.cat([tracks.rest, *code, torch.stack([away, up, height], -1), tracks.normal], -1)
    clip = torch.stack([1 / tracks.distance, tracks.elevation.sin(), scale[:, 0, 0].log()], -1)
    relative = moved / scale[..., None]
    given = tracks.given.view(-1, 1, 1).expand(-1, frames, points)
    found = tracks.depth / scale * given
    features = [
        still[:, None].expand(-1, frames, -1, -1),
        clip[:, None, None].expand(-1, frames, points, -1),
        tracks.picture,
        relative,
        relative * 0.3,
        moved * 3,
        torch.tanh(relative * 2),
        torch.stack([tracks.visible.to(scale), given, found.clamp(-8, 8) * 0.5, torch.tanh(found * 2), torch.tanh(found * 0.5)], -1),
    ]
    return torch.cat(features, -1), scale


def _over_ground(rest: Tensor, elevation: Tensor) -> tuple[Tensor, Tensor]:
    """(B, P) places along the ground, away from the camera, and up from it."""
    cosine, sine = elevation.cos()[:, None], elevation.sin()[:, None]
    return rest[..., 2] * cosine + rest[..., 1] * sine, rest[..., 1] * cosine - rest[..., 2] * sine
