"""Values of declared types, of what JSON holds: other people's files are held to what the protocol says."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Iterable
from typing import Any

Matrix4 = tuple[tuple[float, ...], ...]
"""A 4x4 matrix, row by row."""


def as_matrix(rows: Iterable[Iterable[float]]) -> Matrix4:
    """An array, or whatever else has rows of numbers, as the protocol has it."""
    return tuple(tuple(float(value) for value in row) for row in rows)


_LARGEST = (1 << 63) - 1


def parsed(kind: Any, value: Any) -> Any:
    """A value of type `kind`, a dataclass for one, from what JSON holds; unknown fields of dataclasses are ignored.

    Raises TypeError, ValueError or OverflowError where it is of another type, or a number that is none.
    """
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise TypeError(f"{kind} needs an object")
        hints = typing.get_type_hints(kind)
        known = {field.name for field in dataclasses.fields(kind)}
        return typing.cast(Any, kind)(**{name: parsed(hints[name], item) for name, item in value.items() if name in known})
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise TypeError(f"{kind} needs a list")
        found = tuple(parsed(typing.get_args(kind)[0], item) for item in value)
        if kind == Matrix4 and [len(row) for row in found] != [4] * 4:
            raise ValueError("a matrix has four rows of four numbers")
        return found
    if typing.get_origin(kind) is dict:
        if not isinstance(value, dict):
            raise TypeError(f"{kind} needs an object")
        return {name: parsed(typing.get_args(kind)[1], item) for name, item in value.items()}
    if typing.get_origin(kind) is list:
        if not isinstance(value, list):
            raise TypeError(f"{kind} needs a list")
        return [parsed(typing.get_args(kind)[0], item) for item in value]
    if typing.get_origin(kind) is typing.Literal:
        if value not in typing.get_args(kind):
            raise ValueError(f"{str(value)[:60]!r} is none of {typing.get_args(kind)}")
        return value
    return value if kind is Any else _plain(kind, value)


def _plain(kind: type, value: Any) -> Any:
    """A text, a truth value, or a number that fits where numbers usually go."""
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise TypeError(f"{str(value)[:60]!r} is not {kind.__name__}")
    if (kind is float and not math.isfinite(typing.cast(float, value))) or (kind is int and abs(typing.cast(int, value)) > _LARGEST):
        raise ValueError("a number is too large")
    return value


def no_number(name: str) -> float:
    """For `json.loads`: Python's takes NaN and Infinity, the standard's does not."""
    raise ValueError(f"{name} is no number")
