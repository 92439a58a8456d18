"""What the tables compare: the whole methods, the paper's without one of its modules each, and combinations of generators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from align4d.errors import EngineError

from ..adapters.per_frame import Borrowed

WITHOUT_ALIGNED_DISTANCE = {"paper.align_distance": False}
WITHOUT_JOINT_ALIGNMENT = {"paper.optimization.unknown.against": "noise"}
"""The baseline's plain distillation from the video: the asset has no say."""

WITHOUT_TURNS = {"paper.optimization.schedule.joint": True}
EVERYTHING_LEARNS = {"paper.optimization.learns": "all"}
TWO_TERMS = {
    **WITHOUT_JOINT_ALIGNMENT,
    "paper.optimization.unknown.geometry": 1.0,
    "paper.optimization.unknown.teaches": "all",
    "paper.optimization.unknown.weight": 1.0,
    "paper.optimization.unknown.falls": 0.0,
    "paper.optimization.isometry": 0.0,
}
"""Motion and geometry as two terms, each against the noise and as heavy all the time, of a field that is free."""

AS_PUBLISHED = {
    **TWO_TERMS,
    **EVERYTHING_LEARNS,
    "paper.optimization.reframe_every": 0,
    "paper.optimization.unknown.geometry_timesteps": [0, 0],
    "paper.optimization.floor": 0.0,
    "paper.optimization.sides": 0.0,
}
"""Eqs. 7 and 8 as they are printed: the prior is shown where the asset was at rest, and both terms see the same noise."""

TELLS_DISTANCE = {"paper.optimization.unknown.maod_mode": "radius", "paper.multiview.choice": "fixed"}
"""Novel views are rendered from d_V, and the prior is told a fixed number: the baseline's slot."""


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Attributes:
        name: on the command line and in folders.
        title: in tables.
        preset: of the engine.
        settings: single settings that make it this variant, dotted name -> value.
        generators: ids of the image-to-video and the image-to-3D model, for a combination of two; else empty.
        borrowed: what a per-frame method borrows of the paper, where that runs in the place of the engine's own optimization.
    """

    name: str
    title: str
    preset: str = "paper"
    settings: Mapping[str, Any] = field(default_factory=dict)
    generators: tuple[str, ...] = ()
    borrowed: Borrowed | None = None


STATIC = Variant("static", "static mesh")
"""The mesh at rest; no run is needed for it, every scored run says how good that would be."""

VARIANTS = (
    Variant("known-only", "known views only", settings={"paper.optimization.unknown.weight": 0.0}),
    Variant("baseline", "none of the three", settings={**WITHOUT_ALIGNED_DISTANCE, **WITHOUT_JOINT_ALIGNMENT, **WITHOUT_TURNS, **EVERYTHING_LEARNS}),
    Variant("no-oda", "w/o ODA (DG4D's fixed distance)", settings=WITHOUT_ALIGNED_DISTANCE),
    Variant("no-mgja", "w/o MGJA", settings=WITHOUT_JOINT_ALIGNMENT),
    Variant("jo", "w/o AO (JO)", settings=WITHOUT_TURNS),
    Variant("ao-all", "AO of all that Gaussians are", settings=EVERYTHING_LEARNS),
    Variant("jo-all", "JO of all that Gaussians are", settings={**EVERYTHING_LEARNS, **WITHOUT_TURNS}),
    Variant("no-mask", "w/o masks in the loss", settings={"paper.optimization.known.mask": 0.0}),
    Variant("unframed", "the prior looks where the asset was at rest", settings={"paper.optimization.reframe_every": 0}),
    Variant("free", "lengths may change", settings={"paper.optimization.isometry": 0.0}),
    Variant("two-terms", "eqs. 7 and 8 as two terms, of a free field", settings=TWO_TERMS),
    Variant("motion", "nothing but the motion learns", settings={"paper.optimization.learns": "motion"}),
    Variant("published", "eqs. 7 and 8 as printed", settings=AS_PUBLISHED),
    Variant("paper", "`paper`: Align4D"),
    Variant("artist", "`artist`", preset="artist"),
)
"""In the order of the table. Without ODA is DG4D's fixed distance, and without AO is JO: each is one row, not two."""

DISTANCES = (
    Variant("distance-zero", "told 0", settings={**TELLS_DISTANCE, "paper.multiview.fixed": 0.0}),
    Variant("distance-local", "told the local minimum", settings={**TELLS_DISTANCE, "paper.multiview.choice": "local"}),
    Variant("distance-video", "told d_V", settings={**TELLS_DISTANCE, "paper.multiview.fixed": 1.0}),
    Variant("distance-beyond", "told more than d_V", settings={**TELLS_DISTANCE, "paper.multiview.fixed": 1.25}),
    Variant("distance-global", "told the global minimum", settings={**TELLS_DISTANCE, "paper.multiview.choice": "global"}),
)
"""The paper's Figs. 11 and 12: what the prior is told of the distance while views are rendered from d_V. By name only."""


PER_FRAME = (
    Variant("per-frame", "per-frame method", borrowed=Borrowed(distances=False, joint_alignment=False, turns=False)),
    Variant("per-frame-no-oda", "per-frame method with MGJA and AO", borrowed=Borrowed(distances=False)),
    Variant("per-frame-no-mgja", "per-frame method with ODA and AO", borrowed=Borrowed(joint_alignment=False)),
    Variant("per-frame-jo", "per-frame method with ODA and MGJA", borrowed=Borrowed(turns=False)),
    Variant("per-frame-paper", "per-frame method with ODA, MGJA and AO", borrowed=Borrowed()),
)
"""Another 4D method, in STAG4D's manner, that borrows the paper's modules (`adapters.per_frame`). By name only."""


@dataclass(frozen=True)
class Trial:
    """One run: a variant on a case with a seed.

    Attributes:
        settings: overrides of the engine, the variant's own among them.
        device: "cpu" or "cuda".
    """

    variant: Variant
    case: Path
    seed: int
    settings: Mapping[str, Any]
    device: str

    def folder(self, out: Path) -> Path:
        """Where the run lies."""
        return out / "runs" / self.case.name / self.variant.name / f"seed-{self.seed}"

    def order(self) -> dict[str, Any]:
        """What decides about the result; two runs of one table differ in nothing else."""
        return {"preset": self.variant.preset, "settings": dict(self.settings), "seed": self.seed, "device": self.device}


def chosen(names: list[str] | None) -> tuple[Variant, ...]:
    """The variants of these names, in the table's order; all of VARIANTS where None. Raises EngineError "unknown_method"."""
    every = (*VARIANTS, *DISTANCES, *PER_FRAME)
    known = [variant.name for variant in every]
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise EngineError("unknown_method", f"There is no variant {', '.join(unknown)}.", f"Choose from: {', '.join(known)}.")
    return VARIANTS if names is None else tuple(variant for variant in every if variant.name in names)


def plan(
    variants: tuple[Variant, ...], cases: list[Path], seeds: list[int], device: str, iterations: int | None, settings: Mapping[str, Any]
) -> list[Trial]:
    """All trials, a whole seed after the other, so that a table of one seed is there early.

    Args:
        iterations: of the paper's optimization, for every variant of it; None leaves the preset's.
        settings: overrides for every variant; what makes a variant itself wins.
    """
    common = {**settings, **({} if iterations is None else {"paper.optimization.iterations": iterations})}
    return [
        Trial(variant, case, seed, {**(common if variant.preset == "paper" else settings), **variant.settings}, device)
        for seed in seeds
        for case in cases
        for variant in variants
    ]


def combinations(base: Variant, videos: Sequence[str], assets: Sequence[str]) -> tuple[Variant, ...]:
    """`base` with the pair made by each image-to-video model and each image-to-3D model (ids of the catalog)."""
    return tuple(
        Variant(
            f"{base.name}+{video}+{asset}",
            f"{base.title}: {video}, {asset}",
            base.preset,
            {**base.settings, "generators.image_to_video": video, "generators.image_to_3d": asset},
            (video, asset),
        )
        for video in videos
        for asset in assets
    )


def differences(done: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """What sets two orders apart, in words; empty where they are the same. One table must not mix two budgets."""
    before, now = ({**order, **order["settings"]} for order in (done, wanted))
    names = [name for name in {**before, **now} if name != "settings" and before.get(name) != now.get(name)]
    return ", ".join(f"{name} {before.get(name, 'unset')} instead of {now.get(name, 'unset')}" for name in names)
