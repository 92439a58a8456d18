"""PLY files of Gaussians, as 3D Gaussian splatting and those after it write them: one reader and one writer for both processes.

Source of the format: the reference implementation of "3D Gaussian Splatting for Real-Time Radiance Field Rendering" (Kerbl et al.
2023): little-endian floats, colors as spherical harmonics, opacity before the sigmoid, scales before the exponential, quaternions wxyz.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .files import replacing

if TYPE_CHECKING:
    import numpy as np

HARMONIC = 0.28209479177387814
"""The constant spherical harmonic: color = 0.5 + HARMONIC * f_dc."""

PROPERTIES = ("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity",
              "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3")  # fmt: skip
"""Of a vertex whose color is the same from every side, in their order; all float32. The normals are zero, as everybody writes them."""

NEEDED = tuple(name for name in PROPERTIES if name not in ("nx", "ny", "nz"))
"""Properties without which a file holds no Gaussians."""

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}
_LONGEST_HEADER = 65536


class PlyError(ValueError):
    """A file that holds no Gaussians; the text goes on after the file's name: "is cut short"."""


@dataclass(frozen=True)
class Header:
    """What a file says of its Gaussians.

    Attributes:
        count: number of them.
        dtype: of one, a field per property.
        offset: of the first one in the file [bytes].
    """

    count: int
    dtype: np.dtype
    offset: int


def read_header(path: Path) -> Header:
    """The header of a binary .ply of Gaussians. Raises PlyError, and OSError where the file cannot be read."""
    with open(path, "rb") as file:
        start = file.read(_LONGEST_HEADER)
        size = file.seek(0, 2)
    text, end, _ = start.partition(b"end_header")
    newline = start.find(b"\n", len(text))
    if not start.startswith(b"ply") or not end or newline < 0:
        raise PlyError("is not a PLY file")
    lines = [line.split() for line in text.decode("ascii", "replace").splitlines()[1:]]
    order = _ORDERS.get(next((line[1] for line in lines if line[:1] == ["format"] and len(line) > 1), ""))
    if order is None:
        raise PlyError("is a PLY file in text form, not a binary one")
    count, dtype = _vertices([line for line in lines if line and line[0] in ("element", "property")], order)
    missing = [name for name in NEEDED if name not in (dtype.names or ())]
    if missing:
        raise PlyError(f"holds no Gaussians: it lacks {', '.join(missing[:3])}")
    if newline + 1 + count * dtype.itemsize > size:
        raise PlyError("is cut short")
    return Header(count, dtype, newline + 1)


def read_ply(path: Path) -> np.ndarray:
    """All Gaussians of a file, (N,) with a field per property, as they are stored. Raises as `read_header`."""
    import numpy as np

    header = read_header(path)
    return np.fromfile(path, header.dtype, header.count, offset=header.offset)


def write_ply(path: Path, rows: np.ndarray, properties: Sequence[str] = PROPERTIES) -> None:
    """Writes (N, P) float32, a column per property; the file is there whole or not at all. Raises OSError."""
    import numpy as np

    named = [f"property float {name}" for name in properties]
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(rows)}", *named, "end_header"]
    with replacing(path) as file:
        file.write("\n".join(lines).encode("ascii") + b"\n")
        file.write(np.ascontiguousarray(rows, "<f4").data)


def _vertices(lines: list[list[str]], order: str) -> tuple[int, np.dtype]:
    """Count and type of the first element, which has to be the vertices."""
    import numpy as np

    if not lines or lines[0][:2] != ["element", "vertex"] or len(lines[0]) != 3 or not lines[0][2].isdigit():
        raise PlyError("does not begin with its vertices")
    fields: list[tuple[str, str]] = []
    for line in lines[1:]:
        if line[0] == "element":
            break
        if len(line) != 3 or line[1] not in _TYPES:
            raise PlyError(f'has a property that no Gaussian has: "{" ".join(line)}"')
        fields.append((line[2], order + _TYPES[line[1]]))
    try:
        return int(lines[0][2]), np.dtype(fields)
    except ValueError as error:
        raise PlyError(f"names a property twice ({error})") from error
