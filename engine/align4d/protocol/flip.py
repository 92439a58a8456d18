"""The other way that a limb may bend: its bones mirrored in depth, which the picture hardly tells from what they were.

Needs numpy only, so that both processes use it: Blender shows a flip at once. Not imported by the package, for numpy's sake.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from .pins import FlipSpec

Array = np.ndarray[Any, np.dtype[Any]]

EASE = 2
"""Frames at an end of a flip, inside of it, in which the limb goes from one way to the other; fewer in a short one."""

FLAT = 0.2
"""A blend of parts that shrinks what it moves to less than this (a joint turned inside out) is taken for a mere move."""


@dataclasses.dataclass(frozen=True)
class PartMotion:
    """How parts stand in T frames, in any one space: x' = rotation x + offset.

    Attributes:
        parent: (K,) of each part, -1 for the root.
        joint: (K, 3) where a part hangs on its parent at rest.
        rotation: (T, K, 3, 3).
        offset: (T, K, 3).
    """

    parent: Array
    joint: Array
    rotation: Array
    offset: Array

    def limb(self, part: int) -> list[int]:
        """A part and all that hangs on it, parents before children."""
        return limb_of(self.parent, part)

    def places(self) -> Array:
        """(T, K, 3) where the joints are."""
        found: Array = np.einsum("tkij,kj->tki", self.rotation, self.joint) + self.offset
        return found


def limb_of(parent: Array, part: int) -> list[int]:
    """A part and all that hangs on it, parents before children; `parent` (K,) as of `PartMotion`."""
    found = [part]
    for one in found:
        found += np.flatnonzero(parent == one).tolist()
    return found


def bone_ends(parts: PartMotion, rest: Array, weights: Array) -> Array:
    """(K, 3) the far end of each part's bone at rest: the joint of its heaviest child, else the middle of what it moves.

    Args:
        rest: (B, 3) points at rest.
        weights: (B, K) of them.
    """
    own = weights.sum(0)
    heavy = np.array([own[parts.limb(part)].sum() for part in range(len(parts.parent))])
    ends = (weights.T @ rest) / np.maximum(own, 1e-12)[:, None]
    ends[own < 1e-6] = parts.joint[own < 1e-6]
    for part in range(len(parts.parent)):
        children = np.flatnonzero(parts.parent == part)
        if len(children):
            ends[part] = parts.joint[children[heavy[children].argmax()]]
    return ends


def shares(spec: FlipSpec, frames: int) -> Array:
    """(T,) in [0, 1]: how far the limb has gone the other way. No way back is needed at the clip's own ends."""
    time = np.arange(frames)
    ease = min(EASE, (spec.last - spec.first) // 4) + 1
    rise = np.ones(frames) if spec.first <= 0 else (time - spec.first + 1) / ease
    fall = np.ones(frames) if spec.last >= frames - 1 else (spec.last - time + 1) / ease
    part = np.clip(np.minimum(rise, fall), 0, 1)
    part[(time < spec.first) | (time > spec.last)] = 0
    smooth: Array = part * part * (3 - 2 * part)
    return smooth


def flip(parts: PartMotion, ends: Array, eye: Array, specs: Sequence[FlipSpec]) -> PartMotion:
    """The motion with limbs gone the other way, one after the other.

    Each bone of a limb is swung to its mirror image in the plane through the limb's first joint that faces the camera: its direction in the
    picture and its length stay, and it does not turn about itself.

    Args:
        ends: (K, 3), see `bone_ends`.
        eye: (3,) place of the camera.
    """
    for spec in specs:
        parts = _flip_one(parts, ends, eye, spec)
    return parts


def _flip_one(parts: PartMotion, ends: Array, eye: Array, spec: FlipSpec) -> PartMotion:
    share = shares(spec, len(parts.rotation))
    places, limb = parts.places(), parts.limb(spec.part)
    away = places[:, spec.part] - eye
    away /= np.maximum(np.linalg.norm(away, axis=-1, keepdims=True), 1e-12)
    rotation, offset = parts.rotation.copy(), parts.offset.copy()
    for part in limb:
        bone = np.einsum("tij,j->ti", parts.rotation[:, part], ends[part] - parts.joint[part])
        rotation[:, part] = _swing(bone, away, share) @ parts.rotation[:, part]
        above = parts.parent[part]
        place = places[:, part]
        if part != spec.part:
            inside = np.einsum("tji,tj->ti", parts.rotation[:, above], place - parts.offset[:, above])
            place = np.einsum("tij,tj->ti", rotation[:, above], inside) + offset[:, above]
        offset[:, part] = place - np.einsum("tij,j->ti", rotation[:, part], parts.joint[part])
    still = share == 0
    rotation[still], offset[still] = parts.rotation[still], parts.offset[still]
    return dataclasses.replace(parts, rotation=rotation, offset=offset)


def _swing(bone: Array, away: Array, share: Array) -> Array:
    """(T, 3, 3) the shortest turns of bones (T, 3) by a share (T,) of the way to their mirror images in depth, `away` (T, 3) being the view."""
    depth = (bone * away).sum(-1)
    flat = bone - depth[:, None] * away
    width = np.linalg.norm(flat, axis=-1)
    axis = np.cross(flat, away) / np.maximum(width, 1e-9)[:, None]
    # from the picture plane's point of view the bone leans by an angle; its image leans by as much the other way
    return _rotations(-2 * share * np.arctan2(depth, width), axis)


def _rotations(angle: Array, axis: Array) -> Array:
    """(T, 3, 3) of angles (T,) about unit axes (T, 3) (Rodrigues); a zero axis turns nothing."""
    cross = np.zeros((len(axis), 3, 3))
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    cross -= cross.swapaxes(1, 2)
    sine, cosine = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    turned: Array = np.eye(3) + sine * cross + (1 - cosine) * cross @ cross
    return turned


def blends(weights: Array, rotation: Array, offset: Array) -> tuple[Array, Array]:
    """The affine maps of points in one frame: matrices (B, 3, 3) and offsets (B, 3).

    Args:
        weights: (B, K).
        rotation: (K, 3, 3); offset: (K, 3).
    """
    matrix = np.einsum("bk,kij->bij", weights, rotation)
    flat = np.linalg.det(matrix) < FLAT
    return np.where(flat[:, None, None], np.eye(3), matrix), weights @ offset


def move_points(points: Array, weights: Array, old: PartMotion, new: PartMotion, frame: int) -> Array:
    """(B, 3) points of a frame as they stand when the parts do not as in `old` but as in `new`; what no changed part moves stays, bit for bit."""
    changed = (old.rotation[frame] != new.rotation[frame]).any((-1, -2)) | (old.offset[frame] != new.offset[frame]).any(-1)
    held = np.flatnonzero(weights[:, changed].any(1))
    before = blends(weights[held], old.rotation[frame], old.offset[frame])
    after = blends(weights[held], new.rotation[frame], new.offset[frame])
    moved = points.copy()
    rest = np.linalg.solve(before[0], (points[held] - before[1])[..., None])
    moved[held] = (after[0] @ rest)[..., 0] + after[1]
    return moved


def rest_points(points: Array, weights: Array, parts: PartMotion, frame: int = 0) -> Array:
    """(B, 3) where points that stand so in a frame are at rest."""
    matrix, offset = blends(weights, parts.rotation[frame], parts.offset[frame])
    return np.linalg.solve(matrix, (points - offset)[..., None])[..., 0]
