"""ODA, MGJA and AO in the hands of another 4D method: a plain list of Gaussians per frame, whose means are free."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from analytic_priors import MixturePrior
from torch import Tensor

import align4d
from align4d.alignment.asynchronous import AsynchronousSchedule
from align4d.alignment.distance import video_aligned_distance
from align4d.alignment.guidance import GuidanceSettings
from align4d.alignment.known_views import PAPER, KnownViewLoss
from align4d.alignment.motion_geometry import MotionGeometryLoss, MotionGeometrySettings
from align4d.alignment.multiview_distance import MultiviewDistanceSettings, multiview_aligned_distance
from align4d.alignment.novel_views import NovelViews, NovelViewSettings, novel_distances
from align4d.alignment.video_conditions import FramedVideo, frame_video
from align4d.cameras.orbit import Orbit, intrinsics_for
from align4d.priors.prior import Condition, RelativeCamera
from align4d.rendering import Cameras, Gaussians, rasterize

MODULES = ("distance", "multiview_distance", "known_views", "video_conditions", "motion_geometry", "asynchronous")
FOVY, SIZE, FRAMES, COUNT = 49.13, 24, 3, 60
CAMERA = Orbit(15.0, 5.0, 1.9)


def test_the_modules_stand_alone() -> None:
    """They bring neither the pipeline nor the inputs, the Gaussians or the motion of this project."""
    names = ", ".join(f"align4d.alignment.{name}" for name in MODULES)
    code = f"import sys, {names}; print('\\n'.join(name for name in sys.modules if name.startswith('align4d.')))"
    engine = str(Path(align4d.__file__).parents[1])
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=engine).stdout.split()
    assert "align4d.alignment.motion_geometry" in loaded
    rooms = {name.split(".")[1] for name in loaded}
    assert rooms <= {"alignment", "cameras", "child", "errors", "folders", "job", "kernels", "machine", "priors", "protocol", "rendering"}
    alignment = {name.split(".")[2] for name in loaded if name.startswith("align4d.alignment.")}
    assert alignment == {*MODULES, "guidance", "novel_views"}


class GaussianList:
    """Another method's representation: one set of means per frame, and colors that all frames share."""

    def __init__(self, means: Tensor, colors: Tensor) -> None:
        self.means = [means.clone().requires_grad_() for _ in range(FRAMES)]
        self.colors = colors.clone().requires_grad_()

    def frame(self, index: int) -> Gaussians:
        turns = torch.tensor([1.0, 0, 0, 0]).repeat(COUNT, 1)
        return Gaussians(self.means[index], turns, torch.full((COUNT, 3), 0.06), torch.full((COUNT,), 0.9), self.colors)


def random_cloud() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(4)
    means = (torch.rand(COUNT, 3, generator=generator) - 0.5) * torch.tensor([0.7, 0.5, 0.7])
    return means, torch.rand(COUNT, 3, generator=generator)


def drawn(gaussians: Gaussians, cameras: Cameras) -> tuple[Tensor, Tensor]:
    picture = rasterize(gaussians, cameras, (SIZE, SIZE), backend="cpu")
    return picture.color, picture.alpha


def filmed_from(poses: list[Orbit]) -> Cameras:
    matrices = torch.from_numpy(np.stack([pose.world_to_camera() for pose in poses])).float()
    return Cameras(matrices, torch.from_numpy(intrinsics_for(FOVY, SIZE, SIZE)).float().expand(len(poses), 3, 3))


class Truth:
    """The cloud, pushed AWAY from the video's camera from frame to frame: the front view hardly shows it, other sides do."""

    def __init__(self) -> None:
        self.rest, self.colors = random_cloud()
        away = torch.from_numpy(-CAMERA.position() / CAMERA.distance).float()
        self.moved = [self.rest + 0.15 * frame * away for frame in range(FRAMES)]
        views = [drawn(self.frame(i), filmed_from([CAMERA])) for i in range(FRAMES)]
        self.video, self.alpha = torch.cat([color for color, _ in views]), torch.cat([alpha for _, alpha in views])

    def frame(self, index: int) -> Gaussians:
        turns = torch.tensor([1.0, 0, 0, 0]).repeat(COUNT, 1)
        return Gaussians(self.moved[index], turns, torch.full((COUNT, 3), 0.06), torch.full((COUNT,), 0.9), self.colors)

    def error(self, found: GaussianList) -> float:
        """Mean distance of the means from the truth in the last frame."""
        return float((found.means[-1].detach() - self.moved[-1]).norm(dim=-1).mean())


def seer(truth: Truth) -> MixturePrior:
    """A prior that knows the object of this video from every side.

    Shown a frame of the video, it believes in what that frame's object looks like from the camera that it is told; shown a
    picture of the asset from a side and told no other, it believes in that picture.
    """

    def belief(condition: Condition, camera: RelativeCamera) -> Tensor:
        pictures = []
        for index in range(camera.count):
            shown = condition.features[0][index]
            frame = int(((truth.video - shown) ** 2).flatten(1).mean(1).argmin())
            if ((truth.video[frame] - shown) ** 2).mean() > 1e-3:
                pictures.append(torch.nan_to_num(shown, nan=1.0))
                continue
            pose = CAMERA.moved(azimuth=CAMERA.azimuth + float(camera.azimuth[index]), elevation=CAMERA.elevation + float(camera.elevation[index]))
            pictures.append(drawn(truth.frame(frame), filmed_from([pose]))[0][0])
        return torch.stack(pictures)[None]

    return MixturePrior(belief, SIZE)


@pytest.fixture(scope="module")
def truth() -> Truth:
    return Truth()


def test_both_distances_of_a_foreign_asset(truth: Truth) -> None:
    prior, asset = seer(truth), truth.frame(0)

    def from_front(distances: np.ndarray) -> tuple[Tensor, Tensor]:
        return drawn(asset, filmed_from([CAMERA.moved(distance=float(one)) for one in distances]))

    video = video_aligned_distance(from_front, truth.video[0], truth.alpha[0], 2.0)
    assert video.best == pytest.approx(CAMERA.distance, abs=0.02)
    camera, middle = CAMERA.moved(distance=video.best, fovy=FOVY), torch.zeros(1, 3)
    seen = frame_video(prior, truth.video[:1], truth.alpha[:1], intrinsics_for(FOVY, SIZE, SIZE), camera, middle)

    def from_anywhere(views: NovelViews) -> Tensor:
        return drawn(asset, views.cameras(FOVY, SIZE))[0]

    settings = MultiviewDistanceSettings(nearest=0.85, farthest=1.15, timesteps=(700,))
    curve = multiview_aligned_distance(from_anywhere, prior, seen, settings)
    assert curve.found and curve.best == pytest.approx(CAMERA.distance, abs=0.03)


def optimize(truth: Truth, schedule: AsynchronousSchedule, unknown_weight: float, iterations: int = 72) -> GaussianList:
    """What the other method does: its own representation, our modules."""
    prior, found = seer(truth), GaussianList(*random_cloud())
    condition = prior.condition(truth.video, torch.full((FRAMES,), CAMERA.elevation), torch.full((FRAMES,), CAMERA.distance))
    video = FramedVideo(condition, torch.full((FRAMES,), CAMERA.azimuth), torch.zeros(FRAMES, 3))
    settings = MotionGeometrySettings(
        geometry=0.3, weight=unknown_weight, views=NovelViewSettings(count=2), guidance=GuidanceSettings(scale=1.0, target="x0")
    )
    distances = novel_distances("render", CAMERA.distance, CAMERA.distance, prior.facts)
    unknown = MotionGeometryLoss(prior, video, distances, settings)
    known, generator, front = KnownViewLoss(PAPER), torch.Generator().manual_seed(0), filmed_from([CAMERA])
    halves = {"deformation": torch.optim.Adam(found.means, 3e-2), "appearance": torch.optim.Adam([found.colors], 1e-2)}
    for iteration in range(iterations):
        frame, done = iteration % FRAMES, iteration / iterations
        views = unknown.draw(torch.tensor([frame]), generator)
        pictures, _ = drawn(found.frame(frame), views.cameras(FOVY, SIZE))
        asset, _ = drawn(truth.frame(0), views.cameras(FOVY, SIZE))
        color, alpha = drawn(found.frame(frame), front)
        loss = (iteration + 1) / iterations * known(color, alpha, truth.video[[frame]], truth.alpha[[frame]])
        (loss + unknown(pictures, asset, torch.tensor([frame]), views, done, generator).loss).backward()
        for phase in schedule.phases(iteration // FRAMES):
            halves[phase].step()
        for optimizer in halves.values():
            optimizer.zero_grad()
    return found


def test_unknown_views_find_a_motion_that_the_video_hardly_shows(truth: Truth) -> None:
    schedule = AsynchronousSchedule()
    still = truth.error(GaussianList(*random_cloud()))
    blind, seeing = truth.error(optimize(truth, schedule, 0.0)), truth.error(optimize(truth, schedule, 1.0))
    assert still == pytest.approx(0.3, rel=1e-3)
    assert seeing < 0.6 * still and seeing < 0.8 * blind


def test_a_frozen_half_stays_as_it_was(truth: Truth) -> None:
    found = optimize(truth, AsynchronousSchedule(period=10**6), 1.0, 2 * FRAMES)
    rest, colors = random_cloud()
    assert torch.equal(found.colors.detach(), colors) and not torch.equal(found.means[0].detach(), rest)
    found = optimize(truth, AsynchronousSchedule(period=10**6, first="appearance"), 1.0, 2 * FRAMES)
    assert torch.equal(found.means[0].detach(), rest) and not torch.equal(found.colors.detach(), colors)
