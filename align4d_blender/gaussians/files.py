"""Sequences of .ply files with Gaussians, ours or anybody's: what belongs together, and whether it can be shown."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...engine.align4d.protocol import ply
from ..errors import UserError
from .spherical_harmonics import COEFFICIENTS

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Sequence:
    """Files whose names differ in one number.

    Attributes:
        pattern: path with the number as a replacement field, "/clip/frame_{:04}.ply"; a single file has none. Other braces are doubled.
        first, step, count: the numbers.
        degree: of the spherical harmonics of the first file.
    """

    pattern: str
    first: int
    step: int
    count: int
    degree: int

    def path(self, index: int) -> Path:
        """Of file `index`, counted from 0."""
        return Path(self.pattern.format(self.first + index * self.step))


def sequence_of(file: Path) -> Sequence:
    """The sequence that a file belongs to: all files beside it whose names differ in the last number only, from the lowest on.

    Raises UserError: "not_gaussians" where the first file cannot be shown, "sequence_gap" where a number is missing.
    """
    match = re.fullmatch(r"(.*?)(\d+)(\D*)", file.stem)
    if match is None:
        return Sequence(_literal(str(file)), 0, 1, 1, read_degree(file))
    before, _, after = match.groups()
    name = re.compile(re.escape(before) + r"(\d+)" + re.escape(after + file.suffix))
    try:
        found = [digits[1] for path in file.parent.iterdir() if (digits := name.fullmatch(path.name))]
    except OSError as error:
        raise _not_gaussians(file, f"cannot be read ({error.strerror or error})") from error
    width = min(map(len, found), default=1)
    numbers = sorted(int(digits) for digits in found if digits == f"{int(digits):0{width}}")
    if not numbers:
        raise _not_gaussians(file, "is not there")
    step = min((later - sooner for sooner, later in itertools.pairwise(numbers)), default=1)
    pattern = _literal(str(file.parent / before)) + f"{{:0{width}}}" + _literal(after + file.suffix)
    missing = sorted(set(range(numbers[0], numbers[-1], step)) - set(numbers))
    if missing or (numbers[-1] - numbers[0]) % step:
        gap = Path(pattern.format(missing[0] if missing else numbers[-1] + 1)).name
        raise UserError("sequence_gap", f"The sequence of {file.name} has gaps: {gap} is missing.", "Add the missing files, or number them evenly.")
    return Sequence(pattern, numbers[0], step, len(numbers), read_degree(Path(pattern.format(numbers[0]))))


def read_degree(path: Path) -> int:
    """The degree of the spherical harmonics of a .ply of Gaussians. Raises UserError "not_gaussians" with what is wrong about it."""
    try:
        names = ply.read_header(path).dtype.names or ()
    except ply.PlyError as error:
        raise _not_gaussians(path, str(error)) from error
    except OSError as error:
        raise _not_gaussians(path, f"cannot be read ({error.strerror or error})") from error
    rest = sum(name.startswith("f_rest_") for name in names)
    if rest not in COEFFICIENTS:
        raise _not_gaussians(path, f"holds no Gaussians: it has {rest} f_rest properties, which fit no degree of harmonics")
    return COEFFICIENTS.index(rest)


def read(path: Path) -> np.ndarray:
    """All Gaussians of a file, (N,) with a field per property. Raises UserError "not_gaussians"."""
    read_degree(path)
    return ply.read_ply(path)


def _literal(text: str) -> str:
    """A text that `format` leaves as it is."""
    return text.replace("{", "{{").replace("}", "}}")


def _not_gaussians(path: Path, what: str) -> UserError:
    return UserError("not_gaussians", f"{path.name} {what}.", "Choose a binary .ply file as 3D Gaussian splatting writes it.")
