"""What `align4d evaluate` leaves: figures.json, table.md and sheet.png."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from align4d.protocol import replacing

from .measure import Figure, Measured, Strip


@dataclass(frozen=True)
class Kind:
    """How a figure is shown: its title, digits, and which way is better."""

    title: str
    digits: int
    better: str


KINDS: dict[str, Kind] = {
    "psnr": Kind("PSNR [dB]", 2, "higher"),
    "ssim": Kind("SSIM", 4, "higher"),
    "lpips": Kind("LPIPS (VGG)", 4, "lower"),
    "clip": Kind("CLIP similarity", 4, "higher"),
    "clip_f": Kind("CLIP-F", 4, "higher"),
    "fvd": Kind("FVD (I3D)", 1, "lower"),
    "subject_consistency": Kind("subject consistency", 4, "higher"),
    "background_consistency": Kind("background consistency", 4, "higher"),
    "aesthetic_quality": Kind("aesthetic quality", 4, "higher"),
    "imaging_quality": Kind("imaging quality", 4, "higher"),
    "motion_explained": Kind("motion explained", 3, "higher"),
    "vertex_error": Kind("vertex error [% of longest side]", 2, "lower"),
    "in_view_error": Kind("in-view error [% of longest side]", 2, "lower"),
    "depth_error": Kind("depth error [% of longest side]", 2, "lower"),
    "reprojection_error": Kind("reprojection [% of image height]", 2, "lower"),
    "temporal_jerk": Kind("temporal jerk", 2, "near 1"),
    "edge_stretch": Kind("edge stretch", 4, "lower"),
    "cd_3d": Kind("CD-3D", 4, "lower"),
    "cd_4d": Kind("CD-4D", 4, "lower"),
    "cd_m": Kind("CD-M", 4, "lower"),
}
"""Every figure, in the order of the table."""

TILE = 192
"""Side of a picture on the contact sheet [px]."""


def write_report(out: Path, measured: Measured, about: dict[str, Any]) -> None:
    """Writes the three files, each whole or not at all; `about` says what was evaluated."""
    out.mkdir(parents=True, exist_ok=True)
    figures = {name: asdict(figure) for name, figure in measured.figures.items()}
    with replacing(out / "figures.json", "w") as file:
        json.dump({**about, "figures": figures, "notes": measured.notes}, file, indent=1, ensure_ascii=False, allow_nan=False)
    with replacing(out / "table.md", "w") as file:
        file.write(table(measured, about))
    with replacing(out / "sheet.png") as file:
        contact_sheet(measured.strips).save(file, "PNG")


def table(measured: Measured, about: dict[str, Any]) -> str:
    """The figures as Markdown, a row each; notes below."""
    head = "\n".join(f"- {name}: {value}" for name, value in about.items() if value not in ("", None))
    rows = ["| figure | value | better |", "| --- | --- | --- |"]
    for name, kind in KINDS.items():
        if name in measured.figures:
            rows.append(f"| {kind.title} | {shown(measured.figures[name], kind)} | {kind.better} |")
    notes = "".join(f"\n- {note}" for note in measured.notes)
    return f"{head}\n\n" + "\n".join(rows) + "\n" + (f"\nNotes:\n{notes}\n" if notes else "")


def shown(figure: Figure, kind: Kind) -> str:
    """A figure as a table shows it."""
    if figure.value is None:
        return figure.reason if figure.reason.startswith("infinite") else f"not measured ({figure.reason})"
    return f"{figure.value:.{kind.digits}f}"


def number(value: float) -> Figure:
    """A figure of a number that may be none."""
    return Figure(value) if math.isfinite(value) else Figure(None, "nothing moves, or there are too few frames")


def contact_sheet(strips: Sequence[Strip]) -> Image.Image:
    """Every strip a row, its title above it."""
    title = 18
    columns = max((len(strip.pictures) for strip in strips), default=1)
    sheet = Image.new("RGB", (max(columns, 1) * TILE, max(len(strips), 1) * (TILE + title)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, strip in enumerate(strips):
        top = row * (TILE + title)
        pen.text((4, top + 2), strip.title, fill="black", font_size=13)
        for column, picture in enumerate(strip.pictures):
            sheet.paste(_tile(picture), (column * TILE, top + title))
    return sheet


def _tile(picture: np.ndarray) -> Image.Image:
    image = Image.fromarray(picture)
    image.thumbnail((TILE, TILE), Image.Resampling.BOX)
    square = Image.new("RGB", (TILE, TILE), "white")
    square.paste(image, ((TILE - image.width) // 2, (TILE - image.height) // 2))
    return square
