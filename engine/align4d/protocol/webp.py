"""What an animated WebP says of itself: size, and how long each frame is shown. Standard library only.

Blender reads its first frame alone, and FFmpeg before 9 none, so both processes count its frames here.
Source: WebP Container Specification (RIFF chunks VP8X, ANMF).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MOST_FRAMES = 100_000


@dataclass(frozen=True)
class AnimatedWebp:
    """Attributes:
    width, height: of its canvas [px].
    durations: of its frames [ms], as written.
    """

    width: int
    height: int
    durations: tuple[int, ...]

    @property
    def frames(self) -> int:
        """Its length in frames, each as long as the shortest."""
        return round(sum(self.durations) / max(1, min(self.durations)))


def read_webp(path: Path) -> AnimatedWebp | None:
    """The animation of a file; None where it is no WebP, or a still one. Raises OSError."""
    with open(path, "rb") as file:
        start = file.read(12)
        if start[:4] != b"RIFF" or start[8:] != b"WEBP":
            return None
        width = height = 0
        durations: list[int] = []
        while (chunk := _next_chunk(file)) and len(durations) < MOST_FRAMES:
            name, length, head = chunk
            if name == b"VP8X":
                width, height = 1 + _number(head[4:7]), 1 + _number(head[7:10])
            elif name == b"ANMF":
                durations.append(_number(head[12:15]))
            file.seek(length + length % 2 - len(head), os.SEEK_CUR)
    return AnimatedWebp(width, height, tuple(durations)) if durations else None


def _next_chunk(file: BinaryIO) -> tuple[bytes, int, bytes] | None:
    """Name, length and the first 16 bytes of the chunk that begins here; None at the end."""
    header = file.read(8)
    if len(header) < 8:
        return None
    length = _number(header[4:])
    return header[:4], length, file.read(min(length, 16))


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
