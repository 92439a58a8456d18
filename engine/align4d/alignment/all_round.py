"""Meshes that lie otherwise than the body in the clip: rigs often rest on their backs, or upright, by another program's axes.

No joint bends far enough for that, so the mesh is looked at from all round. What it shows from there best, it shows from the clip's
camera once it is turned the other way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from ..cameras.orbit import Orbit, orbit_from_matrix
from ..motion.skeleton import Skeleton
from .pose import RestScene

ORIENTATIONS = 96
"""So many are tried, some 35 degrees apart: from there the outlines draw each other together."""
REFINED = 4
"""So many of them in each frame are looked at closer."""
PROMISING = 0.75
"""A mesh that lies otherwise is shown so much better by one of them that its loss is less than this share of the clip's own camera's."""
POSED = 8
"""In so many of these, of all frames, the body is bent: seen as it rests, a wrong side may look more like the frame than the right one."""
SPIRALS = 2**0.5, 1.533751168756204
"""Turns of the two circles of a quaternion that lie apart from each other evenly, see Alexa, Super-Fibonacci Spirals, CVPR 2022."""


@dataclass(frozen=True)
class Sight:
    """A frame, seen by a camera elsewhere than the clip's.

    Attributes:
        frame: of the clip.
        camera: that sees the mesh at rest as the frame shows it.
        loss: of color and mask.
    """

    frame: int
    camera: Orbit
    loss: float


def orientations(count: int = ORIENTATIONS) -> np.ndarray:
    """(count, 3, 3) rotations, evenly among all."""
    at = np.arange(count) + 0.5
    inner, outer = (2 * np.pi * at / spiral for spiral in SPIRALS)
    short, long = np.sqrt(at / count), np.sqrt(1 - at / count)
    spread = np.stack([short * np.sin(inner), short * np.cos(inner), long * np.sin(outer), long * np.cos(outer)], -1)
    return np.asarray(Rotation.from_quat(spread).as_matrix())


def sights(scene: RestScene, frame: int, seen: Orbit, iterations: int) -> list[Sight]:
    """From where the mesh at rest looks most like a frame; none where it looks about as much like it from where the clip sees it.

    Args:
        scene: of that frame.
        seen: the clip's camera in it.
        iterations: of the cameras' refinement.
    """

    turned = np.tile(np.eye(4), (ORIENTATIONS, 1, 1))
    turned[:, :3, :3] = orientations()
    cameras = [orbit_from_matrix(seen.world_to_camera() @ one, seen.fovy) for one in (*turned, np.eye(4))]
    cameras = scene.together([scene.centering(one) for one in cameras])
    *losses, as_it_is = scene.losses(cameras)
    if min(losses) > PROMISING * as_it_is:
        return []
    best = sorted(range(ORIENTATIONS), key=losses.__getitem__)[:REFINED]
    refined = scene.together([scene.refining(cameras[number], iterations) for number in best])
    return [Sight(frame, camera, loss) for camera, loss in zip(refined, scene.losses(refined), strict=True)]


def as_turned_body(skeleton: Skeleton, seen: Orbit, sight: Orbit, like: Tensor) -> tuple[Tensor, Tensor]:
    """Turn and shift (1, K, 3) with which `seen` sees the body as `sight` sees the mesh at rest; on the device of `like`."""
    moved = np.linalg.inv(seen.world_to_camera()) @ sight.world_to_camera()
    joint = skeleton.joint[skeleton.root]
    turn, shift = (like.new_zeros(1, skeleton.count, 3) for _ in range(2))
    turn[0, skeleton.root] = torch.from_numpy(Rotation.from_matrix(moved[:3, :3]).as_rotvec()).to(like)
    shift[0, skeleton.root] = torch.from_numpy(moved[:3, :3] @ joint + moved[:3, 3] - joint).to(like)
    return turn, shift
