"""Writes what a table's runs came to: table.md, runs.csv, figures.json, and the plots."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from align4d.protocol import replacing

from .curves import write_costs, write_curves
from .markdown import COLUMNS, Record, is_number, markdown, summary
from .variants import Trial, Variant


def write_tables(out: Path, trials: Sequence[Trial], records: list[Record], variants: Sequence[Variant], failures: dict[str, str]) -> None:
    """All of it, of what is there so far, each file whole or not at all.

    Args:
        trials: all that there will be.
        records: those that are measured.
        failures: run -> its sentence.
    """
    cases = sorted({trial.case.name for trial in trials})
    seeds = sorted({trial.seed for trial in trials})
    machines = sorted({one["machine"] for one in records})
    out.mkdir(parents=True, exist_ok=True)
    plots = {
        "losses.png": ("Loss of the known views, AO and JO", write_curves(out / "losses.png", records, cases)),
        "costs.png": ("Cost of each stage", write_costs(out / "costs.png", records, variants)),
    }
    figures: dict[str, Any] = {
        "machines": machines,
        "cases": cases,
        "seeds": seeds,
        "rows": summary(records, variants, cases),
        "failures": failures,
        "runs": records,
    }
    write_json(out / "figures.json", figures)
    write_csv(out / "runs.csv", records)
    done = f"{len(records)} of {len(trials)} runs"
    head = f"{'; '.join(machines) or 'Nothing measured'}. Cases: {', '.join(cases)}. Seeds: {', '.join(map(str, seeds))}; {done}."
    pictures = "".join(f"\n![{title}]({name})\n" for name, (title, drawn) in plots.items() if drawn)
    failed = "".join(f"\n- failed: {name}: {sentence.splitlines()[-1]}" for name, sentence in failures.items())
    with replacing(out / "table.md", "w") as file:
        file.write(f"{head}\n\n{markdown(records, variants, cases)}{pictures}{unmeasured(records)}{failed}")


def unmeasured(records: Sequence[Record]) -> str:
    """The figures that no run has, each with why."""
    reasons = {name: reason for one in records for name, reason in one.get("unmeasured", {}).items()}
    missing = {name: reason for name, reason in reasons.items() if not any(is_number(one["figures"].get(name)) for one in records)}
    return "".join(f"\n- {COLUMNS[name][0] if name in COLUMNS else name}: not measured ({reason})" for name, reason in missing.items())


def write_csv(path: Path, records: Sequence[Record]) -> None:
    """A line a run: variant, case, seed, and every figure that any run has."""
    names = sorted({name for one in records for name, value in one["figures"].items() if is_number(value)})
    with replacing(path, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["variant", "case", "seed", *names])
        for one in records:
            values = [one["figures"].get(name) for name in names]
            writer.writerow([one["variant"], one["case"], one["seed"], *(value if is_number(value) else "" for value in values)])


def write_json(path: Path, content: dict[str, Any]) -> None:
    """A figure that is no number becomes null."""
    with replacing(path, "w") as file:
        json.dump(_without_nan(content), file, indent=1, allow_nan=False)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
