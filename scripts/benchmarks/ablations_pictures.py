"""One sheet a case: the video, the truth, and every variant from a side that the video does not show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from align4d.tables.variants import Trial

from .motion_pictures import SIDE

VIDEO, FROM_SIDE, TRUTH_FROM_SIDE = 0, 2, 3
"""Rows of a run's sheet.png, see `motion_pictures.compared_frames`."""

TITLE_HEIGHT = 32


def write_sheets(trials: Sequence[Trial], out: Path) -> list[Path]:
    """Writes OUT/CASE.png from the sheets of the runs that have one (those of the first seed); returns what was written."""
    written = []
    for case in sorted({trial.case.name for trial in trials}):
        rows: list[np.ndarray] = []
        for trial in trials:
            sheet = trial.folder(out) / "sheet.png"
            if trial.case.name != case or not sheet.exists():
                continue
            kinds = strips(sheet)
            if not rows:
                rows = [titled(kinds[VIDEO], "video"), titled(kinds[TRUTH_FROM_SIDE], "truth, from the side")]
            rows.append(titled(kinds[FROM_SIDE], trial.variant.title.replace("`", "")))
        if rows:
            written.append(out / f"{case}.png")
            Image.fromarray(np.concatenate(rows)).save(written[-1])
    return written


def strips(sheet: Path) -> list[np.ndarray]:
    """The rows (SIDE, W, 3) of a run's sheet."""
    with Image.open(sheet) as image:
        pixels = np.asarray(image.convert("RGB"))
    return [pixels[top : top + SIDE] for top in range(0, len(pixels), SIDE)]


def titled(strip: np.ndarray, title: str) -> np.ndarray:
    """The strip with `title` in place of its own."""
    image = Image.fromarray(strip)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, SIDE, TITLE_HEIGHT), fill="white")
    pen.text((8, 6), title, fill="black", font_size=20)
    return np.asarray(image)
