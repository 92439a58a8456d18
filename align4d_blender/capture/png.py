"""Writes 8-bit sRGB PNG files (ISO/IEC 15948) without touching Blender's data-blocks or color management."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from ...engine.align4d import protocol


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Writes uint8 (H, W, 4) sRGB and alpha, top row first, whole or not at all. Raises OSError."""
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 4 * width), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    with protocol.replacing(path) as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in ((b"IHDR", header), (b"sRGB", b"\0"), (b"IDAT", zlib.compress(rows.tobytes(), 1)), (b"IEND", b"")):
            file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
