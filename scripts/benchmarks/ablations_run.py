"""A trial of the ablations: captured in Blender once a case, run by the engine in a process of its own, scored against the truth."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from align4d import protocol
from align4d.tables.markdown import Record
from align4d.tables.variants import Trial, differences
from align4d.warm_up import wait_passively
from support import blender, environments, extension, folders, generation
from support.console import ScriptError, run_logged, say

from . import motion_case, motion_pictures
from .jobs import with_video


def capture_cases(cases: list[Path], out: Path, program: str | None) -> None:
    """What the engine would get of each case, in OUT/captures/NAME; no Blender is needed where that is there already."""
    missing = [case for case in cases if not (capture_of(case, out) / "request.json").exists()]
    if not missing:
        return
    chosen = blender.chosen(program)
    user_folder = extension.installed(chosen, environments.ready(environments.engine_environment()))
    for case in missing:
        say(f"{case.name}: captured in Blender {chosen.version}")
        _capture(case, capture_of(case, out), chosen, user_folder)


def capture_of(case: Path, out: Path) -> Path:
    """A job folder without a run; its movie's path is relative to it, so that the whole of OUT can move to another machine."""
    return out / "captures" / case.name


def _capture(case: Path, target: Path, chosen: blender.Blender, user_folder: Path) -> None:
    scene = folders.fresh(target.with_name(f"{case.name}.scene"))
    job = scene / "job"
    asset, movie = (Path(shutil.copy(case / name, scene / name)).resolve() for name in ("asset.blend", "reference.mp4"))
    order = generation.Order(scene=str(asset), video=str(movie), capture=str(job.resolve()), save_as="")
    generation.capture(chosen, user_folder, order, scene / "log.txt")
    shutil.copy(movie, job / "input" / "reference.mp4")
    request = protocol.read_request(job)
    protocol.write_json(job / "request.json", dataclasses.replace(request, video=dataclasses.replace(request.video, path="input/reference.mp4")))
    os.replace(job, target)
    shutil.rmtree(scene)


def measure(trial: Trial, out: Path, pictured: int) -> Record:
    """Runs and scores a trial; a run that is complete is only scored. Raises ScriptError where either failed.

    Args:
        pictured: the seed whose runs get a contact sheet and a movie.
    """
    folder, capture = trial.folder(out), capture_of(trial.case, out)
    if (folder / "costs.json").exists():
        check_order(folder, _ordered(protocol.read_request(folder)), trial.order())
    else:
        execute(trial, folder, capture)
    costs = json.loads((folder / "costs.json").read_text(encoding="utf-8"))
    result = protocol.read_result(folder)
    motion = protocol.read_pc2(folder / result.objects[0].motion)
    outcome = motion_case.score(trial.case, capture, motion, result, trial.case / "reference.mp4")
    if trial.seed == pictured:
        motion_pictures.write(folder, outcome)
    return record(trial, outcome.figures, result, costs)


def execute(trial: Trial, folder: Path, capture: Path) -> None:
    """The engine on a fresh job folder, in a process of its own. Never goes on with a broken-off run: its seconds would be too few."""
    folders.fresh(folder)
    shutil.copytree(capture / "input", folder / "input")
    request = with_video(protocol.read_request(capture), capture)
    protocol.write_json(folder / "request.json", dataclasses.replace(request, **trial.order()))
    wait_passively()
    before = os.environ.get("PYTHONPATH", "")
    importable = os.pathsep.join([*(str(environments.ROOT / name) for name in ("scripts", "engine")), *([before] if before else [])])
    what = f"{trial.case.name}, {trial.variant.name}, seed {trial.seed}"
    command: list[str | Path] = [sys.executable, "-m", "align4d.tables.cost", folder.resolve()]
    run_logged(command, what, folder / "log.txt", {**os.environ, "PYTHONPATH": importable})
    shutil.rmtree(folder / "work", ignore_errors=True)  # the checkpoints: many megabytes a run, of no use any more


def record(trial: Trial, scored: dict[str, Any], result: protocol.Result, costs: dict[str, Any]) -> Record:
    """What is kept of a trial."""
    stages = costs["stages"]
    memory = {"peak_memory_gb": max(stage["gb"] for stage in stages.values())}
    gpu = [stage["gpu_gb"] for stage in stages.values() if stage["gpu_gb"] is not None]
    return {
        "variant": trial.variant.name,
        "case": trial.case.name,
        "seed": trial.seed,
        "order": trial.order(),
        "machine": costs["machine"],
        "figures": {**scored, "seconds": costs["seconds"], **memory, **({"gpu_memory_gb": max(gpu)} if gpu else {})},
        "engine_figures": result.figures,
        "stages": stages,
        "known_loss": result.curves.get("optimisation", {}).get("known", []),
        "notes": list(result.notes),
    }


def _ordered(request: protocol.Request) -> dict[str, Any]:
    """The part of a request that `Trial.order` decides."""
    return {"preset": request.preset, "settings": request.settings, "seed": request.seed, "device": request.device}


def check_order(folder: Path, done: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Raises ScriptError where what lies in `folder` was run with other settings: one table must not mix two budgets."""
    if different := differences(done, wanted):
        raise ScriptError(f"{folder} was run with other settings: {different}. Choose another folder with --out, or delete that one.")
