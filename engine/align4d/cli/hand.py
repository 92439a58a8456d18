"""`align4d hand JOB --out DIR`: a finished motion, corrected by poses that somebody knows and by limbs that go the other way."""

from __future__ import annotations

import argparse
import re
import tempfile
import uuid
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import EngineError, writing
from ..protocol import FlipSpec, Result, read_arrays, write_correction

if TYPE_CHECKING:
    import numpy as np


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of the command."""
    parser.add_argument("job", type=Path, help="folder of a finished job")
    parser.add_argument(
        "--pin",
        action="append",
        default=[],
        metavar="FRAME=FILE",
        type=_pin,
        help="a frame of the motion, counted from 1, and an .npz with `positions` (B, 3): where all its vertices stand then, in world space; "
        "may be given again",
    )
    parser.add_argument(
        "--flip",
        action="append",
        default=[],
        metavar="PART=FIRST-LAST",
        type=_flip,
        help="a part of output/poses.npz, counted from 0, that bends the other way in these frames, counted from 1, with all that hangs on it; "
        "comes before the pins; may be given again",
    )
    parser.add_argument("--out", type=Path, required=True, help="job folder of the corrected motion; the result lies in its output/")


def make_job(options: argparse.Namespace) -> Result | None:
    """Writes the folder of the new job. Returns its result where that is all there is to do, as it is without pins. Raises EngineError."""
    from ..protocol.flipped_job import write_flipped  # brings numpy: not for --help

    out: Path = options.out
    if (out / "request.json").exists():
        raise EngineError("job_exists", f"{out} holds a job already.", f'Go on with it by "align4d resume {out}", or choose another folder.')
    pins = {frame: _positions(path) for frame, path in options.pin}
    job = uuid.uuid4().hex
    with writing():
        if not options.flip:  # limbs that went the other way before are solved then
            write_correction(options.job, out, job, pins)
            return None
        if not pins:
            return write_flipped(options.job, out, job, options.flip)
        with tempfile.TemporaryDirectory() as flipped:
            write_flipped(options.job, Path(flipped), job, options.flip)
            write_correction(Path(flipped), out, job, pins)
    return None


def _positions(path: Path) -> np.ndarray:
    try:
        return read_arrays(path, 1 << 30)["positions"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        message = f"{path} cannot be read ({error})."
        raise EngineError("bad_pin", message, "Give an .npz with the array `positions`, as numpy.savez writes it.") from error


def _pin(text: str) -> tuple[int, Path]:
    frame, _, path = text.partition("=")
    if not frame.isdigit() or int(frame) < 1 or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not FRAME=FILE, such as 13=pose.npz")
    return int(frame) - 1, Path(path)


def _flip(text: str) -> FlipSpec:
    found = re.fullmatch(r"(\d+)=(\d+)-(\d+)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not PART=FIRST-LAST, such as 3=10-24")
    part, first, last = map(int, found.groups())
    return FlipSpec(part, first - 1, last - 1)
