"""ODA, MGJA and AO in the hands of another 4D method, whose motion is a list of Gaussians per frame: `PerFrameMethod`."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from align4d_lab.adapters.per_frame import Borrowed, Footage, PerFrameMethod, PerFrameSettings
from analytic_priors import MixturePrior
from torch import Tensor

import align4d
from align4d.alignment.guidance import GuidanceSettings
from align4d.alignment.motion_geometry import MotionGeometrySettings
from align4d.alignment.multiview_distance import MultiviewDistanceSettings
from align4d.alignment.novel_views import NovelViewSettings
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
    assert alignment == {*MODULES, "compared_pictures", "guidance", "novel_views"}


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

    @property
    def footage(self) -> Footage:
        """Its camera stands where another method would have put it."""
        return Footage(self.video, self.alpha, intrinsics_for(FOVY, SIZE, SIZE), CAMERA.moved(distance=2.0, fovy=FOVY))

    def error(self, means: Tensor) -> float:
        """Mean distance of the means from the truth in the last frame."""
        return float((means.detach() - self.moved[-1]).norm(dim=-1).mean())


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


def optimized(truth: Truth, iterations: int, weight: float = 1.0, borrowed: Borrowed | None = None, **unknown: object) -> PerFrameMethod:
    guidance = GuidanceSettings(scale=1.0, target="x0")
    settings = PerFrameSettings(
        iterations=iterations,
        center_rate=3e-2,
        temporal=0.0,
        novel_size=SIZE,
        unknown=MotionGeometrySettings(**{"geometry": 0.3, "weight": weight, "views": NovelViewSettings(count=2), "guidance": guidance, **unknown}),  # type: ignore[arg-type]
        multiview=MultiviewDistanceSettings(nearest=0.85, farthest=1.15, timesteps=(700,)),
    )
    method = PerFrameMethod(truth.frame(0), truth.footage, seer(truth), settings, borrowed or Borrowed())
    method.run()
    return method


def test_both_distances_of_a_foreign_asset(truth: Truth) -> None:
    method = optimized(truth, 0)
    assert method.distance == pytest.approx(CAMERA.distance, abs=0.02)
    assert method.unknown.distances.rendered == pytest.approx(1, abs=0.03)
    assert optimized(truth, 0, borrowed=Borrowed(distances=False)).distance == 2.0


def test_unknown_views_find_a_motion_that_the_video_hardly_shows(truth: Truth) -> None:
    still = truth.error(truth.rest)
    blind, seeing = (truth.error(optimized(truth, 72, weight).centers[-1]) for weight in (0.0, 1.0))
    assert still == pytest.approx(0.3, rel=1e-3)
    assert seeing < 0.6 * still and seeing < 0.8 * blind


def test_without_joint_alignment_the_asset_is_not_asked_for(truth: Truth) -> None:
    plain = optimized(truth, 3, borrowed=Borrowed(joint_alignment=False), against="rest").unknown
    assert plain.settings.geometry == 0 and plain.settings.against == "noise" and plain.rest is None
    assert optimized(truth, 3, against="rest").unknown.rest is not None


def test_the_halves_take_turns_from_pass_to_pass(truth: Truth) -> None:
    for borrowed, learned in ((Borrowed(), False), (Borrowed(turns=False), True)):
        found = optimized(truth, FRAMES, borrowed=borrowed)
        assert not torch.equal(found.centers[0].detach(), truth.rest) and torch.equal(found.colors.detach(), truth.colors) != learned
    found = optimized(truth, 2 * FRAMES)
    assert not torch.equal(found.colors.detach(), truth.colors)


def test_a_frame_stays_near_the_one_before(truth: Truth) -> None:
    """However little the pictures say of it."""
    found = optimized(truth, 0)
    found.centers[0].data += torch.tensor([0.0, 0.0, 0.1])
    far = float((found.centers[1] - found.centers[0]).detach().norm(dim=-1).mean())
    found.settings = dataclasses.replace(found.settings, iterations=24, temporal=1e7)
    found.run()
    assert float((found.centers[1] - found.centers[0]).detach().norm(dim=-1).mean()) < 0.9 * far
