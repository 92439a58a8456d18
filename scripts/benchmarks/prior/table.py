"""The prior's figures beside what they are to reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import rich.table

from .quality import TURNS
from .sds import WAYS

Row = tuple[str, str, str]

VIEW_TARGETS = {"assets": (24, 22.5, 23), "procedural": (24, 22, 22.5)}
"""PSNR [dB] at each of TURNS."""


def table(figures: dict[str, Any]) -> rich.table.Table:
    """Of what was measured."""
    result = rich.table.Table("figure", "measured", "target")
    for rows in (_views, _motion, _distance, _sds, _perturbed, _speed):
        for row in rows(figures):
            result.add_row(*row)
    return result


def _views(figures: dict[str, Any]) -> Iterator[Row]:
    views = figures.get("views", {})
    for name, targets in VIEW_TARGETS.items():
        for turn, target in zip(TURNS, targets, strict=True):
            if name in views:
                x0, copy = (views[name]["mean"][kind][turn] for kind in ("x0", "copy"))
                yield f"{name}, {turn}° away: x0 mean (copy), dB", f"{x0:.2f} ({copy:.2f})", f">= {target}"
    procedural = views.get("procedural", {})
    for angle, value in procedural.get("random_cameras", {}).get("x0", {}).items():
        yield f"procedural, random cameras, {angle}° away (copy), dB", f"{value:.2f} ({procedural['random_cameras']['copy'][angle]:.2f})", ""
    for bucket, errors in procedural.get("shuffled_cameras", {}).items():
        wanted = "right < shuffled" if int(bucket.split("-")[0]) >= 200 else ""
        yield f"noise error, t {bucket}: right / shuffled camera", f"{errors['right']:.5f} / {errors['shuffled']:.5f}", wanted


def _motion(figures: dict[str, Any]) -> Iterator[Row]:
    motion = figures.get("motion", {})
    for name, part in (("as filmed", motion), ("framed as in training", motion.get("framed", {}))):
        if mean := part.get("mean"):
            cases = ", ".join(f"{np.mean([one['correlation'] for one in case.values()]):.2f}" for case in part["cases"].values())
            yield f"motion, {name}: correlation with the mesh distance (of each case)", f"{mean['correlation']:.3f} ({cases})", ">= 0.85"
            yield f"motion, {name}: right frame first (normalized)", f"{mean['first']:.0%} ({mean['first_normalized']:.0%})", ">= 50 %"


def _distance(figures: dict[str, Any]) -> Iterator[Row]:
    for name, by_told in figures.get("distance", {}).items():
        for told, values in by_told.items():
            shares = f"{values['one_clear_minimum']:.0%} ({values['minimum_found']:.0%})"
            yield f"{name}, told {told}: one clear minimum (one picked)", shares, ">= 85 %"


def _sds(figures: dict[str, Any]) -> Iterator[Row]:
    for name, values in figures.get("sds", {}).items():
        for way in WAYS:
            judged = values[way]
            shares = f"{judged['picked_near']:.0%} ({judged['picked_as_good']:.0%})"
            yield f"{name}, {way}: picked distance within 0.15 (within 0.15 dB) of the best", shares, ">= 80 %"
            best = max(judged["by_distance"].items(), key=lambda item: item[1])
            scores = f"{values['bent']:.2f} / {values['video_only']:.2f} / {best[1]:.2f} at {best[0]} / {values['true_shape']:.2f}"
            yield f"{name}, {way}: bent / video only / prior at one distance for all / true shape, dB", scores, ""


def _perturbed(figures: dict[str, Any]) -> Iterator[Row]:
    found = figures.get("perturbed", {})
    for name, ways in found.get("cases", {}).items():
        scores = " / ".join(f"{way['psnr']:.2f}, {way['depth']:.2f}" for way in ways.values())
        yield f"{name}, perturbed pose: {' / '.join(ways)}: held-out views dB, depth %", scores, ""
    if found:
        yield "perturbed pose: cases with the method's views better by 0.5 dB, and its depth", f"{found['better']} of {len(found['cases'])}", ">= 3"


def _speed(figures: dict[str, Any]) -> Iterator[Row]:
    speed = figures.get("speed", {})
    if cpu := speed.get("cpu"):
        name = f"CPU, {cpu['threads']} threads, fp32, batch {cpu['batch']}: a view (a condition), ms"
        yield name, f"{cpu['ms_per_view']:.1f} ({cpu['ms_per_condition']:.0f})", "<= 50"
    for precision, rates in speed.get("cuda", {}).get("views_per_second", {}).items():
        yield f"{precision}, batch {', '.join(map(str, rates))}: views/s", ", ".join(f"{rate:.0f}" for rate in rates.values()), ">= 3000"
