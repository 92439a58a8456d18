"""Damage to files: to their bytes, and, so that damage gets past the first check, to the values in JSON, glTF, .npz and PNG files."""

from __future__ import annotations

import copy
import io
import json
import struct
import zipfile
import zlib
from random import Random
from typing import Any

import numpy as np

ODD_NUMBERS: tuple[Any, ...] = (True, -1, 0, 1, 2**31, -(2**63), 10**30, 1e308, -1e-308, float("nan"), float("inf"))
ODD_TEXTS = ("", "no", "a" * 3000, "../../etc/passwd", "/etc/passwd", "C:/Windows", "http://127.0.0.1/x", "a\0b", "a\nb", "\udce9")
ODD_VALUES: tuple[Any, ...] = (None, *ODD_NUMBERS, *ODD_TEXTS, [], {}, [[]], [None], {"a": 1}, [1e308] * 4)
"""In the place of a value of JSON."""

ODD_INTEGERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
ODD_WORDS = (b"0", b"-1", b"999999999999", b"1e309", b"nan", b"-inf", b"../../../etc/passwd", b"\xff\xfe", b"%s%n", b"")

DEEPEST = 3000
"""Of nested lists: more than Python's recursion allows."""


def damaged(name: str, content: bytes, rng: Random) -> bytes:
    """The content of a file, damaged in one way or a few; `name` says by its ending what is in it."""
    by_kind = {".json": _json, ".gltf": _json, ".glb": _glb, ".npz": _npz, ".png": _png}
    kind = by_kind.get(name[name.rfind(".") :])
    if kind and rng.random() < 0.65:
        return kind(content, rng)
    return _bytes(content, rng)


def _bytes(content: bytes, rng: Random) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        place = rng.randrange(len(data) + 1)
        length = min(rng.choice((1, 2, 4, 8, 64, 512)), len(data) - place)
        match rng.randrange(8):
            case 0:
                data[place : place + length] = rng.randbytes(length)
            case 1:
                del data[place : place + length]
            case 2:
                data[place:place] = rng.randbytes(length)
            case 3:
                data[place:place] = data[place : place + length]
            case 4:
                del data[place:]
            case 5:
                number = rng.choice(ODD_INTEGERS)
                data[place : place + 4] = struct.pack(rng.choice("<>") + "I", number)
            case 6:
                _swap_number(data, rng)
            case _:
                if place < len(data):
                    data[place] ^= 1 << rng.randrange(8)
    return bytes(data)


def _swap_number(data: bytearray, rng: Random) -> None:
    """Another word in the place of one of the numbers of a text."""
    words = [word for word in bytes(data[:4000]).split() if word.strip(b"+-.e").isdigit()]
    if words:
        word = rng.choice(words)
        place = data.find(word)
        data[place : place + len(word)] = rng.choice(ODD_WORDS)


def _json(content: bytes, rng: Random) -> bytes:
    if rng.random() < 0.03:
        return b"[" * DEEPEST + b"]" * DEEPEST
    value = json.loads(content)
    for _ in range(rng.choice((1, 1, 2, 3))):
        value = _changed(value, rng)
    return json.dumps(value).encode()


def _changed(value: Any, rng: Random) -> Any:
    """The value with one place in it replaced, left out or doubled."""
    places = list(_places(value))
    if not places or rng.random() < 0.02:
        return copy.deepcopy(rng.choice(ODD_VALUES))
    holder, key = rng.choice(places)
    match rng.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.append(holder[key])
        case 2 if isinstance(holder[key], (int, float)):
            holder[key] = holder[key] * rng.choice((-1, 0, 1.5, 1000, 10**9))
        case 3:
            holder[key] = rng.choice(places)[0]  # a part of itself, unless that makes a circle
            holder[key] = None if _is_circle(value) else json.loads(json.dumps(holder[key]))
        case _:
            holder[key] = copy.deepcopy(rng.choice(ODD_VALUES))
    return value


def _places(value: Any) -> Any:
    """(list or dict, index or key) of every value in it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from _places(item)


def _is_circle(value: Any) -> bool:
    try:
        json.dumps(value)
    except ValueError:
        return True
    return False


def _glb(content: bytes, rng: Random) -> bytes:
    """The JSON chunk changed, and the lengths right again."""
    length = struct.unpack_from("<I", content, 12)[0]
    text, rest = _json(content[20 : 20 + length], rng), content[20 + length :]
    text += b" " * (-len(text) % 4)
    return struct.pack("<4sIIII", b"glTF", 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A) + text + rest


def _npz(content: bytes, rng: Random) -> bytes:
    """One array left out, renamed, of another type or shape, or with other values; or a whole archive that claims more than it is."""
    with np.load(io.BytesIO(content)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    name = rng.choice(sorted(arrays))
    array = arrays.pop(name)
    match rng.randrange(8):
        case 0:
            pass
        case 1:
            arrays[rng.choice(("../up", "a" * 300, "", "renamed"))] = array
        case 2:
            arrays[name] = (
                array.astype(rng.choice(("f8", "f2", "i8", "u1", "c16", "U8", "?")), casting="unsafe") if array.dtype.kind in "fiu" else array
            )
        case 3:
            arrays[name] = array.reshape(-1)[: rng.randrange(array.size + 1)]
        case 4:
            arrays[name] = np.concatenate([array.reshape(-1)] * 3)
        case 5:
            arrays[name] = array[None]
        case _:
            arrays[name] = _other_values(array, rng)
    file = io.BytesIO()
    if rng.random() < 0.1:
        arrays["large"] = np.zeros(30_000_000, np.uint8)
        np.savez_compressed(file, **arrays)
    else:
        np.savez(file, **arrays)
    return _lying_header(file.getvalue(), rng) if rng.random() < 0.2 else file.getvalue()


def _other_values(array: np.ndarray, rng: Random) -> np.ndarray:
    if array.dtype.kind not in "fiu" or not array.size:
        return np.array(["odd"])
    flat = array.copy().reshape(-1)
    odd = (np.nan, np.inf, -np.inf, 1e38, 0.0) if array.dtype.kind == "f" else (-1, 2**30, 0)
    for _ in range(rng.choice((1, 5, flat.size))):
        flat[rng.randrange(flat.size)] = rng.choice(odd)
    return flat.reshape(array.shape)


def _lying_header(content: bytes, rng: Random) -> bytes:
    """An archive whose first array claims another shape than it has, with a right checksum."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(file, "w") as after:
        for index, entry in enumerate(before.infolist()):
            data = before.read(entry)
            if index == 0:
                start, end = data.find(b"'shape': (") + 10, data.find(b")")
                claim = rng.choice((b"9" * (end - start), b"-1," + b" " * max(0, end - start - 3)))[: end - start]
                data = data[:start] + claim + data[end:]
            after.writestr(entry.filename, data)
    return file.getvalue()


def _png(content: bytes, rng: Random) -> bytes:
    """A header that claims other sizes or kinds, or content that is PostScript, with a right checksum."""
    if rng.random() < 0.1:
        return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
    header = bytearray(content[16:29])
    if rng.random() < 0.5:
        header[0:8] = struct.pack(">II", rng.choice((0, 1, 20000, 2**31 - 1)), rng.choice((0, 1, 20000, 2**31 - 1)))
    else:
        header[8:13] = rng.randbytes(5)
    return content[:16] + bytes(header) + struct.pack(">I", zlib.crc32(b"IHDR" + bytes(header))) + content[33:]
