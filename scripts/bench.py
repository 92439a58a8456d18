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
    for found in pkgutil.walk_packages(benchmarks.__path__, "benchmarks."):
        module = importlib.import_module(found.name)
        if hasattr(module, "add_arguments"):
            name = getattr(module, "NAME", found.name.rpartition(".")[2])
            subparser = subparsers.add_parser(name, help=console.headline(module.__doc__))
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    arguments = parser.parse_args()
    return int(arguments.run(arguments))


if __name__ == "__main__":
    console.exit_with(main)
