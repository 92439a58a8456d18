"""Left and right in the names of bones, as Blender reads them."""

from __future__ import annotations

import re

_WORD = re.compile(r"left|right", re.IGNORECASE)
_LETTER = re.compile(r"(?<![^ ._-])[lr](?![^ ._-])", re.IGNORECASE)
_OTHER = {"l": "r", "r": "l", "left": "right", "right": "left"}


def other_side(name: str) -> str:
    """The name of the same bone on the other side: "Leg.L" and "Leg.R", "LeftArm" and "RightArm"; the name itself where it has no side.

    A letter stands by itself, at the beginning or the end of the name but for a number.
    """
    number = re.search(r"\.\d+$", name)
    end = number.start() if number else len(name)
    letters = [one for one in _LETTER.finditer(name, 0, end) if one.start() == 0 or one.end() == end]
    found = letters[-1] if letters else _WORD.search(name)
    return name if found is None else name[: found.start()] + _like(found.group(), _OTHER[found.group().lower()]) + name[found.end() :]


def _like(word: str, other: str) -> str:
    """`other` in capitals or not, as `word` is."""
    return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other
