"""The story of an evaluation: the result is read, references are found, judges look, figures are collected."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import align4d
from align4d.errors import EngineError
from align4d.folders import model_folder
from align4d.job.make import video_spec
from align4d.job.reporting import Reporter
from align4d.machine.device import choose_device
from align4d.protocol import VideoSpec

from ..metrics.judges import PAIRED, SURROUND, make_judges
from .measure import SHEET_FRAMES, Figure, Measured, compare, surround
from .moving import MovingMesh
from .options import EvaluationOptions
from .read_result import Found, read_result
from .references import View, input_view, novel_views, picture_views, video_view
from .report import number
from .truth import CHAMFER, MOTION, against_point_clouds, against_true_motion, read_true_motion, true_views


def evaluate(order: EvaluationOptions, report: Reporter) -> tuple[Measured, dict[str, Any]]:
    """The figures, and what was evaluated. Raises EngineError."""
    device = torch.device(choose_device(order.device))
    order = replace(order, models=order.models or metric_models())
    about: dict[str, Any] = {"result": str(order.result), "engine": align4d.__version__, "device": str(device)}
    if _is_pictures(order.result):
        if order.views is None:
            raise EngineError("views_missing", "Pictures can be compared with pictures only.", "Name the folder of reference views with --views.")
        measured = _paired(picture_views(order.result, order.views), order, device, report)
        return measured, about | {"kind": "pictures", "views": str(order.views), "protocol": "Consistent4D"}
    found = read_result(order.result, order.mesh, order.fps, device)
    about |= {"kind": found.kind, "frames": found.moving.frames, "fps": found.moving.fps}
    views, figures = _references(found, order, about)
    measured = _paired(views, order, device, report)
    measured.figures |= figures
    if order.surround:
        judges, missing = make_judges(SURROUND, order.models, device)
        count = order.surround if judges else min(order.surround, SHEET_FRAMES)  # without judges: for the contact sheet only
        around = surround(found.moving, video_view(found, order.orbit), judges, count, order.size, order.batch, report)
        measured.figures |= around.figures | {name: Figure(None, reason) for name, reason in missing.items()}
        measured.strips += around.strips
    return measured, about


def metric_models() -> Path | None:
    """`metrics/` beside the generators' models, where it is there."""
    folder = model_folder() / "metrics"
    return folder if folder.is_dir() else None


def _is_pictures(path: Path) -> bool:
    """Whether a folder is laid out as Consistent4D's predictions: eval_0 in it, or in a folder of it."""
    return path.is_dir() and not (path / "request.json").exists() and (any(path.glob("eval_*/")) or any(path.glob("*/eval_*/")))


def _references(found: Found, order: EvaluationOptions, about: dict[str, Any]) -> tuple[list[View], dict[str, Figure]]:
    """Everything that the result can be compared with, and the figures that need no pictures."""
    view = video_view(found, order.orbit)
    video = video_spec(order.reference, 0, -1, 0.0) if order.reference else found.video
    views: list[View] = []
    figures: dict[str, Figure] = {}
    if video is not None:
        views.append(input_view(found, video, view, order.size))
        about["reference"] = _name(video)
    if order.views is not None:
        views += novel_views(found, order.views, view)
        about["views"] = str(order.views)
    if order.truth is not None:
        about["truth"] = str(order.truth)
        if not isinstance(found.moving, MovingMesh):
            figures = {name: Figure(None, "the result is no mesh") for name in (*MOTION, *CHAMFER)}
        elif order.truth.suffix == ".npy":
            figures = {name: number(value) for name, value in against_point_clouds(found.moving, order.truth, order.seed).items()}
        else:
            truth = read_true_motion(order.truth, found.moving)
            figures = {name: number(value) for name, value in against_true_motion(found.moving, truth).items()}
            views += true_views(found.moving, truth, order.size)
    return views, figures


def _paired(views: list[View], order: EvaluationOptions, device: torch.device, report: Reporter) -> Measured:
    judges, missing = make_judges(PAIRED, order.models, device)
    if not views:
        names = [name for figures, _ in PAIRED for name in figures]
        return Measured({name: Figure(None, "there is no reference: --reference, --views or --truth") for name in names})
    measured = compare(views, judges, order.batch, report)
    measured.figures |= {name: Figure(None, reason) for name, reason in missing.items()}
    return measured


def _name(video: VideoSpec) -> str:
    return video.path or f"{len(video.images)} images in {Path(video.images[0]).parent}"
