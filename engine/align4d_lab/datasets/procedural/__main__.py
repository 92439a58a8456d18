"""python -m align4d_lab.datasets.procedural SHEET.png: a contact sheet of the objects, each from two sides."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from . import make_objects, render_objects

ELEVATION, AZIMUTHS, DISTANCE = 15.0, (-30.0, 150.0), 1.8


def contact_sheet(first_seed: int, rows: int, columns: int, size: int) -> np.ndarray:
    """(rows * size, 2 * columns * size, 3) uint8: the objects from `first_seed` on, the back right of the front."""
    objects = torch.from_numpy(make_objects(first_seed, rows * columns))
    views = torch.tensor([[math.radians(ELEVATION), math.radians(azimuth), DISTANCE] for azimuth in AZIMUTHS])
    images = render_objects(objects, views.expand(len(objects), -1, -1), size, 3)
    grid = images.unflatten(0, (rows, columns)).permute(0, 4, 1, 2, 5, 3).reshape(rows * size, -1, 3)
    return (grid * 255).round().byte().numpy()


def main() -> None:
    """Writes the sheet."""
    parser = argparse.ArgumentParser(prog="python -m align4d_lab.datasets.procedural", description="Draws a contact sheet of procedural objects.")
    parser.add_argument("sheet", type=Path, help="PNG to write")
    parser.add_argument("--seed", type=int, default=0, help="of the first object")
    parser.add_argument("--rows", type=int, default=6)
    parser.add_argument("--columns", type=int, default=5)
    parser.add_argument("--size", type=int, default=96, help="side of a picture [px]")
    arguments = parser.parse_args()
    Image.fromarray(contact_sheet(arguments.seed, arguments.rows, arguments.columns, arguments.size)).save(arguments.sheet, optimize=True)


main()
