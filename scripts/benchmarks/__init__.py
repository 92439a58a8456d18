"""The benchmarks of scripts/bench.py: one module each, with `add_arguments(parser)` and `run(arguments) -> exit code`."""
