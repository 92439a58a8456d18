"""The tables' figures: means over the cases, spread over the seeds, and Markdown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .variants import STATIC, Variant

COLUMNS = {
    "motion_explained": ("motion explained", 2),
    "shown_motion_explained": ("as shown", 2),
    "depth_error": ("depth %", 2),
    "novel_view_psnr": ("novel views dB", 2),
    "psnr": ("PSNR", 2),
    "ssim": ("SSIM", 3),
    "lpips": ("LPIPS", 3),
    "fvd": ("FVD", 0),
    "clip": ("CLIP", 3),
    "clip_f": ("CLIP-F", 3),
    "subject_consistency": ("subject consistency", 3),
    "background_consistency": ("background consistency", 3),
    "aesthetic_quality": ("aesthetic quality", 3),
    "imaging_quality": ("imaging quality", 3),
    "cd_3d": ("CD-3D", 3),
    "cd_4d": ("CD-4D", 3),
    "cd_m": ("CD-M", 3),
    "seconds": ("s", 0),
    "peak_memory_gb": ("GB", 2),
    "gpu_memory_gb": ("GPU GB", 2),
}
"""Figure -> its heading and digits; a column that no run has is left out."""

STEPS = (100, 200, 300, 400, 500)
"""Where the losses of AO and JO are read."""

LEAST_GAIN = 0.5
"""Of the novel views' PSNR through the prior [dB]."""

WINDOW = 25
"""Iterations up to a step whose loss is averaged there: without a graphics card each looks at a few frames only."""


Record = dict[str, Any]
"""A measured run: variant, case, seed, order, figures, stages, losses, notes, machine."""


@dataclass(frozen=True)
class Spread:
    """Over seeds: the mean, the sample standard deviation (None for a single seed) and how many seeds."""

    mean: float
    deviation: float | None
    seeds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """None where there are no values."""
        if not values:
            return None
        return cls(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))

    def text(self, digits: int) -> str:
        """ "0.47 ± 0.02"."""
        return f"{self.mean:.{digits}f}" + ("" if self.deviation is None else f" ± {self.deviation:.{digits}f}")


def static_records(records: Iterable[Record]) -> list[Record]:
    """The mesh at rest as a variant, from what every scored run says of it."""
    found: dict[tuple[str, int], Record] = {}
    for one in records:
        figures = {name.removeprefix("static_"): value for name, value in one["figures"].items() if name.startswith("static_")}
        if "shown_motion_explained" in one["figures"]:
            figures["shown_motion_explained"] = 0.0  # by its definition, whichever frames are shown
        found.setdefault((one["case"], one["seed"]), {"variant": STATIC.name, "case": one["case"], "seed": one["seed"], "figures": figures})
    return list(found.values())


def over_seeds(records: Iterable[Record], variant: str, figure: str, cases: Sequence[str]) -> Spread | None:
    """Of the means over the cases. Only a seed that has the figure in every case counts: means over other cases cannot be compared."""
    by_seed: dict[int, dict[str, float]] = {}
    for one in records:
        if one["variant"] == variant and is_number(one["figures"].get(figure)):
            by_seed.setdefault(one["seed"], {})[one["case"]] = one["figures"][figure]
    return Spread.of([statistics.fmean(values[case] for case in cases) for _, values in sorted(by_seed.items()) if set(cases) <= set(values)])


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def summary(records: list[Record], variants: Sequence[Variant], cases: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Variant -> figure -> mean, deviation and seeds, for figures.json; every figure that a run has."""
    everything = [*static_records(records), *records]
    figures = sorted({name for one in everything for name, value in one["figures"].items() if is_number(value)})
    rows: dict[str, dict[str, Any]] = {}
    for variant in (STATIC, *variants):
        spreads = {figure: over_seeds(everything, variant.name, figure, cases) for figure in figures}
        rows[variant.name] = {figure: vars(spread) for figure, spread in spreads.items() if spread is not None}
    return rows


def markdown(records: list[Record], variants: Sequence[Variant], cases: Sequence[str]) -> str:
    """The tables of the ablation: quality, cost of the stages, and the losses of AO and JO."""
    pairs = combination_table(records, variants, cases)
    tables = [
        quality_table(records, variants, cases),
        *([pairs] if pairs else []),
        taught(records, cases),
        "Seconds and peak memory [GB] of each stage, means over the runs; `camera` holds VAOD, `distance` is MAOD:",
        stage_table(records, variants),
        f"Loss of the known views (eq. 6, without its factor s), mean of the {WINDOW} iterations before each step:",
        loss_table(records, variants, cases, ("known",)),
        f"Loss of the unknown views (score distillation, eqs. 7 and 8), mean of the {WINDOW} iterations before each step; it falls because"
        " the noise does, so only a column's rows compare:",
        loss_table(records, variants, cases, ("motion", "geometry")),
    ]
    return "\n\n".join(tables) + "\n"


def quality_table(records: list[Record], variants: Sequence[Variant], cases: Sequence[str]) -> str:
    """A row a variant: mean over the cases, ± the standard deviation over the seeds."""
    everything = [*static_records(records), *records]
    columns = {name: column for name, column in COLUMNS.items() if any(name in one["figures"] for one in everything)}
    rows = []
    shown = (STATIC, *variants) if any(one["figures"] for one in static_records(records)) else variants
    for variant in shown:
        spreads = {name: over_seeds(everything, variant.name, name, cases) for name in columns}
        seeds = max((spread.seeds for spread in spreads.values() if spread), default=0)
        rows.append([variant.title, *(_cell(spreads[name], digits) for name, (_, digits) in columns.items()), str(seeds)])
    return _table(["variant", *(title for title, _ in columns.values()), "seeds"], rows)


def taught(records: Iterable[Record], cases: Sequence[str]) -> str:
    """What the prior adds to the known views, case by case: novel views [dB] and depth error [%], means over the seeds that both have."""
    found = {(one["variant"], one["case"], one["seed"]): one["figures"] for one in records}
    lines, met = [], 0
    for case in cases:
        seeds = [seed for name, of, seed in found if (name, of) == ("paper", case) and ("known-only", case, seed) in found]
        pairs = [(found["paper", case, seed], found["known-only", case, seed]) for seed in seeds]
        pairs = [pair for pair in pairs if all({"novel_view_psnr", "depth_error"} <= figures.keys() for figures in pair)]
        if not pairs:
            continue
        gain, deeper = (statistics.fmean(ours[name] - theirs[name] for ours, theirs in pairs) for name in ("novel_view_psnr", "depth_error"))
        met += gain >= LEAST_GAIN and deeper < 0
        lines.append(f"{case} {gain:+.2f} dB, {deeper:+.2f} %")
    if not lines:
        return "What the prior adds to the known views: not measured."
    return (
        f"What the prior adds to the known views, novel views and depth error: {'; '.join(lines)}. At least {LEAST_GAIN} dB and less depth error in"
        f" {met} of {len(lines)} cases (asked: 3 of 4)."
    )


def _cell(spread: Spread | None, digits: int) -> str:
    return "–" if spread is None else spread.text(digits)


def stages_of(records: Sequence[Record]) -> list[str]:
    """All stages of all methods; every method's last one is the last."""
    return sorted(dict.fromkeys(stage for one in records for stage in one["stages"]), key="baking".__eq__)


def stage_table(records: list[Record], variants: Sequence[Variant]) -> str:
    """A row a variant, a column a stage."""
    stages = stages_of(records)
    rows = []
    for variant in variants:
        own = [one["stages"] for one in records if one["variant"] == variant.name]
        rows.append([variant.title, *(_cost([run[stage] for run in own if stage in run]) for stage in stages)])
    return _table(["variant", *stages], rows)


def combination_table(records: list[Record], variants: Sequence[Variant], cases: Sequence[str]) -> str:
    """Image-to-video models down, image-to-3D models across; the first of CLIP, PSNR that was measured. Empty without combinations."""
    paired = [variant for variant in variants if variant.generators]
    if not paired:
        return ""
    figure = next((name for name in ("clip", "psnr") if any(is_number(one["figures"].get(name)) for one in records)), "psnr")
    assets = list(dict.fromkeys(variant.generators[1] for variant in paired))
    rows = []
    for video in dict.fromkeys(variant.generators[0] for variant in paired):
        own = {variant.generators[1]: variant.name for variant in paired if variant.generators[0] == video}
        spreads = [over_seeds(records, own[asset], figure, cases) if asset in own else None for asset in assets]
        rows.append([video, *(_cell(spread, COLUMNS[figure][1]) for spread in spreads)])
    return f"{COLUMNS[figure][0]} by image-to-video model (down) and image-to-3D model (across):\n\n" + _table(["", *assets], rows)


def _cost(runs: list[dict[str, Any]]) -> str:
    if not runs:
        return "–"
    seconds, gb = (statistics.fmean(run[name] for run in runs) for name in ("seconds", "gb"))
    gpu = [run["gpu_gb"] for run in runs if run["gpu_gb"] is not None]
    return f"{seconds:.1f} s ({gb:.2f}{f', GPU {statistics.fmean(gpu):.2f}' if gpu else ''})"


def loss_table(records: list[Record], variants: Sequence[Variant], cases: Sequence[str], names: Sequence[str]) -> str:
    """A row a variant that has the paper's optimization, a column a step: the sum of the losses `names`."""
    rows = []
    for variant in variants:
        if variant.preset == "paper":
            spreads = [loss_at(records, variant.name, step, cases, names) for step in STEPS]
            rows.append([variant.title, *(_cell(spread, 2) for spread in spreads)])
    return _table(["variant", *map(str, STEPS)], rows)


def loss_at(records: Iterable[Record], variant: str, step: int, cases: Sequence[str], names: Sequence[str]) -> Spread | None:
    """The sum of the losses `names`, each the mean of the `WINDOW` iterations that end with `step`, over seeds; None where no run is that long.

    Iterations that do not ask the prior, as those of appearance where it teaches motion alone, have no loss of unknown views.
    """
    window = slice(step - WINDOW, step)
    reached = [
        {**one, "figures": {"loss": sum(_mean_of_asked(one["losses"][name][window]) for name in names)}}
        for one in records
        if all(len(one["losses"].get(name, ())) >= step for name in names)
    ]
    return over_seeds(reached, variant, "loss", cases)


def _mean_of_asked(losses: Sequence[float]) -> float:
    asked = [loss for loss in losses if loss]
    return statistics.fmean(asked) if asked else 0.0


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))
