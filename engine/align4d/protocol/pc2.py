"""PC2, the point cache of Blender's Mesh Cache modifier."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ProtocolError
from .files import replacing

if TYPE_CHECKING:
    import numpy as np

_HEADER = struct.Struct("<12siiffi")


def write_pc2(path: Path, motion: np.ndarray, start: float = 0.0, rate: float = 1.0) -> None:
    """Writes (T, V, 3) positions as PC2, whole or not at all. Raises OSError (a full disk, for one)."""
    import numpy as np

    frames, points, _ = motion.shape
    with replacing(path) as file:
        file.write(_HEADER.pack(b"POINTCACHE2\0", 1, points, start, rate, frames))
        file.write(np.ascontiguousarray(motion, dtype="<f4").data)  # no copy: motion may fill hundreds of MB


def pc2_shape(path: Path) -> tuple[int, int]:
    """Frames and points of a PC2 file, without reading them. Raises ProtocolError for a file that is not a whole PC2."""
    with open(path, "rb") as file:
        header = file.read(_HEADER.size)
    if len(header) < _HEADER.size or header[:11] != b"POINTCACHE2":
        raise ProtocolError(f"{path.name} is not a PC2 file.", "Generate the motion again.")
    _, _, points, _, _, frames = _HEADER.unpack(header)
    if points < 0 or frames < 0 or path.stat().st_size != _HEADER.size + 12 * points * frames:
        raise ProtocolError(f"{path.name} is cut short.", "Generate the motion again.")
    return frames, points


def read_pc2(path: Path) -> np.ndarray:
    """Reads (T, V, 3) float32 positions. Raises ProtocolError for a file that is not a whole PC2."""
    import numpy as np

    frames, points = pc2_shape(path)
    return np.fromfile(path, "<f4", offset=_HEADER.size).reshape(frames, points, 3)
