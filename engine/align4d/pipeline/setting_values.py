"""Whether a value is one of a setting: of the type that the setting is annotated with, finite, and in its range."""

from __future__ import annotations

import math
import numbers
import typing
from typing import Any

from ..errors import EngineError

Range = tuple[float, float]
"""Least and most of a number, both included."""

LONGEST_TEXT = 4096
MOST_ITEMS = 100

RANGES: dict[str, Range] = {
    # pictures [px]
    "video_side": (16, 4096),
    "resolution": (16, 2048),
    "fit_size": (16, 2048),
    "multiview_size": (16, 2048),
    "novel_resolutions": (16, 2048),
    "cpu_resolution": (16, 2048),
    "blur": (1, 64),
    # how many
    "gaussians.count": (64, 1_000_000),
    "views.count": (1, 64),
    "fit_views": (1, 256),
    "iterations": (1, 100_000),
    "tracking.polishing": (0, 1000),
    "fit_iterations": (0, 100_000),
    "relaxing.iterations": (0, 1000),
    "paint": (0, 100_000),
    "trial": (0, 1000),
    "lifted.points": (16, 4096),
    "lifted.rounds": (1, 100),
    "blend": (0, 1000),
    "grid": (1, 41),
    "candidates": (1, 1681),
    "batch": (1, 4096),
    "period": (1, 100_000),
    "interval": (1, 100_000),
    "read_every": (1, 100_000),
    "keep_every": (1, 100_000),
    "frames": (0, 1000),
    "novel_frames": (0, 1000),
    "cpu_frames": (0, 1000),
    "cpu_novel_frames": (0, 1000),
    "search.points": (1, 100_000),
    "search.samples": (1, 100_000),
    "search.starts": (3, 1000),
    "search.kept": (1, 1000),
    "search.frames": (1, 1000),
    "search.anchors": (1, 1000),
    "search.near": (0, 100_000),
    "hexplane.resolution": (2, 512),
    "hexplane.time_resolution": (0, 1000),
    "hexplane.channels": (1, 512),
    "hexplane.width": (1, 4096),
    "generators.steps": (0, 1000),
    "generators.frames": (0, 1000),
    "generators.memory_gb": (0, 10_000),
    "generators.scale": (0.05, 4),
    # noise levels of a prior
    "timesteps": (0, 999),
    "first_timestep": (0, 999),
    "last_timestep": (0, 999),
    # angles [degrees]
    "azimuth": (-360, 360),
    "elevation": (-90, 90),
    "search.turn": (0, 180),
    # angles [rad]
    "search.spread": (0, 3),
    "search.depth_spread": (0, 3),
    # lengths in longest sides of the asset
    "nearest": (0.1, 1000),
    "farthest": (0.1, 1000),
    "fixed_distance": (0.1, 1000),
    "step": (0.001, 10),
    "bound": (0.1, 100),
    "parts.size": (0.001, 100),
    "parts.shell_size": (0.001, 100),
    "joint_radius": (0.0001, 10),
    "depth_reach": (0.0001, 100),
    "relaxing.reach": (0.0001, 10),
    "in_view": (0.0001, 10),
    # shares
    "parts.small": (0, 1),
    "attached": (0, 1),
    "momentum": (0, 1),
    "drawn_share": (0.01, 1),
    "found": (0, 1),
    "clearly": (0, 1),
    "exact": (0, 1),
    "posed_share": (0, 1),
    # learning rates
    "rate": (0, 10),
    "last_rate": (0, 10),
    "fit_rate": (0, 10),
    "fit_last_rate": (0, 10),
    "field_rate": (0, 10),
    "grid_rate": (0, 10),
    "color_rate": (0, 10),
    "light_rate": (0, 10),
}
"""Ranges by the end of a setting's dotted name; the longest end that fits counts."""

COST: Range = (0, 1e6)
"""Of what is not named above: costs, weights and sizes."""

_WORDS = {"true": True, "yes": True, "false": False, "no": False}


def checked(name: str, hint: Any, value: Any) -> Any:
    """`value` as the setting `name`, annotated `hint`, takes it.

    Raises:
        EngineError: "bad_setting".
    """
    try:
        return _converted(name, hint, value)
    except (TypeError, ValueError) as error:
        message = f"{_short(value)} is no value for {name!r}."
        raise EngineError("bad_setting", message, f"Give {values_in_words(name, hint)}.", "clear_overrides") from error


def range_of(name: str) -> Range:
    """Least and most of a number by its dotted name."""
    parts = name.split(".")
    ends = (".".join(parts[start:]) for start in range(len(parts)))
    return next((RANGES[end] for end in ends if end in RANGES), COST)


def values_in_words(name: str, hint: Any) -> str:
    """What a setting takes, as a sentence goes on after "Give": "a whole number from 1 to 64"."""
    if typing.get_origin(hint) is typing.Literal:
        return f"one of: {', '.join(typing.get_args(hint))}"
    if typing.get_origin(hint) is tuple:
        items = typing.get_args(hint)
        count = f"1 to {MOST_ITEMS}" if Ellipsis in items else str(len(items))
        return f"a list of {count} {'whole numbers' if items[0] is int else 'numbers'} {_range_in_words(name)}"
    if hint is bool:
        return "true or false"
    if hint is str:
        return "a text"
    return f"a {'whole ' if hint is int else ''}number {_range_in_words(name)}"


def _converted(name: str, hint: Any, value: Any) -> Any:
    if typing.get_origin(hint) is typing.Literal:
        if not isinstance(value, str) or value not in typing.get_args(hint):
            raise ValueError("not one of them")
        return value
    if typing.get_origin(hint) is tuple:
        return _items(name, typing.get_args(hint), value)
    if hint is bool:
        if isinstance(value, bool):
            return value
        if _text(value).lower() not in _WORDS:
            raise ValueError("neither yes nor no")
        return _WORDS[value.lower()]
    if hint is str:
        return _text(value)
    return _number(name, hint, value)


def _items(name: str, hints: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)) or not 0 < len(value) <= MOST_ITEMS:
        raise TypeError("not a list")
    if Ellipsis not in hints and len(value) != len(hints):
        raise ValueError("not so many")
    return tuple(_converted(name, hints[0], one) for one in value)


def _number(name: str, hint: Any, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError("not a number")
    number = typing.cast(float, value)  # numpy's numbers too
    least, most = range_of(name)
    if not least <= number <= most:  # neither is NaN
        raise ValueError("out of its range")
    if hint is int and number != math.floor(number):
        raise ValueError("not whole")
    return int(number) if hint is int else float(number)


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not (value.isprintable() or value == ""):
        raise TypeError("not a text")
    return value


def _range_in_words(name: str) -> str:
    least, most = range_of(name)
    return f"from {least:g} to {most:.7g}"


def _short(value: Any) -> str:
    words = repr(value)
    return words if len(words) <= 60 else f"{words[:60]}…"
