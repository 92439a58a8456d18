"""The scene of the step benchmark: a round object of Gaussians, its video, and the paper's optimization of it."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from align4d.alignment.motion_geometry import MotionGeometryLoss, MotionGeometrySettings
from align4d.alignment.novel_views import NovelDistances, NovelViewSettings
from align4d.alignment.optimization import Optimization
from align4d.alignment.optimization_settings import OptimizationSettings
from align4d.alignment.reference import Reference
from align4d.alignment.scene import Scene
from align4d.alignment.video_conditions import FramedVideo
from align4d.cameras.orbit import Orbit, intrinsics_for
from align4d.motion.rotations import quaternion_to_normal
from align4d.priors.prior import MultiviewPrior
from align4d.rendering import Gaussians, rasterize

FRAMES, VIEWS, SIZE = 24, 8, 256
"""Frames of the video; known and novel views of a step; side of their pictures [px]."""

DISTANCE, LOW_PASS, ITERATIONS = 1.85, 0.1, 20_000


def surface_gaussians(count: int, device: str) -> Gaussians:
    """Flat, nearly opaque Gaussians, evenly over a sphere with bumps, as an asset's are over its surface."""
    number = torch.arange(count, dtype=torch.float64) + 0.5
    polar, around = torch.acos(1 - 2 * number / count), math.pi * (1 + 5**0.5) * number
    normal = torch.stack([polar.sin() * around.cos(), polar.sin() * around.sin(), polar.cos()], 1)
    radius = 0.42 + 0.08 * torch.sin(5 * normal[:, :1]) * torch.sin(4 * normal[:, 2:])
    spacing = 0.42 * math.sqrt(4 * math.pi / count)
    tensors = (
        normal * radius,
        quaternion_to_normal(normal),
        torch.tensor([0.5 * spacing, 0.5 * spacing, 0.075 * spacing]).expand(count, 3),
        torch.full((count,), 0.95),
        0.5 + 0.4 * torch.sin(9 * normal),
    )
    return Gaussians(*(tensor.float().contiguous().to(device) for tensor in tensors))


def turning_video(asset: Gaussians, camera: Orbit, backend: str) -> Reference:
    """The object, turning by half a degree a frame, as the video's camera sees it."""
    intrinsics = intrinsics_for(camera.fovy, SIZE, SIZE)
    poses = np.stack([camera.moved(azimuth=camera.azimuth + 0.5 * frame).world_to_camera() for frame in range(FRAMES)])
    blank = Reference(asset.means.new_ones(1, 3, SIZE, SIZE), asset.means.new_ones(1, 1, SIZE, SIZE), intrinsics, np.ones(FRAMES, bool))
    with torch.no_grad():
        seen = rasterize(asset, blank.cameras(poses), (SIZE, SIZE), backend=backend, low_pass=LOW_PASS)
    return Reference(seen.color, seen.alpha, intrinsics, np.ones(FRAMES, bool))


def build(prior: MultiviewPrior, gaussians: int, device: str, backend: str) -> Optimization:
    """The paper's optimization: each step looks at 8 frames, by the video's camera and by one novel view each."""
    camera, facts = Orbit(10.0, 5.0, DISTANCE, fovy=prior.facts.fovy), prior.facts
    asset = surface_gaussians(gaussians, device)
    reference = turning_video(asset, camera, backend)
    pictures: Tensor = torch.nn.functional.interpolate(reference.color, size=(facts.size, facts.size), mode="bilinear", antialias=True)
    told = torch.ones(FRAMES, device=pictures.device)
    condition = prior.condition(pictures, camera.elevation * told, DISTANCE * told)
    video = FramedVideo(condition, camera.azimuth * told, torch.zeros(FRAMES, 3, device=told.device))
    views = MotionGeometrySettings(views=NovelViewSettings(count=1))
    unknown = MotionGeometryLoss(prior, video, NovelDistances(), views)
    settings = OptimizationSettings(
        iterations=ITERATIONS, resolution=SIZE, novel_resolutions=(SIZE, SIZE, SIZE), frames=VIEWS, unknown=views, learns="appearance"
    )
    scene = Scene(asset, None, reference, camera, backend, LOW_PASS)
    return Optimization(scene, unknown, settings, seed=0)
