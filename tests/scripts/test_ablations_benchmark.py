"""The ablations' own logic: which runs there are, means and spreads, going on where it was broken off, and what a stage costs."""

from __future__ import annotations

import dataclasses
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from align4d.errors import EngineError
from align4d.settings import settings_for
from align4d.tables import curves, markdown
from align4d.tables.cost import StageMemory
from align4d.tables.variants import VARIANTS, Trial, chosen, plan
from benchmarks import ablations, ablations_pictures, ablations_run
from benchmarks.motion_pictures import SIDE
from support.console import ScriptError

CASES = [Path("a"), Path("b")]


def trials(names: list[str], seeds: list[int], iterations: int | None = None, **settings: Any) -> list[Trial]:
    return plan(chosen(names), CASES, seeds, "cpu", iterations, settings)


def measured(trial: Trial, explained: float = 0.5) -> dict[str, Any]:
    """A record as `ablations_run.record` makes it."""
    return {
        "variant": trial.variant.name,
        "case": trial.case.name,
        "seed": trial.seed,
        "order": trial.order(),
        "machine": "a machine",
        "figures": {"motion_explained": explained, "static_motion_explained": 0.0, "shown_motion_explained": explained, "seconds": 10.0},
        "stages": {"optimising": {"seconds": 8.0 + trial.seed, "gb": 1.0, "gpu_gb": None}},
        "known_loss": [1.0] * 100 + [0.5] * 100,
        "notes": [],
    }


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_every_variant_is_known_to_the_engine(variant: Any) -> None:
    settings_for(variant.preset, dict(variant.settings))


def test_each_module_is_left_out_by_one_variant() -> None:
    left_out = {}
    for name in ("paper", "no-oda", "no-mgja", "jo", "dg4d"):
        (variant,) = chosen([name])
        paper = settings_for(variant.preset, dict(variant.settings)).paper
        left_out[name] = (not paper.align_distance, paper.optimisation.unknown.geometry == 0, paper.optimisation.schedule.joint)
    assert left_out == {
        "paper": (False, False, False),
        "no-oda": (True, False, False),
        "no-mgja": (False, True, False),
        "jo": (False, False, True),
        "dg4d": (True, True, True),
    }


def test_the_budget_is_the_same_for_all_of_the_paper_and_a_variant_stays_what_it_is() -> None:
    found = trials(["jo", "paper", "artist"], [0], 40, **{"gaussians.count": 9, "paper.optimisation.schedule.joint": False})
    settings = {trial.variant.name: trial.settings for trial in found}
    assert settings["jo"] == {"gaussians.count": 9, "paper.optimisation.iterations": 40, "paper.optimisation.schedule.joint": True}
    assert settings["paper"] == {"gaussians.count": 9, "paper.optimisation.iterations": 40, "paper.optimisation.schedule.joint": False}
    assert "paper.optimisation.iterations" not in settings["artist"]


def test_one_seed_is_complete_before_the_next_begins() -> None:
    assert [(trial.seed, trial.case.name, trial.variant.name) for trial in trials(["paper", "jo"], [3, 5])][:5] == [
        (3, "a", "jo"),
        (3, "a", "paper"),
        (3, "b", "jo"),
        (3, "b", "paper"),
        (5, "a", "jo"),
    ]


def test_an_unknown_variant_is_named() -> None:
    with pytest.raises(EngineError, match="no variant nothing"):
        chosen(["paper", "nothing"])


def test_means_are_over_cases_and_spreads_over_seeds() -> None:
    explained = {(0, "a"): 0.2, (0, "b"): 0.4, (1, "a"): 0.4, (1, "b"): 0.6}
    records = [measured(trial, explained[trial.seed, trial.case.name]) for trial in trials(["paper"], [0, 1])]
    spread = markdown.over_seeds(records, "paper", "motion_explained", ["a", "b"])
    assert spread is not None
    assert (spread.mean, spread.deviation, spread.seeds) == (pytest.approx(0.4), pytest.approx(0.2 / 2**0.5), 2)
    assert spread.text(2) == "0.40 ± 0.14"


def test_a_seed_without_all_cases_does_not_count() -> None:
    records = [measured(trial, 0.3 + trial.seed) for trial in trials(["paper"], [0, 1])]
    spread = markdown.over_seeds(records[:-1], "paper", "motion_explained", ["a", "b"])
    assert spread is not None
    assert (spread.mean, spread.deviation, spread.seeds) == (pytest.approx(0.3), None, 1)
    assert spread.text(2) == "0.30"
    records[0]["figures"]["motion_explained"] = float("nan")
    assert markdown.over_seeds(records[:-1], "paper", "motion_explained", ["a", "b"]) is None


def test_the_table_has_the_static_mesh_and_dashes_where_nothing_was_measured() -> None:
    records = [measured(trial) for trial in trials(["paper"], [0])]
    lines = markdown.quality_table(records, chosen(["jo", "paper"]), ["a", "b"]).splitlines()
    assert lines[0] == "| variant | motion explained | as shown | s | seeds |"
    assert lines[2] == "| static mesh | 0.00 | 0.00 | – | 1 |"
    assert lines[3] == "| w/o AO (JO) | – | – | – | 0 |"
    assert lines[4] == "| `paper`: Align4D | 0.50 | 0.50 | 10 | 1 |"


def test_stages_are_means_over_runs() -> None:
    records = [measured(trial) for trial in trials(["paper"], [0, 1])]
    artist = measured(*trials(["artist"], [0])[:1])
    artist["stages"] = {"tracking": {"seconds": 4.0, "gb": 0.5, "gpu_gb": 2.25}}
    for one in records:
        one["stages"]["baking"] = {"seconds": 0.1, "gb": 1.0, "gpu_gb": None}
    lines = markdown.stage_table([*records, artist], chosen(["paper", "artist"])).splitlines()
    assert lines[0] == "| variant | optimising | tracking | baking |"
    assert lines[2:] == ["| `paper`: Align4D | 8.5 s (1.00) | – | 0.1 s (1.00) |", "| `artist` | – | 4.0 s (0.50, GPU 2.25) | – |"]


def test_losses_are_read_just_before_a_step() -> None:
    records = [measured(trial) for trial in trials(["paper"], [0])]
    at = [markdown.loss_at(records, "paper", step, ["a", "b"]) for step in (100, 200, 300)]
    assert [spread and spread.mean for spread in at] == [1.0, 0.5, None]


def test_what_the_prior_adds_is_told_case_by_case() -> None:
    def of(name: str, psnr: dict[str, float], depth: float) -> list[dict[str, Any]]:
        records = [measured(trial) for trial in trials([name], [0])]
        return [{**one, "figures": {**one["figures"], "novel_view_psnr": psnr[one["case"]], "depth_error": depth}} for one in records]

    records = [*of("known-only", {"a": 20.0, "b": 20.0}, 3.0), *of("paper", {"a": 20.7, "b": 20.4}, 2.5)]
    told = markdown.taught(records, ["a", "b"])
    assert "a +0.70 dB, -0.50 %; b +0.40 dB, -0.50 %" in told and "in 1 of 2 cases" in told
    assert "not measured" in markdown.taught(records[:2], ["a", "b"])


def test_curves_are_smoothed_over_what_came_before() -> None:
    values = np.arange(60.0)
    smooth = curves.smooth(values)
    assert smooth[0] == 0 and smooth[2] == 1 and smooth[59] == pytest.approx(values[60 - markdown.WINDOW :].mean())


def test_what_is_finished_is_not_run_again(tmp_path: Path) -> None:
    wanted = trials(["jo", "paper"], [0])
    ran: list[Trial] = []

    def measure(trial: Trial) -> dict[str, Any]:
        if len(ran) == 2:
            raise ScriptError("The engine hit something.")
        ran.append(trial)
        return measured(trial)

    failures = ablations.complete(wanted, tmp_path, measure)
    assert failures == {str(trial.folder(Path())): "The engine hit something." for trial in wanted[2:]}
    assert "2 of 4 runs" in (tmp_path / "table.md").read_text(encoding="utf-8")
    ran.clear()
    assert ablations.complete(wanted, tmp_path, lambda trial: ran.append(trial) or measured(trial)) == {}  # type: ignore[func-returns-value]
    assert ran == wanted[2:]
    report = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert len(report["runs"]) == 4 and report["rows"]["paper"]["motion_explained"]["mean"] == 0.5
    assert (tmp_path / "losses.png").exists()


def test_runs_with_other_settings_are_not_mixed_in(tmp_path: Path) -> None:
    ablations.complete(trials(["paper"], [0], 40), tmp_path, measured)
    with pytest.raises(ScriptError, match="other settings: paper.optimisation.iterations 40 instead of 50. "):
        ablations.complete(trials(["paper"], [0], 50), tmp_path, measured)


def test_a_captured_case_needs_no_blender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    class Asked(Exception):
        pass

    def ask(program: object) -> None:
        asked.append(program)
        raise Asked

    monkeypatch.setattr(ablations_run.blender, "chosen", ask)
    with pytest.raises(Asked):
        ablations_run.capture_cases(CASES, tmp_path, "program")
    for case in CASES:
        folder = ablations_run.capture_of(case, tmp_path)
        folder.mkdir(parents=True)
        (folder / "request.json").touch()
    ablations_run.capture_cases(CASES, tmp_path, "program")
    assert asked == ["program"]


def test_a_complete_run_is_only_scored_when_its_settings_are_the_wanted_ones(tmp_path: Path) -> None:
    (trial, _) = trials(["paper"], [0])
    done = dataclasses.replace(trial, seed=1).order()
    with pytest.raises(ScriptError, match="seed 1 instead of 0"):
        ablations_run.check_order(tmp_path, done, trial.order())
    ablations_run.check_order(tmp_path, trial.order(), trial.order())


def test_a_sheet_stacks_the_variants_below_the_truth(tmp_path: Path) -> None:
    found = [trial for trial in trials(["jo", "paper"], [0]) if trial.case.name == "a"]
    for shade, trial in zip((10, 20), found, strict=True):
        trial.folder(tmp_path).mkdir(parents=True)
        rows = [np.full((SIDE, 2 * SIDE, 3), value, np.uint8) for value in (1, 2, shade, 4)]
        Image.fromarray(np.concatenate(rows)).save(trial.folder(tmp_path) / "sheet.png")
    assert ablations_pictures.write_sheets(trials(["jo", "paper"], [0, 1]), tmp_path) == [tmp_path / "a.png"]
    with Image.open(tmp_path / "a.png") as image:
        pixels = np.asarray(image)
    assert pixels[SIDE - 1 :: SIDE, -1, 0].tolist() == [1, 4, 10, 20]


def test_memory_is_told_by_stage() -> None:
    used, seen = [100], threading.Event()

    def read() -> int:
        if used[0] == 700:
            seen.set()
        return used[0]

    with StageMemory(read) as memory:
        memory.begin("first")
        used[0] = 700  # only the thread can see this
        assert seen.wait(10)
        used[0] = 200
        memory.begin("second")
    assert memory.peaks == {"first": 700, "second": 200}
