"""Buffers of a glTF file that are compressed by meshoptimizer's codecs: EXT_meshopt_compression and KHR_meshopt_compression.

Specification: https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Vendor/EXT_meshopt_compression, appendices A and B.
"""

from __future__ import annotations

import itertools
from collections import deque

import numpy as np

from .meshopt_filters import FILTERS

EXTENSIONS = ("EXT_meshopt_compression", "KHR_meshopt_compression")

MOST_BYTES = 200_000_000
"""Of one unpacked buffer view: a thousandth of it may be in the file."""

_GROUP = 16
"""Elements whose deltas have a width in common."""
_WIDTHS = {(0, 0): (0, 2, 4, 8), (1, 0): (0, 1, 2, 4), (1, 1): (1, 2, 4, 8)}
"""Bits of a group's deltas, which two bits of the header choose from, by the codec's version and the control mode of the byte."""
_ZERO, _VERBATIM = 2, 3
"""The control modes without a header: all deltas are 0, or stored as bytes."""
_UINT32 = 0xFFFFFFFF


def unpacked(data: bytes, count: int, stride: int, mode: str, filter_name: str) -> bytes:
    """The `count` elements of `stride` bytes each that a compressed buffer view stands for.

    Args:
        mode: "ATTRIBUTES", "TRIANGLES" or "INDICES".
        filter_name: "NONE" or one of `FILTERS`; of attributes only.

    Raises:
        ValueError, IndexError, KeyError: where it does not follow the specification, or claims too much.
    """
    if not 0 <= count * stride <= MOST_BYTES:
        raise ValueError(f"it claims {count} elements of {stride} bytes")
    if mode == "ATTRIBUTES":
        elements = _attributes(np.frombuffer(data, np.uint8), count, stride)
        return (elements if filter_name == "NONE" else FILTERS[filter_name](elements)).tobytes()
    indices = {"TRIANGLES": _triangles, "INDICES": _indices}[mode](data, count)
    return (np.array(indices, np.int64) & _UINT32).astype({2: np.uint16, 4: np.uint32}[stride]).tobytes()


def _attributes(data: np.ndarray, count: int, stride: int) -> np.ndarray:
    """(count, stride) uint8: each element differs little from the one before; the last bytes of the data hold what the first one differs from."""
    version = {0xA0: 0, 0xA1: 1}[int(data[0])]
    if stride not in range(4, 257, 4):
        raise ValueError(f"its elements have {stride} bytes")
    channels = stride // 4 if version else 0
    tail = stride + channels
    end = len(data) - max(tail, 24 if version else 32)
    before, modes = np.split(data[len(data) - tail :], [stride])
    size = min(8192 // stride // _GROUP * _GROUP, 256)
    found, place = np.empty((count, stride), np.uint8), 1
    for start in range(0, count, size):
        block = found[start : start + size]
        control, place = data[place : place + channels], place + channels
        deltas = np.zeros((stride, -(-len(block) // _GROUP) * _GROUP), np.uint8)
        for number, row in enumerate(deltas):
            kind = int(control[number // 4]) >> 2 * (number % 4) & 3 if version else 0
            place = _read_deltas(data, place, row, len(block), kind, version)
        if place > end:
            raise ValueError("it is cut short")
        block[:] = _added(deltas[:, : len(block)].T, before, modes if version else np.zeros(stride // 4, np.uint8))
        before = block[-1]
    if place != end:
        raise ValueError("it does not end where it should")
    return found


def _read_deltas(data: np.ndarray, place: int, row: np.ndarray, count: int, control: int, version: int) -> int:
    """Reads the deltas of one byte of a block's elements into `row` (whole groups); the place in the data behind them."""
    if control == _ZERO:
        return place
    if control == _VERBATIM:
        row[:count] = data[place : place + count]
        return place + count
    header = data[place : place - (-len(row) // _GROUP // 4)]
    place += -(-len(row) // _GROUP // 4)
    for group in range(len(row) // _GROUP):
        bits = _WIDTHS[version, control][int(header[group // 4]) >> 2 * (group % 4) & 3]
        deltas = row[group * _GROUP : (group + 1) * _GROUP]
        if bits == 8:
            deltas[:] = data[place : place + _GROUP]
        elif bits:
            deltas[:] = _SMALL[bits][data[place : place + 2 * bits]].ravel()
            large = np.flatnonzero(deltas == (1 << bits) - 1)  # those follow as bytes
            deltas[large] = data[place + 2 * bits : place + 2 * bits + len(large)]
            place += len(large)
        place += 2 * bits
    return place


def _split(bits: int) -> np.ndarray:
    """(256, 8 / bits) uint8: what each byte holds; single bits are stored from the lowest, others from the highest."""
    shifts = np.arange(0, 8, bits)
    return (np.arange(256)[:, None] >> (shifts if bits == 1 else shifts[::-1]) & (1 << bits) - 1).astype(np.uint8)


_SMALL = {bits: _split(bits) for bits in (1, 2, 4)}


def _added(deltas: np.ndarray, before: np.ndarray, modes: np.ndarray) -> np.ndarray:
    """(N, stride) uint8: elements, of their deltas and the element before; every four bytes have a mode of their own."""
    parts = []
    for channel, mode in enumerate(modes.tolist()):
        place = slice(4 * channel, 4 * channel + 4)
        kind = ("<u1", "<u2", "<u4")[mode & 3]
        delta, start = np.ascontiguousarray(deltas[:, place]).view(kind), np.ascontiguousarray(before[place]).view(kind)
        if mode & 3 == 2:
            turn = mode >> 4
            turned = delta >> turn | delta << (-turn % 32)
            values = np.bitwise_xor.accumulate(turned, axis=0) ^ start
        else:
            signed = delta >> 1 ^ -(delta & 1)
            values = np.cumsum(signed, axis=0, dtype=kind) + start
        parts.append(values.view(np.uint8))
    return np.concatenate(parts, axis=1)


def _triangles(data: bytes, count: int) -> list[int]:
    """The corners of triangles, each of which is likely to share an edge with one of the last."""
    if data[0] != 0xE1 or count % 3:
        raise ValueError("it holds no triangles")
    reader, table = _Numbers(data, 1 + count // 3, len(data) - 16), data[-16:]
    edges, vertices = deque([(0, 0)] * 16, 16), deque([0] * 16, 16)
    fresh = 0
    found: list[int] = []

    def next_vertex() -> int:
        nonlocal fresh
        fresh += 1
        return fresh - 1

    def corner(code: int) -> int:
        """A vertex that is new, one of the last, or written out."""
        return next_vertex() if code == 0 else reader.index() if code == 15 else vertices[code - 1]

    for code in data[1 : 1 + count // 3]:
        edge, third = divmod(code, 16)
        if edge < 15:
            a, b = edges[edge]
            c = vertices[third] if 0 < third < 13 else reader.moved(2 * third - 27) if third in (13, 14) else corner(third)
            if not 0 < third < 13:
                vertices.appendleft(c)
        else:
            pair = table[third] if third < 14 else reader.byte()
            if third >= 14 and pair == 0:
                fresh = 0
            a = reader.index() if third == 15 else next_vertex()
            b, c = corner(pair >> 4), corner(pair & 15)
            new = [a] + [vertex for vertex, kind in ((b, pair >> 4), (c, pair & 15)) if kind in (0, 15)]
            vertices.extendleft(new)
            edges.appendleft((b, a))
        edges.extendleft(((c, b), (a, c)))
        found += a, b, c
    reader.finish()
    return found


def _indices(data: bytes, count: int) -> list[int]:
    """Indices that each differ little from one of the two that were named last."""
    if data[0] != 0xD1:
        raise ValueError("it holds no indices")
    reader, last, found = _Numbers(data, 1, len(data) - 4), [0, 0], []
    for _ in range(count):
        word = reader.number()
        last[word & 1] += _signed(word >> 1)
        found.append(last[word & 1])
    reader.finish()
    return found


class _Numbers:
    """Whole numbers of any length in a part of the data, and indices as differences to the one before."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data, self._place, self._end = data, start, end
        self._last = 0

    def byte(self) -> int:
        """The next byte."""
        if self._place >= self._end:
            raise ValueError("it is cut short")
        self._place += 1
        return self._data[self._place - 1]

    def number(self) -> int:
        """The next number, seven bits a byte (LEB128)."""
        value = 0
        for shift in itertools.count(0, 7):
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128 or shift > 28:
                return value
        raise AssertionError

    def index(self) -> int:
        """The next index."""
        return self.moved(_signed(self.number()))

    def moved(self, step: int) -> int:
        """The index that is `step` after the last one that was stored."""
        self._last += step
        return self._last

    def finish(self) -> None:
        """That nothing is left. Raises ValueError."""
        if self._place != self._end:
            raise ValueError("it does not end where it should")


def _signed(number: int) -> int:
    """The number with a sign, which is its lowest bit."""
    return number >> 1 ^ -(number & 1)
