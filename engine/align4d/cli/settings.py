"""`align4d settings`: every setting that `--set` takes, for people, or for other programs."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from .arguments import PRESET_NAMES

if TYPE_CHECKING:
    from ..pipeline.setting_list import SettingEntry

HEADER = """# Settings

Every setting of a job, made by `align4d settings --markdown`.
Give one with `--set NAME=VALUE` on the command line; the value is JSON where it parses as such, else text.
A preset is a set of these values; the defaults below are those of `artist`.
Source says where a default was taken from ([method](../developers/method.md)); none means that it was chosen here.

| setting | values | default | unit | source | meaning |
|---|---|---|---|---|---|
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `align4d settings`."""
    parser.add_argument("--preset", choices=PRESET_NAMES, default="artist", help="whose defaults")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--json", action="store_true", help="for other programs")
    kinds.add_argument("--markdown", action="store_true", help="as docs/reference/settings.md has it")


def run(options: argparse.Namespace, console: Console) -> int:
    """Prints the settings. Returns the exit code."""
    from ..pipeline.setting_list import list_settings  # imports the engine: not for --help
    from ..pipeline.settings import PRESETS

    entries = list_settings(PRESETS[options.preset])
    if options.json:
        print(json.dumps([dataclasses.asdict(entry) for entry in entries]))
    elif options.markdown:
        print(markdown(entries), end="")
    else:
        for one in entries:
            console.print(_paragraph(one), highlight=False)
    return 0


def markdown(entries: list[SettingEntry]) -> str:
    """The page docs/reference/settings.md."""
    rows = ((f"`{one.name}`", one.values, shown(one.default), one.unit, one.source, one.meaning) for one in entries)
    return HEADER + "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)


def shown(value: Any) -> str:
    """A default as `--set` takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def _paragraph(one: SettingEntry) -> str:
    """A setting with its default, what it takes, and what it means: readable in a terminal of any width."""
    unit = f" {one.unit}" if one.unit else ""
    source = f" From: {one.source}." if one.source else ""
    return f"[bold]{one.name}[/bold] = {escape(shown(one.default))}{unit}  [dim]{escape(one.values)}[/dim]\n    {escape(one.meaning)}{source}"
