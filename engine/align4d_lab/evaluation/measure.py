"""Shows the clips to the judges and collects what they say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from align4d.job.reporting import Reporter

from ..metrics.judges import Judge
from ..metrics.mesh_picture import PictureCamera
from ..metrics.motion import TrueView
from .moving import Moving
from .references import View

Item = TypeVar("Item")

SHEET_FRAMES = 6
"""Pictures of each clip that the contact sheet shows."""


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        value: None where it was not measured.
        reason: why not, or what to know of it.
        clips: by clip, where it is a mean over clips.
    """

    value: float | None
    reason: str = ""
    clips: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Strip:
    """A row of the contact sheet: (H, W, 3) uint8 pictures."""

    title: str
    pictures: list[np.ndarray]


@dataclass
class Measured:
    """What comes of it: figures by name, rows of the contact sheet, and what the user should know, as sentences."""

    figures: dict[str, Figure] = field(default_factory=dict)
    strips: list[Strip] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def compare(views: Sequence[View], judges: Sequence[Judge], batch: int, report: Reporter) -> Measured:
    """Every view to every judge, `batch` frames at a time; nothing else of a clip is kept but what the judges and the sheet need."""
    measured = Measured()
    by_clip: dict[str, dict[str, float]] = {}
    for index, view in enumerate(views):
        report.stage(view.name, index, len(views))
        shown = 0
        kept: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        wanted = _spread(view.frames)
        for pairs in _batches(view.pairs(), batch):
            report.check_cancelled()
            found, reference = (np.stack(pictures) for pictures in zip(*pairs, strict=True))
            for judge in judges:
                judge.show(found, reference)
            for number, pair in enumerate(pairs, start=shown):
                if number in wanted:
                    kept[0].append(pair[0])
                    kept[1].append(pair[1])
            shown += len(pairs)
            report.progress(shown, view.frames)
        if shown < view.frames:
            measured.notes.append(f"{view.name}: {shown} of {view.frames} frames have both a result and a reference; these were compared.")
        for judge in judges if shown else ():
            for name, value in judge.end_clip().items():
                by_clip.setdefault(name, {})[view.name] = value
        measured.strips += [Strip(f"{view.name}: result", kept[0]), Strip(f"{view.name}: reference", kept[1])]
    measured.figures = {name: _mean(clips) for name, clips in by_clip.items()} | _overall(judges)
    return measured


def surround(moving: Moving, view: TrueView, judges: Sequence[Judge], count: int, side: int, batch: int, report: Reporter) -> Measured:
    """VBench's look at the result alone: one turn around it while its motion plays once, `count` pictures of `side` px."""
    measured = Measured()
    report.stage("surround", 0, 1)
    kept: list[np.ndarray] = []
    shown, wanted = 0, _spread(count)
    for pictures in _batches(_turn(moving, view, count, side), batch):
        report.check_cancelled()
        for judge in judges:
            judge.show(np.stack(pictures), None)
        kept += [picture for number, picture in enumerate(pictures, start=shown) if number in wanted]
        shown += len(pictures)
        report.progress(shown, count)
    measured.strips.append(Strip("surround", kept))
    for judge in judges:
        measured.figures |= {name: Figure(value) for name, value in judge.end_clip().items()}
    return measured


def _turn(moving: Moving, view: TrueView, count: int, side: int) -> Iterator[np.ndarray]:
    for index in range(count):
        turned = TrueView(view.azimuth + 360.0 * index / count, view.elevation, view.distance, view.fovy, view.center)
        frame = round(index * (moving.frames - 1) / max(count - 1, 1))
        yield moving.draw(frame, PictureCamera(turned.world_to_camera(), turned.fovy, (side, side)))


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _spread(count: int) -> set[int]:
    return set(np.linspace(0, count - 1, min(SHEET_FRAMES, count)).round().astype(int).tolist())


def _mean(clips: dict[str, float]) -> Figure:
    mean = float(np.mean(list(clips.values())))
    if math.isfinite(mean):
        return Figure(mean, clips=clips)
    finite = {name: value for name, value in clips.items() if math.isfinite(value)}
    return Figure(None, "infinite: a picture equals its reference", finite)


def _overall(judges: Sequence[Judge]) -> dict[str, Figure]:
    found = {name: said for judge in judges for name, said in judge.overall().items()}
    return {name: Figure(None, said) if isinstance(said, str) else Figure(said) for name, said in found.items()}
