"""What a safetensors file says of itself, read and checked before anything of it is loaded.

A safetensors file is a length (8 bytes), a JSON header of that length, and the tensors. It can hold no code, but a broken or
hostile one can claim a header of many gigabytes.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EngineError

LONGEST_HEADER = 100_000_000
"""Bytes; the format's own limit."""

_LENGTH_BYTES = 8

_ITEM_BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}


@dataclass(frozen=True)
class StoredTensor:
    """One tensor of a file.

    Attributes:
        shape: of it.
        size: of it in the file [bytes].
    """

    shape: tuple[int, ...]
    size: int

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


def read_header(path: Path) -> dict[str, StoredTensor]:
    """The tensors that a safetensors file holds, by name; reads nothing but the header.

    Raises:
        EngineError: "model_file" for a file that is no safetensors file, or not all of one.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if size < _LENGTH_BYTES or not 2 <= length <= LONGEST_HEADER or length > size - _LENGTH_BYTES:
            raise broken(path, f"its header claims {length:,} bytes, and the file has {size:,}")
        text = file.read(length)
    try:
        tensors = {name: _stored(entry) for name, entry in json.loads(text).items() if name != "__metadata__"}
    except (UnicodeDecodeError, json.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise broken(path, "its header cannot be read") from error
    missing = sum(one.size for one in tensors.values()) - (size - _LENGTH_BYTES - length)
    if missing:
        raise broken(path, f"{missing:,} bytes are missing at its end" if missing > 0 else f"it has {-missing:,} bytes too many")
    return tensors


def broken(path: Path, reason: str) -> EngineError:
    """The error for a weights file that is not whole."""
    return EngineError("model_file", f"{path} is no complete safetensors file: {reason}.", "Download it again.")


def _stored(entry: dict[str, Any]) -> StoredTensor:
    first, last = entry["data_offsets"]
    if not 0 <= first <= last:
        raise ValueError(f"offsets {first}, {last}")
    tensor = StoredTensor(tuple(int(side) for side in entry["shape"]), last - first)
    if tensor.count * _ITEM_BITS[entry["dtype"]] != tensor.size * 8:
        raise ValueError(f"{tensor.size} bytes for the shape {tensor.shape}")
    return tensor
