"""A picture of keyed rigs for the manual: each case's mesh with its bones over it, at some moments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageChops

from support import blender
from support.generation import run_with_bar

SIDE = 300
"""Of one picture [px]."""
MARGIN = 12
"""Above and below the highest and the lowest of a row [px]."""
MOMENTS = 3
"""Pictures of a case."""
BONES = 0.8
"""How much of what is behind the bones they cover."""


def write(path: Path, blends: Sequence[Path], chosen: blender.Blender, user_folder: Path, out: Path) -> None:
    """Writes a row of moments for each animated .blend; what it is made of stays in `out`. Raises ScriptError."""
    rows = []
    for blend in blends:
        folder = out / blend.parents[1].name
        folder.mkdir(parents=True, exist_ok=True)
        run_with_bar(chosen, user_folder, "picture_rig.py", [blend.resolve(), folder.resolve(), str(SIDE), str(MOMENTS)], folder / "picture.log")
        rows.append(_beside([_moment(folder, number) for number in range(MOMENTS)]))
    sheet = Image.new("RGB", (MOMENTS * SIDE, sum(row.height for row in rows)), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    sheet.save(path, optimize=True)


def _beside(moments: Sequence[Image.Image]) -> Image.Image:
    """A row of pictures, without what is empty above and below all of them."""
    row = Image.new("RGB", (len(moments) * SIDE, SIDE), "white")
    for column, moment in enumerate(moments):
        row.paste(moment, (column * SIDE, 0))
    _, top, _, bottom = ImageChops.invert(row).getbbox() or (0, 0, 0, SIDE)
    return row.crop((0, max(top - MARGIN, 0), row.width, min(bottom + MARGIN, SIDE)))


def _moment(folder: Path, number: int) -> Image.Image:
    """The bones over the mesh, on white."""
    picture = Image.new("RGBA", (SIDE, SIDE), "white")
    picture.alpha_composite(Image.open(folder / f"mesh_{number}.png").convert("RGBA"))
    bones = Image.open(folder / f"bones_{number}.png").convert("RGBA")
    bones.putalpha(bones.getchannel("A").point(lambda value: round(value * BONES)))
    picture.alpha_composite(bones)
    return picture.convert("RGB")
