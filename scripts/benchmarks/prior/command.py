"""Multiview prior: what it knows of unseen sides, motion and distance, how fast it is, and pictures of it."""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import rich.console
import torch

from align4d.priors.embedded import WEIGHTS, EmbeddedPrior, load_embedded_prior
from align4d.protocol import replacing
from support.console import ScriptError, say

from ..speed.at_once import at_once
from . import distance, motion, perturbed, quality, sds, sheets, speed, table
from .subjects import AssetSubjects, ProceduralSubjects, Subjects

NAME = "prior"

CURVES = 8
"""Procedural objects whose curves over the distance are drawn."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--views", type=Path, metavar="NPZ", help="pictures of the bench assets, made by prior_views; else they are left out")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure (all)")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="another checkpoint than the one that ships")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu or cuda")
    parser.add_argument("--objects", type=int, default=256, help="held-out procedural objects for the views")
    parser.add_argument("--distance-objects", type=int, default=64, help="held-out procedural objects for distance and sds")
    parser.add_argument("--workers", type=int, default=1, help="parts at once; on cuda each has a GPU, in turn, and its share of the cores")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json and the pictures")


@dataclass
class Bench:
    """What the parts share: made when first needed."""

    device: torch.device
    weights: Path
    views: Path | None
    counts: tuple[int, int]
    out: Path
    found: dict[str, dict[distance.Told, list[distance.Found]]] = field(default_factory=dict)

    @cached_property
    def prior(self) -> EmbeddedPrior:
        return load_embedded_prior(self.device, self.weights)

    @cached_property
    def assets(self) -> AssetSubjects | None:
        """The bench's assets, where their pictures were given."""
        if self.views is None:
            return None
        assets = AssetSubjects(self.views, self.device)
        if assets.size != self.prior.facts.size:
            raise ScriptError(f"The pictures are of {assets.size} px, the prior takes {self.prior.facts.size}: give prior_views that as --size.")
        return assets

    @cached_property
    def objects(self) -> ProceduralSubjects:
        return ProceduralSubjects(self.counts[0], self.prior.facts.size, self.device)

    @cached_property
    def few(self) -> ProceduralSubjects:
        return ProceduralSubjects(self.counts[1], self.prior.facts.size, self.device)

    def both(self) -> dict[str, Subjects]:
        """The subjects of distance and sds."""
        return {**({"assets": self.assets} if self.assets else {}), "procedural": self.few}

    def distances(self, name: str) -> dict[distance.Told, list[distance.Found]]:
        """The searches on the subjects `name`, made once."""
        if name not in self.found:
            self.found[name] = distance.distances(self.prior, self.both()[name])
        return self.found[name]


def views_part(bench: Bench) -> dict[str, Any]:
    figures = {"procedural": quality.procedural_views(bench.prior, bench.objects)}
    return {**({"assets": quality.asset_views(bench.prior, bench.assets)} if bench.assets else {}), **figures}


def motion_part(bench: Bench) -> dict[str, Any]:
    return motion.motion(bench.prior, bench.assets) if bench.assets else {}


def distance_part(bench: Bench) -> dict[str, Any]:
    for name, subjects in bench.both().items():
        sheets.distance_curves(bench.out / f"distance_{name}.png", distance.curves(bench.prior, subjects, CURVES))
    return {name: distance.summary(bench.distances(name)) for name in bench.both()}


def sds_part(bench: Bench) -> dict[str, Any]:
    return {name: sds.distillation(bench.prior, subjects, bench.distances(name)["same"]) for name, subjects in bench.both().items()}


def perturbed_part(bench: Bench) -> dict[str, Any]:
    return perturbed.perturbed(bench.prior, bench.assets) if bench.assets else {}


def speed_part(bench: Bench) -> dict[str, Any]:
    cpu = speed.cpu_speed(load_embedded_prior("cpu", bench.weights))
    if bench.device.type != "cuda":
        return {"cpu": cpu}
    return {"cpu": cpu, "cuda": speed.cuda_speed(bench.prior, load_embedded_prior(bench.device, bench.weights, half=True))}


def sheets_part(bench: Bench) -> dict[str, Any]:
    if bench.assets:
        sheets.asset_sheet(bench.prior, bench.assets, bench.out / "assets.png")
    sheets.object_sheet(bench.prior, bench.objects, bench.out / "objects.png")
    return {}


PARTS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "views": views_part,
    "motion": motion_part,
    "distance": distance_part,
    "sds": sds_part,
    "perturbed": perturbed_part,
    "speed": speed_part,
    "sheets": sheets_part,
}
"""In their order; each returns its figures."""


def measure(part: str, bench: Bench) -> dict[str, Any]:
    """One of PARTS."""
    say(f"{part} …")
    return PARTS[part](bench)


def run(arguments: argparse.Namespace) -> int:
    """Measures the chosen parts; figures.json grows with each."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    bench = Bench(torch.device(arguments.device), arguments.weights, arguments.views, (arguments.objects, arguments.distance_objects), arguments.out)
    figures: dict[str, Any] = {
        "weights": arguments.weights.name,
        "device": torch.cuda.get_device_name() if bench.device.type == "cuda" else "cpu",
        "objects": arguments.objects,
        "distance_objects": arguments.distance_objects,
    }
    if arguments.views is None:
        say("The bench assets: not measured. Make their pictures with bench.py prior_views and give them as --views.")
    # the longest first, so that nobody waits for it alone at the end
    order = PARTS if arguments.workers == 1 else ("sds", "distance", *PARTS)
    wanted = [name for name in dict.fromkeys(order) if name in arguments.parts]
    for part, done in at_once(functools.partial(measure, bench=bench), wanted, arguments.workers):
        figures[part] = done.result()
        with replacing(arguments.out / "figures.json", "w") as file:
            json.dump(figures, file, indent=1)
    rich.console.Console(width=150).print(table.table(figures))
    return 0
