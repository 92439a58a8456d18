"""A network of one node as an ONNX file, written byte by byte: the real reader reads it, and no library has to make it."""

from __future__ import annotations

from pathlib import Path

_FLOAT, _INT64 = 1, 7
_INT_ATTRIBUTE = 2


def write_red_finder(path: Path, side: int) -> Path:
    """A network whose mask of a picture (1, 3, side, side) is its red channel, (1, 1, side, side)."""
    axis = _field(1, b"axis") + _field(3, 1) + _field(20, _INT_ATTRIBUTE)
    gather = _field(1, b"picture") + _field(1, b"red") + _field(2, b"mask") + _field(4, b"Gather") + _field(5, axis)
    red = _field(1, 1) + _field(2, _INT64) + _field(8, b"red") + _field(9, bytes(8))
    graph = _field(1, gather) + _field(2, b"red finder") + _field(5, red)
    graph += _field(11, _tensor(b"picture", 1, 3, side, side)) + _field(12, _tensor(b"mask", 1, 1, side, side))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_field(1, 8) + _field(7, graph) + _field(8, _field(1, b"") + _field(2, 13)))
    return path


def _tensor(name: bytes, *sides: int) -> bytes:
    """The name and type of an input or an output."""
    shape = b"".join(_field(1, _field(1, side)) for side in sides)
    return _field(1, name) + _field(2, _field(1, _field(1, _FLOAT) + _field(2, shape)))


def _field(number: int, content: int | bytes) -> bytes:
    """A field of Google's protocol buffers: a whole number, or bytes."""
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    coded = bytearray()
    while value > 0x7F:
        coded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*coded, value])
