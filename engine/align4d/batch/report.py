"""What came of a batch: a table, and a sheet with a look at each shot."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ..errors import writing
from ..job import preview
from ..protocol import ProtocolError, read_result, replacing

TABLE, SHEET, LOOKS = "batch.csv", "batch.png", ".looks"
COLUMNS = 4
TITLE = 16
"""Height of a shot's name on the sheet [px]."""


@dataclass(frozen=True)
class Outcome:
    """Attributes:
    name: of the shot.
    state: "done", or the code of the error that ended it.
    frames, seconds: of a finished one.
    overlap: of the outlines in the frame whose pose is known, where it was measured.
    words: its notes, or what went wrong.
    """

    name: str
    state: str
    frames: int = 0
    seconds: float = 0.0
    overlap: float = math.nan
    words: str = ""


def outcome(name: str, folder: Path) -> Outcome:
    """Of a shot that ended well. Raises ProtocolError where its result cannot be read."""
    result = read_result(folder)
    seconds = sum(result.seconds.values())
    return Outcome(name, "done", result.frames, round(seconds, 1), round(result.figures.get("overlap", math.nan), 3), " ".join(result.notes))


def write_table(out: Path, outcomes: Sequence[Outcome]) -> Path:
    """`TABLE`, a line a shot. Returns its path."""
    text = io.StringIO()
    table = csv.DictWriter(text, [one.name for one in fields(Outcome)], lineterminator="\n")
    table.writeheader()
    table.writerows(asdict(one) for one in outcomes)
    with writing(), replacing(out / TABLE) as file:
        file.write(text.getvalue().encode())
    return out / TABLE


def keep_look(out: Path, name: str, folder: Path) -> None:
    """Keeps a job's last preview for the sheet: the job's own is gone once somebody has taken its result."""
    try:
        content = (folder / preview.NAME).read_bytes()
    except OSError:
        return
    with writing():
        (out / LOOKS).mkdir(exist_ok=True)
        with replacing(_kept(out, name)) as file:
            file.write(content)


def _kept(out: Path, name: str) -> Path:
    return out / LOOKS / f"{name}.npy"


def write_sheet(out: Path, names: Sequence[str]) -> Path | None:
    """`SHEET`: of each shot whose look was kept the video's frame beside the render; None where none was. Returns its path.

    Args:
        names: of the shots.
    """
    looks = {name: look for name in names if (look := _look(_kept(out, name))) is not None}
    if not looks:
        return None
    width, height = (max(look.size[axis] for look in looks.values()) for axis in range(2))
    columns = min(COLUMNS, len(looks))
    rows = -(-len(looks) // columns)
    sheet = Image.new("RGB", (columns * width, rows * (height + TITLE)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (name, look) in enumerate(looks.items()):
        x, y = number % columns * width, number // columns * (height + TITLE)
        draw.text((x + 4, y + 2), name, fill="black")
        sheet.paste(look, (x, y + TITLE))
    content = io.BytesIO()
    sheet.save(content, format="PNG")
    with writing(), replacing(out / SHEET) as file:
        file.write(content.getbuffer())
    return out / SHEET


def _look(path: Path) -> Image.Image | None:
    """A preview; None where there is none."""
    try:
        return Image.fromarray(np.load(path, allow_pickle=False))
    except (OSError, ValueError, TypeError):
        return None


def is_done(folder: Path) -> bool:
    """Whether a job has its result."""
    try:
        read_result(folder)
    except ProtocolError:
        return False
    return True
