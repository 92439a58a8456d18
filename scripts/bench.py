"""Measures the product: each benchmark is a subcommand of its own.

    python scripts/bench.py motion --cases DIR --out OUT
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil

from support import console, environments


def main() -> int:
    environments.enter_engine()
    import benchmarks

    parser = argparse.ArgumentParser(description=console.headline(__doc__))
    subparsers = parser.add_subparsers(required=True, metavar="BENCHMARK")
    for found in pkgutil.iter_modules(benchmarks.__path__):
        module = importlib.import_module(f"benchmarks.{found.name}")
        if hasattr(module, "add_arguments"):
            subparser = subparsers.add_parser(found.name, help=console.headline(module.__doc__))
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    arguments = parser.parse_args()
    return int(arguments.run(arguments))


if __name__ == "__main__":
    console.exit_with(main)
