"""Pictures for a person to look at: what a prior imagines, and its curves over the distance."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from align4d.alignment.multiview_distance import MultiviewDistanceCurve
from align4d.priors.prior import MultiviewPrior

from . import cameras
from .judge import clean_means, samples
from .subjects import AssetSubjects, ProceduralSubjects, digest, relative

matplotlib.use("Agg")
from matplotlib import pyplot

OBJECTS = 12
OBJECT_STEP = 60
"""Between the views of a procedural object [degrees]."""

TITLE = "First column: the condition. Rows of each object: truth, mean of x0 in one step, DDIM sample with guidance 2."
HEADER = 16
"""Height of the title [px]."""


def asset_sheet(prior: MultiviewPrior, assets: AssetSubjects, path: Path) -> None:
    """Every asset all around, from the view of its ring that is nearest the video's."""
    rows = []
    for index, case in enumerate(assets.cases):
        ring = cameras.rings(float(case.camera[0]))[0]
        nearest = round(float(case.camera[1]) / cameras.RING_STEP) % len(ring)
        rows += _block(prior, assets.pictures(ring[None], slice(index, index + 1))[0], ring, nearest)
    _write(path, rows)


def object_sheet(prior: MultiviewPrior, objects: ProceduralSubjects, path: Path) -> None:
    """The first held-out objects all around."""
    rows = []
    rings = cameras.around(objects.camera[:OBJECTS], tuple(float(turn) for turn in range(0, 360, OBJECT_STEP)))
    pictures = objects.pictures(rings, slice(0, OBJECTS))
    for shown, ring in zip(pictures, rings, strict=True):
        rows += _block(prior, shown, ring, 0)
    _write(path, rows)


def _block(prior: MultiviewPrior, pictures: Tensor, ring: np.ndarray, given: int) -> list[Tensor]:
    """Three rows (1 + V, 3, S, S): the condition, then each view of the ring: true, x0 mean, sample."""
    count = len(ring)
    condition = digest(prior, pictures[given : given + 1], ring[given : given + 1])
    camera = relative(np.repeat(ring[given : given + 1], count, axis=0), ring, prior.device)
    which = torch.zeros(count, dtype=torch.long, device=prior.device)
    kinds = (pictures, clean_means(prior, condition, which, camera, 0), samples(prior, condition, which, camera, 1))
    return [torch.cat([pictures[given : given + 1], kind]).cpu() for kind in kinds]


def _write(path: Path, rows: list[Tensor]) -> None:
    """A grid with a thin line around every picture, at twice its size."""
    framed = [torch.nn.functional.pad(row, (0, 1, 0, 1), value=0.6) for row in rows]
    grid = torch.cat([torch.cat(list(row), -1) for row in framed], -2)
    pixels = (grid.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    image = Image.fromarray(pixels).resize((2 * pixels.shape[1], 2 * pixels.shape[0]), Image.Resampling.NEAREST)
    sheet = Image.new("RGB", (image.width, image.height + HEADER), "white")
    sheet.paste(image, (0, HEADER))
    ImageDraw.Draw(sheet).text((4, 2), TITLE, fill="black")
    sheet.save(path)


def distance_curves(path: Path, curves: list[tuple[str, float, MultiviewDistanceCurve]]) -> None:
    """L(d) of each timestep, divided by its mean, one panel an object; d_V and what was picked."""
    columns = min(4, len(curves))
    rows = -(-len(curves) // columns)
    figure, panels = pyplot.subplots(rows, columns, figsize=(4.2 * columns, 3.2 * rows), squeeze=False, layout="constrained")
    for panel in panels.flat[len(curves) :]:
        panel.set_visible(False)
    colors = matplotlib.colormaps["viridis"]
    for panel, (name, video, curve) in zip(panels.flat, curves, strict=False):
        for timestep, error in zip(curve.timesteps, curve.per_timestep, strict=True):
            panel.semilogy(curve.distance, error / error.mean(), color=colors(timestep / 1000), linewidth=1, label=f"t = {timestep}")
        panel.axvline(video, color="tab:green", linewidth=1, label="distance of the condition")
        panel.axvline(curve.best, color="tab:red", linestyle="--", linewidth=1, label="picked" if curve.found else "no minimum")
        panel.set_title(name, fontsize=9)
    panels.flat[0].legend(fontsize=5)
    figure.supxlabel("distance [longest sides of the object]")
    figure.supylabel("error of the predicted noise over its mean")
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
