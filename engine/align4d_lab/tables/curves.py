"""The tables' plots: asynchronous against joint optimization by step, and what each stage costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

from .markdown import STEPS, WINDOW, Record, stages_of
from .variants import Variant

matplotlib.use("Agg")
from matplotlib import pyplot

COMPARED = {"paper": ("AO", "tab:blue"), "jo": ("JO", "tab:red")}
"""Variant -> its label and color."""


def mean_curves(records: Sequence[Record], variant: str, cases: Sequence[str]) -> np.ndarray:
    """(S, I) a curve a seed that has all cases: the known views' loss of each iteration, their mean, over a moving window."""
    by_seed: dict[int, dict[str, list[float]]] = {}
    for one in records:
        if one["variant"] == variant and one["losses"].get("known"):
            by_seed.setdefault(one["seed"], {})[one["case"]] = one["losses"]["known"]
    means = [np.mean([curves[case] for case in cases], axis=0) for _, curves in sorted(by_seed.items()) if set(cases) <= set(curves)]
    return np.stack([smooth(mean) for mean in means]) if means else np.empty((0, 0))


def smooth(values: np.ndarray) -> np.ndarray:
    """(I,) each value with those up to `WINDOW` before it: their mean."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - WINDOW, 0)
    return np.asarray((total[end] - total[start]) / (end - start))


def write_curves(path: Path, records: Sequence[Record], cases: Sequence[str]) -> bool:
    """Draws both curves, the mean over the seeds and the range of them; False where neither was measured."""
    found = {variant: mean_curves(records, variant, cases) for variant in COMPARED}
    if not any(curves.size for curves in found.values()):
        return False
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for variant, curves in found.items():
        if curves.size:
            label, color = COMPARED[variant]
            steps = np.arange(1, curves.shape[1] + 1)
            axes.plot(steps, curves.mean(axis=0), color=color, label=f"{label} ({len(curves)} seeds)" if len(curves) > 1 else label)
            axes.fill_between(steps, curves.min(axis=0), curves.max(axis=0), color=color, alpha=0.2, linewidth=0)
    longest = max(curves.shape[1] for curves in found.values())
    for step in STEPS:
        if step <= longest:
            axes.axvline(step, color="0.85", zorder=0)
    axes.set(xlabel="iteration", ylabel="loss of the known views", title="Asynchronous (AO) and joint (JO) optimization")
    axes.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return True


def write_costs(path: Path, records: Sequence[Record], variants: Sequence[Variant]) -> bool:
    """Seconds of each stage, stacked, a bar a variant, means over the runs; False where nothing was measured."""
    measured = [variant for variant in variants if any(one["variant"] == variant.name for one in records)]
    if not measured:
        return False
    stages = stages_of(records)
    figure, axes = pyplot.subplots(figsize=(8, 1.2 + 0.45 * len(measured)), layout="constrained")
    left = np.zeros(len(measured))
    titles = [variant.title.replace("`", "") for variant in measured]
    for stage in stages:
        own = [[one["stages"].get(stage, {"seconds": 0.0})["seconds"] for one in records if one["variant"] == variant.name] for variant in measured]
        seconds = np.array([np.mean(runs) for runs in own])
        axes.barh(titles, seconds, left=left, label=stage)
        left += seconds
    axes.invert_yaxis()
    axes.set(xlabel="seconds", title="Cost of each stage")
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return True
