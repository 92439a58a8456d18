"""A .ply of Gaussians, as 3D Gaussian splatting and those after it write it.

Source of the format: the reference implementation of "3D Gaussian Splatting for Real-Time Radiance Field Rendering" (Kerbl et al.
2023): little-endian floats; colors as the constant spherical harmonic, opacity before the sigmoid, scales before the exponential,
quaternions wxyz. Higher harmonics are left out: the engine's colors do not depend on the view.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from ..errors import EngineError
from ..gaussians.learned import HARMONIC
from ..rendering import Gaussians

NEEDED = ("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3")

LONGEST_HEADER = 64_000
"""Bytes; a real one has two thousand."""

MOST = 4_000_000
"""Gaussians in one asset."""

_TYPES = {
    **{name: "<f4" for name in ("float", "float32")},
    **{name: "<f8" for name in ("double", "float64")},
    **{name: "u1" for name in ("uchar", "uint8")},
    **{name: "i1" for name in ("char", "int8")},
    **{name: "<u2" for name in ("ushort", "uint16")},
    **{name: "<i2" for name in ("short", "int16")},
    **{name: "<u4" for name in ("uint", "uint32")},
    **{name: "<i4" for name in ("int", "int32")},
}


def holds_gaussians(path: Path) -> bool:
    """Whether a file is a .ply of Gaussians, and not one of a mesh; False for anything that cannot be read."""
    try:
        with open(path, "rb") as file:
            count, row = _read_header(file, path)
    except (OSError, EngineError):
        return False
    return count > 0 and set(NEEDED) <= set(row.names or ())


def read_gaussians(path: Path) -> Gaussians:
    """The Gaussians of a file, after activation, in its own space; those with values that are no numbers are left out.

    Raises:
        EngineError: "gaussians_unreadable" or "gaussians_empty".
    """
    try:
        with open(path, "rb") as file:
            count, row = _read_header(file, path)
            missing = [name for name in NEEDED if name not in (row.names or ())]
            if missing:
                raise _unreadable(path, f"it has no {missing[0]}")
            if not 0 < count <= MOST:
                raise EngineError("gaussians_empty", f"{path.name} has {count} Gaussians.", f"Use a file with 1 to {MOST:,} of them.")
            content = file.read(count * row.itemsize)
    except OSError as error:
        raise _unreadable(path, str(error)) from error
    if len(content) < count * row.itemsize:
        raise _unreadable(path, "it is cut short")
    stored = np.frombuffer(content, row)
    table = np.stack([stored[name].astype(np.float32) for name in NEEDED], axis=1)
    table = table[np.isfinite(table).all(axis=1) & (np.linalg.norm(table[:, 10:14], axis=1) > 0)]
    if not len(table):
        raise EngineError("gaussians_empty", f"{path.name} has no Gaussian whose values are numbers.", "Export it again.")
    values = torch.from_numpy(table)
    return Gaussians(
        means=values[:, :3].contiguous(),
        quats=torch.nn.functional.normalize(values[:, 10:14], dim=1),
        scales=values[:, 7:10].clamp(-20, 10).exp(),
        opacities=torch.sigmoid(values[:, 6]),
        colors=(0.5 + HARMONIC * values[:, 3:6]).clamp(0, 1),
    )


def _read_header(file: BinaryIO, path: Path) -> tuple[int, np.dtype]:
    """How many vertices there are, and the type of one; the file then stands at the first. Raises EngineError "gaussians_unreadable"."""
    start = file.read(LONGEST_HEADER)
    end = start.find(b"end_header\n")
    end, skip = (end, 11) if end >= 0 else (start.find(b"end_header\r\n"), 12)
    if not start.startswith(b"ply") or end < 0:
        raise _unreadable(path, "it is no .ply file")
    lines = [line.split() for line in start[:end].decode("ascii", errors="replace").splitlines()]
    if ["format", "binary_little_endian", "1.0"] not in lines:
        raise _unreadable(path, "it is not stored as little-endian binary")
    count, names, elements = 0, [], 0
    for line in lines:
        if line[:1] == ["element"]:
            elements += 1
            if elements == 1 and (len(line) != 3 or line[1] != "vertex" or not line[2].isdigit()):
                raise _unreadable(path, "its vertices do not come first")
            count = int(line[2]) if elements == 1 else count
        elif line[:1] == ["property"] and elements == 1:
            if len(line) != 3 or line[1] not in _TYPES:
                raise _unreadable(path, f"it has a property that is no number ({' '.join(line[1:])})")
            names.append((line[2], _TYPES[line[1]]))
    file.seek(end + skip)
    try:
        return count, np.dtype(names)
    except (ValueError, TypeError) as error:
        raise _unreadable(path, str(error)) from error


def _unreadable(path: Path, reason: str) -> EngineError:
    return EngineError(
        "gaussians_unreadable", f"{path.name} cannot be read as Gaussians ({reason}).", "Export it again, as a binary .ply of 3D Gaussian splatting."
    )
