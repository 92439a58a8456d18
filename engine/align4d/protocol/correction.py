"""Making the folder of a job that corrects a finished one; both doors make it: Blender and the terminal."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import UserError
from .files import write_arrays, write_json
from .job import Request, read_completed
from .pins import BASE, PINS, SOLVED, PinSpec

if TYPE_CHECKING:
    import numpy as np


def can_be_corrected(base: Path) -> bool:
    """Whether a job folder holds what it takes to solve its frames anew."""
    return all((base / name).exists() for name in ("request.json", "output/result.json", SOLVED, "input"))


def has_flips(base: Path) -> bool:
    """Whether limbs of a finished job go the other way since the engine has solved it."""
    return bool(read_completed(base).flips)


def write_correction(base: Path, folder: Path, job: str, pins: Mapping[int, np.ndarray]) -> Request:
    """Makes the folder of a job that corrects a finished one, with its own copy of what that was made of and has found.

    Args:
        base: folder of the finished job.
        folder: of the new one; what lies there is left alone.
        job: id of the new one.
        pins: (B, 3) positions of the baked points in world space, see `PIN_ARRAYS`, by frame, counted from 0; may be none where limbs of
            the finished job go the other way: these are solved then, as with pins.

    Raises:
        UserError: "not_correctable" where the finished job lacks something, "no_pins" without any.
        OSError: where something cannot be written.
    """
    if not pins and not has_flips(base):
        raise UserError("no_pins", "No pose is pinned.", "Correct the pose in a frame, and keep it first.")
    if not can_be_corrected(base):
        message = "This motion cannot be corrected: it was made by the preset Paper or by an older version, or its files are incomplete."
        raise UserError("not_correctable", message, "Generate it again with the preset Artist or Draft, and correct that.")
    earlier = shutil.ignore_patterns("base", "pin_*.npz")
    shutil.copytree(base / "input", folder / "input", ignore=earlier, dirs_exist_ok=True)
    shutil.copytree(base / "output", folder / BASE / "output", ignore=shutil.ignore_patterns("gaussians_*", ".*.part"), dirs_exist_ok=True)
    for frame, positions in pins.items():
        write_arrays(folder / PINS.format(frame), {"positions": positions.astype("float32")})
    specs = tuple(PinSpec(frame, PINS.format(frame)) for frame in sorted(pins))
    old = read_completed(base)
    request = dataclasses.replace(old, job=job, pins=specs, flips=(), corrects=old.job)
    write_json(folder / "request.json", request)
    return request
