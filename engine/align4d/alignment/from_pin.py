"""A motion followed anew from a pose that the artist knows, where the program had not found how the clip's motion begins."""

from __future__ import annotations

from dataclasses import replace

import torch

from ..inputs.asset import Asset
from ..job.reporting import Reporter
from ..motion.hexplane import HexPlaneField
from .animated_asset import AnimatedAsset
from .appearance import AppearanceSettings, paint
from .around_pins import Joints
from .lighting import fit_lighting, to_linear
from .pose_search import PoseSearchSettings
from .posed_asset import posed_asset
from .solved import Solved
from .track import Track
from .tracking import track
from .tracking_settings import TrackingSettings


def follow_from(
    solved: Solved,
    asset: Asset,
    frame: int,
    pin: Joints,
    tracking: TrackingSettings,
    search: PoseSearchSettings,
    appearance: AppearanceSettings,
    report: Reporter,
) -> Solved:
    """The motion of all frames, one after the other, forwards and back from `frame`; nothing of the old one is used but its camera.

    Args:
        solved: what the job had found.
        asset: the mesh of the job.
        frame: in which the pose is known.
        pin: its joints, (1, K, 3) each.
        tracking, search, appearance: the settings.

    Raises:
        Cancelled: the user cancelled.
    """
    animated = _painted(solved, asset, frame, pin, tracking, appearance, report)
    start = Track(*pin, torch.zeros(1), frame)
    found = track(animated, solved.skeleton, solved.views, start, pin, tracking, search, report)
    motion = solved.skeleton.pose(found.turn, found.shift)
    field = HexPlaneField(len(found.turn), solved.field.settings, torch.Generator().manual_seed(0)).to(found.turn.device)
    return replace(solved, animated=animated, motion=motion, field=field, neutral=pin[0], known_frame=None, guessed=False)


def _painted(
    solved: Solved, asset: Asset, frame: int, pin: Joints, tracking: TrackingSettings, appearance: AppearanceSettings, report: Reporter
) -> AnimatedAsset:
    """The asset in the light and the colors of the pinned frame: those that were found belong to another pose."""
    motion, view = solved.skeleton.pose(*pin), solved.views[0]
    light = fit_lighting(posed_asset(asset, solved.skin, motion), view.reference, view.viewmats[frame], frame)
    plain = replace(solved.animated, albedo=to_linear(solved.animated.bound.albedo), lighting=light)
    if not view.reference.usable[frame]:
        return plain
    return paint(plain, motion, view.only(frame), tracking.loss, appearance, report)
