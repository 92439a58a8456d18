"""Pictures of a scored case for a person to look at: the curve of the distance search, a contact sheet, and a movie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
from align4d_lab.metrics.mesh_picture import PictureCamera, draw
from PIL import Image, ImageDraw

from align4d.inputs.video import load_clip
from align4d.protocol import CameraResult
from support.movies import in_square, write_movie

from .motion_case import Outcome

matplotlib.use("Agg")
from matplotlib import pyplot

SIDE = 384
"""Height of a picture [px]."""

SHEET_COLUMNS = 8


def write(out: Path, outcome: Outcome) -> None:
    """Writes distance.png (where the engine searched), sheet.png and compare.mp4."""
    if "video_aligned_distance" in outcome.result.curves:
        write_curve(out / "distance.png", outcome)
    rows = list(compared_frames(outcome))
    write_sheet(out / "sheet.png", rows)
    write_movie(out / "compare.mp4", [np.concatenate(row[:3], axis=1) for row in rows], outcome.result.fps)


def write_curve(path: Path, outcome: Outcome) -> None:
    """The error of the first frame over the distance, with what was found and what is true."""
    curve = outcome.result.curves["video_aligned_distance"]
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    axes.plot(curve["distance"], curve["error"], "o-", markersize=3, color="tab:blue", label="mean squared error of the first frame")
    true = outcome.view.place()[2]
    axes.axvline(true, color="tab:green", label=f"true distance {true:.3f}")
    axes.axvline(outcome.result.camera.distance, color="tab:red", linestyle="--", label=f"found {outcome.result.camera.distance:.3f}")
    axes.set(xlabel="distance [longest sides of the mesh]", ylabel="error", title="Video-aligned distance")
    axes.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def compared_frames(outcome: Outcome) -> Iterator[tuple[np.ndarray, ...]]:
    """Per frame: the video, the result by the solved camera, the result from another side, and the truth from there."""
    clip = load_clip(outcome.video, SIDE)
    solved = solved_camera(outcome.result.camera)
    side = outcome.view.turned(90.0)
    side_camera = PictureCamera(side.world_to_camera(), side.fovy, (SIDE, SIDE))
    for frame, found, true in zip(clip.frames, outcome.found, outcome.true, strict=True):
        views = (draw(outcome.asset, found, solved), draw(outcome.asset, found, side_camera, True), draw(outcome.asset, true, side_camera, True))
        yield tuple(in_square(picture, SIDE) for picture in (frame, *views))


def solved_camera(camera: CameraResult) -> PictureCamera:
    """The result's camera, at the height of our pictures."""
    to_world = np.array(camera.matrix_world)
    return PictureCamera(np.diag([1.0, -1.0, -1.0, 1.0]) @ np.linalg.inv(to_world), camera.fovy, (round(SIDE * camera.width / camera.height), SIDE))


def write_sheet(path: Path, rows: list[tuple[np.ndarray, ...]]) -> None:
    """Frames evenly over the clip, one a column; one kind of picture a row."""
    chosen = np.linspace(0, len(rows) - 1, min(SHEET_COLUMNS, len(rows))).round().astype(int)
    sheet = np.concatenate([np.concatenate([rows[index][kind] for index in chosen], axis=1) for kind in range(len(rows[0]))])
    image = Image.fromarray(sheet)
    pen = ImageDraw.Draw(image)
    for kind, title in enumerate(("video", "result, solved camera", "result, from the side", "truth, from the side")):
        pen.text((8, kind * SIDE + 6), title, fill="black", font_size=20)
    image.save(path)
