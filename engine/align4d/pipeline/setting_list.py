"""Every setting of a job as a row: its dotted name, type, default, unit, source and meaning, read from the settings' dataclasses."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .setting_values import values_in_words

SOURCES = {"P": "paper", "D": "DreamGaussian4D", "R": "reconstructed"}
"""Marks in the docstrings -> where a default comes from, see docs/developers/method.md."""

_MARK = re.compile(r"\s*\[([PDR])\]")
_UNIT = re.compile(r"\s*\[([^\]\[,]+)\]")
_ENTRY = re.compile(r"([A-Za-z_][\w, ]*): (.*)")


@dataclass(frozen=True)
class SettingEntry:
    """One setting.

    Attributes:
        name: as `--set` takes it, such as "tracking.iterations".
        type: of its values, as annotated.
        default: of the preset that was asked for.
        values: that it takes, in words.
        unit: such as "px"; empty where it has none.
        source: a value of SOURCES; empty where the default is this project's own.
        meaning: a sentence or two.
    """

    name: str
    type: str
    default: Any
    values: str
    unit: str
    source: str
    meaning: str


def list_settings(settings: Any) -> list[SettingEntry]:
    """The settings of a dataclass and of those in it, depth first, in the order of their fields."""
    return list(_entries(settings, ""))


def _entries(settings: Any, prefix: str) -> Iterator[SettingEntry]:
    meanings = attribute_meanings(type(settings))
    hints = typing.get_type_hints(type(settings))
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            yield from _entries(value, f"{prefix}{field.name}.")
            continue
        text = meanings.get(field.name, "")
        mark = _MARK.search(text)
        text = _MARK.sub("", text)
        unit = _UNIT.search(text)
        text = _UNIT.sub("", text).strip()
        source = SOURCES[mark.group(1)] if mark else ""
        name, hint = prefix + field.name, hints[field.name]
        yield SettingEntry(name, _words(hint), value, values_in_words(name, hint), unit.group(1) if unit else "", source, text)


def attribute_meanings(kind: type) -> dict[str, str]:
    """What the "Attributes:" part of a class's docstring says of each attribute; "a, b: text" counts for both."""
    _, found, body = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")
    meanings: dict[str, str] = {}
    if not found:
        return meanings
    lines = body.split("\n")
    indent = len(lines[0]) - len(lines[0].lstrip())
    current: list[str] = []
    for line in lines:
        depth = len(line) - len(line.lstrip())
        if line.strip() and depth < indent:
            break
        entry = _ENTRY.match(line.strip()) if depth == indent else None
        if entry:
            current = [name.strip() for name in entry.group(1).split(",")]
            meanings.update(dict.fromkeys(current, entry.group(2)))
        elif line.strip():
            meanings.update({name: f"{meanings[name]} {line.strip()}" for name in current})
    return meanings


def _words(hint: Any) -> str:
    """An annotation as people read it: `int`, `artist | paper`, `int, ...`."""
    if typing.get_origin(hint) is typing.Literal:
        return " | ".join(str(one) for one in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        return ", ".join("..." if one is Ellipsis else _words(one) for one in typing.get_args(hint))
    if typing.get_origin(hint) is not None or not isinstance(hint, type):
        return str(hint).replace("typing.", "")
    return hint.__name__
