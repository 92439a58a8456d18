"""Checks of a GPU's kernels against the same on the processor: run with the folder for a job, and with "cuda" or, where TRITON_INTERPRET=1, "cpu"."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import fields, replace
from pathlib import Path

import torch
from builders import Job
from test_direct_look import before_a_wall, held, limited, plain, unseen
from test_tracking import STILL, TRACKING, Show, seen

from align4d.alignment.animated_asset import AnimatedAsset
from align4d.alignment.frame_step import FramePoint, FrameStep
from align4d.alignment.fused_step import TOGETHER, FusedStep
from align4d.alignment.held import Held
from align4d.alignment.lighting import Lighting
from align4d.alignment.pose_search import PoseSearch, PoseSearchSettings
from align4d.alignment.reference import Backdrop, Reference
from align4d.gaussians.cuda.function import ride
from align4d.gaussians.surface_bound import BoundGaussians
from align4d.motion.cuda.function import pose_on_gpu
from align4d.motion.kinematics import build_tree
from align4d.motion.skinning import Skin
from align4d.rendering.deferral import Deferral

EVERY = 7
"""One of so many Gaussians is enough here."""


def near(found: torch.Tensor, right: torch.Tensor, share: float = 1e-4) -> None:
    """That they differ by less than this share."""
    found, right = found.detach().cpu(), right.detach().cpu()
    assert (found - right).norm() <= share * right.norm() + 1e-9, float((found - right).norm() / right.norm())


def there(asset: AnimatedAsset, device: str) -> AnimatedAsset:
    """The asset on a device."""
    bound = BoundGaussians(*(getattr(asset.bound, one.name).to(device) for one in fields(BoundGaussians)))
    held_there = asset.held and Held(asset.held.weight.to(device), asset.held.place.to(device))
    skin = Skin(asset.skin.weights.to(device))
    return AnimatedAsset(bound, skin, asset.albedo.to(device), asset.lighting, "auto", held=held_there, limits=asset.limits)


def shown_there(video: Reference, device: str) -> Reference:
    """The video on a device."""
    backdrop = video.backdrop and Backdrop(video.backdrop.shown.to(device), video.backdrop.behind.to(device))
    return replace(video, color=video.color.to(device), alpha=video.alpha.to(device), backdrop=backdrop)


def fused_step(show: Show, asset: AnimatedAsset, video: Reference, neutral: torch.Tensor, device: str) -> FusedStep:
    """Of frame 1 of a video, on a device."""
    step = FrameStep(there(asset, device), show.skeleton, seen(shown_there(video, device)), neutral.to(device), TRACKING)
    lever = torch.cat([step.turn_lever, step.shift_lever], -1).repeat_interleave(3, -1)[0]
    fused = FusedStep(step.animated, show.skeleton, step.views[0], step.cost, step.curvature, lever)
    fused.show(1)
    return fused


def check_poses(show: Show, asset: AnimatedAsset, device: str) -> None:
    """A pose that kernels look at costs what it costs as tensors, and so do its gradient and how that curves; a step down is Adam's."""
    video = show.video([0.0, 14.0])
    for case in (plain, before_a_wall, held, limited, unseen):
        shown, reference = case(asset, video)
        step = FrameStep(shown, show.skeleton, seen(reference), 0.1 + STILL, TRACKING)
        step.direct = None
        step.judge(1, STILL, STILL)
        joints = 0.02 * torch.randn(6 * show.skeleton.count, generator=torch.Generator().manual_seed(0))
        right, fused = FramePoint(step, joints), fused_step(show, shown, reference, 0.1 + STILL, device)
        cost, known, gradient, curvature = fused.looked_at(joints.to(device), True)
        near(torch.stack([cost, known]), torch.tensor([right.cost, right.known]), 1e-5)
        near(gradient, right.gradient)
        near(curvature, right.curvature())
        gradient, curvature = gradient.clone(), curvature.clone()
        again = fused.looked_at(joints.to(device), False)
        assert torch.equal(again[2], gradient) and torch.equal(again[3], curvature)
        fused.begin(joints.to(device), 2)
        fused.descend()
        step.count.fill_(2)
        for one, part in zip((step.turns, step.shifts), joints.view(1, -1, 6).split(3, -1), strict=True):
            one.data.copy_(part)
        step._step(None)
        near(fused.joints, torch.cat([step.turns, step.shifts], -1).flatten())


def check_judging(show: Show, asset: AnimatedAsset, device: str) -> None:
    """More poses than are judged at once; and one that is no number is told."""
    video = show.video([0.0, 14.0])
    step, fused = FrameStep(asset, show.skeleton, seen(video), STILL, TRACKING), fused_step(show, asset, video, STILL, device)
    turns = torch.cat([show.bent([3.0 * number]).turn for number in range(TOGETHER + 2)])
    still = torch.zeros_like(turns)
    for found, right in zip(fused.judge(1, turns.to(device), still.to(device)), step.judge(1, turns, still), strict=True):
        near(found, right, 1e-5)
    with Deferral(fused.joints.device) as deferral:
        fused.looked_at(torch.full_like(fused.joints, torch.nan), True)
    try:
        deferral.verify()
    except Exception as error:
        assert "NaN" in str(error)
    else:
        raise AssertionError


def check_riding(show: Show, asset: AnimatedAsset, device: str) -> None:
    """Kinematics and Gaussians on triangles, with all gradients."""
    draws, count = torch.Generator().manual_seed(0), show.skeleton.count
    turn, shift = (size * torch.randn(3, count, 3, generator=draws) for size in (0.3, 0.1))
    offset, albedo = 0.02 * torch.randn(3, asset.bound.count, 3, generator=draws), asset.albedo.clone()
    light = asset.lighting.coefficients + 0.05 * torch.randn(13, 3, generator=draws)
    leaves = [one.requires_grad_() for one in (turn, shift, albedo, light, offset)]
    for moved in (None, offset):
        painted = replace(asset, albedo=albedo, lighting=Lighting(light))
        shown, stretch = painted.stretched(show.skeleton.pose(turn, shift), moved)
        right = shown.means, shown.quats, shown.colors, stretch
        tree = build_tree(show.skeleton.parent, show.skeleton.joint, asset.albedo.to(device))
        parts = pose_on_gpu(tree.joint, tree.steps, tree.below, turn.to(device), shift.to(device))
        found = ride(there(asset, device).rest.seats, *parts, moved if moved is None else moved.to(device), albedo.to(device), light.to(device))
        pulls = [torch.randn(one.shape, generator=draws) for one in right]
        found = [one.cpu() for one in found]
        known = leaves if moved is not None else leaves[:-1]
        gradients = [torch.autograd.grad(sum((one * pull).sum() for one, pull in zip(every, pulls, strict=True)), known) for every in (right, found)]
        for one, other in (*zip(found, right, strict=True), *zip(*reversed(gradients), strict=True)):
            near(one, other)


def check_drawing(show: Show, asset: AnimatedAsset, device: str) -> None:
    """Poses that are drawn to an outline go where they go on the processor, and twice to the same bits."""
    video, settings, turns = show.video([0.0, 14.0]), PoseSearchSettings(), torch.cat([show.bent([3.0 * number]).turn for number in range(3)])
    found = []
    for place in ("cpu", device, device):
        search = PoseSearch(there(asset, place), show.skeleton, seen(shown_there(video, place)), settings, TRACKING.joint_radius)
        still = torch.zeros_like(turns).to(place)
        found.append([one.cpu() for one in search.draw(1, turns.to(place), still, still[:1], 4)])
    for right, first, second in zip(*found, strict=True):
        near(first, right, 1e-3)
        assert torch.equal(first, second)


def main(folder: Path, device: str) -> None:
    """All of them."""
    show = Show(Job(folder))
    asset = show.animated.part(torch.arange(0, show.animated.bound.count, EVERY))
    for check in (check_riding, check_poses, check_judging, check_drawing):
        check(show, asset, device)
        print(check.__name__, flush=True)


if __name__ == "__main__":
    if os.environ.get("TRITON_INTERPRET") == "1":
        importlib.import_module("interpreted_loops")
    main(Path(sys.argv[1]), sys.argv[2])
