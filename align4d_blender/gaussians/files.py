"""Sequences of .ply files with Gaussians, ours or anybody's: what belongs together, and whether it can be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from .spherical_harmonics import COEFFICIENTS

if TYPE_CHECKING:
    import numpy as np

NEEDED = ("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3")
"""Properties without which a file holds no Gaussians."""

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}
_LONGEST_HEADER = 65536


@dataclass(frozen=True)
class Header:
    """What a .ply says of its vertices.

    Attributes:
        count: number of Gaussians.
        dtype: of a vertex, a field per property.
        offset: of the first vertex in the file.
        degree: of the spherical harmonics, 0 to 3.
    """

    count: int
    dtype: np.dtype
    offset: int
    degree: int


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
        return Sequence(_literal(str(file)), 0, 1, 1, read_header(file).degree)
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
    step = min((later - sooner for sooner, later in zip(numbers, numbers[1:], strict=False)), default=1)
    pattern = _literal(str(file.parent / before)) + f"{{:0{width}}}" + _literal(after + file.suffix)
    missing = sorted(set(range(numbers[0], numbers[-1], step)) - set(numbers))
    if missing or (numbers[-1] - numbers[0]) % step:
        gap = Path(pattern.format(missing[0] if missing else numbers[-1] + 1)).name
        raise UserError("sequence_gap", f"The sequence of {file.name} has gaps: {gap} is missing.", "Add the missing files, or number them evenly.")
    return Sequence(pattern, numbers[0], step, len(numbers), read_header(Path(pattern.format(numbers[0]))).degree)


def read_header(path: Path) -> Header:
    """The header of a .ply of Gaussians. Raises UserError "not_gaussians" with what is wrong about it."""
    import numpy as np

    try:
        with open(path, "rb") as file:
            start = file.read(_LONGEST_HEADER)
            size = file.seek(0, 2)
    except OSError as error:
        raise _not_gaussians(path, f"cannot be read ({error.strerror or error})") from error
    text, end, _ = start.partition(b"end_header")
    newline = start.find(b"\n", len(text))
    if not start.startswith(b"ply") or not end or newline < 0:
        raise _not_gaussians(path, "is not a PLY file")
    lines = [line.split() for line in text.decode("ascii", "replace").splitlines()[1:]]
    order = _ORDERS.get(next((line[1] for line in lines if line[:1] == ["format"] and len(line) > 1), ""))
    if order is None:
        raise _not_gaussians(path, "is a PLY file in text form, not a binary one")
    count, fields = _vertices(path, [line for line in lines if line and line[0] in ("element", "property")], order)
    missing = [name for name in NEEDED if name not in fields]
    rest = sum(name.startswith("f_rest_") for name in fields)
    if missing or rest not in COEFFICIENTS:
        lacks = f"lacks {', '.join(missing[:3])}" if missing else f"has {rest} f_rest properties, which fit no degree of harmonics"
        raise _not_gaussians(path, f"holds no Gaussians: it {lacks}")
    dtype = np.dtype(list(fields.items()))
    if newline + 1 + count * dtype.itemsize > size:
        raise _not_gaussians(path, "is cut short")
    return Header(count, dtype, newline + 1, COEFFICIENTS.index(rest))


def read(path: Path) -> np.ndarray:
    """All Gaussians of a file, (N,) with a field per property. Raises UserError."""
    import numpy as np

    header = read_header(path)
    return np.fromfile(path, header.dtype, header.count, offset=header.offset)


def _vertices(path: Path, lines: list[list[str]], order: str) -> tuple[int, dict[str, str]]:
    """Count and fields of the first element, which has to be the vertices."""
    if not lines or lines[0][:2] != ["element", "vertex"] or len(lines[0]) != 3 or not lines[0][2].isdigit():
        raise _not_gaussians(path, "does not begin with its vertices")
    fields = {}
    for line in lines[1:]:
        if line[0] == "element":
            break
        if len(line) != 3 or line[1] not in _TYPES:
            raise _not_gaussians(path, f'has a property that no Gaussian has: "{" ".join(line)}"')
        fields[line[2]] = order + _TYPES[line[1]]
    return int(lines[0][2]), fields


def _literal(text: str) -> str:
    """A text that `format` leaves as it is."""
    return text.replace("{", "{{").replace("}", "}}")


def _not_gaussians(path: Path, what: str) -> UserError:
    return UserError("not_gaussians", f"{path.name} {what}.", "Choose a binary .ply file as 3D Gaussian splatting writes it.")
