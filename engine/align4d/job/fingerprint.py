"""What something was made of, as a short text: equal for equal contents, whatever files they came from and whenever these were written."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix
from torch import Tensor

if TYPE_CHECKING:
    from ..inputs.asset import Asset

_ENGINE = Path(__file__).parents[1]


def digest(*values: Any) -> str:
    """SHA-256 of values: arrays, tensors, dataclasses, containers of these, and whatever else `repr` tells apart."""
    found = hashlib.sha256()
    for part in _parts(values):
        found.update(part)
    return found.hexdigest()


def mesh_digest(asset: Asset) -> str:
    """Of an asset without the ids and names of its objects, which are new with each Generate."""
    return digest(dataclasses.replace(asset, objects=()), [item.matrix_world for item in asset.objects])


@functools.cache
def engine_digest() -> str:
    """Of the engine itself: another version of any of its files may compute something else."""
    files = sorted(path for path in _ENGINE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return digest([(path.relative_to(_ENGINE).as_posix(), path.read_bytes() if path.suffix == ".py" else path.stat().st_size) for path in files])


def _parts(value: Any) -> Iterable[bytes | memoryview]:
    """Bytes that tell a value from every other one; an array's own memory, because a clip may fill hundreds of MB."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    elif isinstance(value, csr_matrix):
        value = (value.shape, value.data, value.indices, value.indptr)
    elif dataclasses.is_dataclass(value):
        value = vars(value)
    if isinstance(value, np.ndarray):
        yield f"array {value.dtype.str} {value.shape} ".encode()
        yield np.ascontiguousarray(value).reshape(-1).view(np.uint8).data
    elif isinstance(value, dict):
        yield f"dict {len(value)} ".encode()
        for key in sorted(value):
            yield from _parts(key)
            yield from _parts(value[key])
    elif isinstance(value, (tuple, list)):
        yield f"list {len(value)} ".encode()
        for item in value:
            yield from _parts(item)
    else:
        text = repr(value).encode("utf-8", "backslashreplace")
        yield f"{type(value).__name__} {len(text)} ".encode() + text
