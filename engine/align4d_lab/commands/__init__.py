"""Subcommands of `align4d` that are no job: a module each, with NAME, `add_parser`, and a `run` that imports what it needs."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from rich.console import Console
from rich.markup import escape

from align4d.errors import Cancelled, as_engine_error

from . import dataset, evaluate, table

_MODULES = {module.NAME: module for module in (dataset, evaluate, table)}
NAMES = tuple(_MODULES)
STOPPED = 130
"""What shells expect of a program that Ctrl+C ended."""

log = logging.getLogger(__name__)


def add_parsers(commands: Any) -> None:
    """Adds all of them."""
    for module in _MODULES.values():
        module.add_parser(commands)


def run(options: argparse.Namespace, console: Console) -> int:
    """Runs the chosen one; 0 where it succeeded. A failure becomes a sentence."""
    try:
        return _MODULES[options.command].run(options, console)
    except (KeyboardInterrupt, Cancelled):
        console.print("Stopped. The same command goes on where that is possible.")
        return STOPPED
    except Exception as error:
        failure = as_engine_error(error)
        log.debug("failed", exc_info=error)
        console.print(f"[red]{escape(failure.message)}[/red] {escape(failure.advice)}")
        return 1
