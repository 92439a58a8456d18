"""One run of a table: the case as a job, the engine in a process of its own, the result evaluated."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import align4d
from align4d import protocol
from align4d.errors import EngineError
from align4d.job.reporting import RecordingReporter

from ..adapters.per_frame import Borrowed
from ..evaluation.evaluate import evaluate
from ..evaluation.measure import Figure
from ..evaluation.options import EvaluationOptions
from ..evaluation.references import INPUT
from ..evaluation.report import write_report
from .case_files import make_case_job
from .markdown import Record
from .report import write_json
from .variants import Trial, differences


@dataclass(frozen=True)
class Run:
    """A trial, and how it is judged; travels to the worker that does it.

    Attributes:
        out: folder of the table.
        models: folder of metric models, or None.
        surround: pictures of VBench's turn; 0: none.
        size: of pictures where a reference does not decide [px].
    """

    trial: Trial
    out: Path
    models: Path | None
    surround: int
    size: int

    @property
    def folder(self) -> Path:
        """Of its job."""
        return self.trial.folder(self.out)


def finished(run: Run) -> Record | None:
    """What was measured before; None where it is not finished. Raises EngineError "table_settings" where it had other settings."""
    path = run.folder / "record.json"
    if not path.is_file():
        return None
    record: Record = json.loads(path.read_text(encoding="utf-8"))
    if different := differences(record["order"], run.trial.order()):
        raise EngineError(
            "table_settings", f"{run.folder} was run with other settings: {different}.", "Choose another folder with --out, or delete that one."
        )
    return record


def measure(run: Run) -> None:
    """Leaves record.json in the run's folder, last. A run that broke off begins anew: its seconds would be too few.

    Raises:
        EngineError: "table_run" with the engine's own sentence where it failed; as `evaluate`.
    """
    folder = run.folder
    if not (folder / "costs.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make_case_job(run.trial.case, folder, run.trial.order())
        _execute(folder, run.trial.variant.borrowed)
    measured, about = evaluate(_order(run), RecordingReporter())
    write_report(folder / "evaluation", measured, about)
    values = {name: figure.value for name, figure in measured.figures.items() if figure.value is not None} | novel_views(measured.figures)
    unmeasured = {name: figure.reason for name, figure in measured.figures.items() if figure.value is None}
    write_json(folder / "record.json", _record(run, values, unmeasured))


def novel_views(figures: Mapping[str, Figure]) -> dict[str, float]:
    """PSNR of the sides that the video does not show, their mean; empty where there is none."""
    sides = [value for clip, value in figures["psnr"].clips.items() if clip != INPUT] if "psnr" in figures else []
    return {"novel_view_psnr": statistics.fmean(sides)} if sides else {}


def _order(run: Run) -> EvaluationOptions:
    case = run.trial.case
    views, truth = case / "views", case / "truth.npz"
    return EvaluationOptions(
        run.folder,
        views=views if views.is_dir() else None,
        truth=truth if truth.is_file() else None,
        models=run.models,
        size=run.size,
        surround=run.surround,
        device=run.trial.device,
        seed=run.trial.seed,
    )


def _execute(folder: Path, borrowed: Borrowed | None) -> None:
    """The engine in a process of its own, so that memory and compiled kernels of one run do not count for the next."""
    words = [] if borrowed is None else ["per-frame", *(name for name, lent in vars(borrowed).items() if lent)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(align4d.__file__).parents[1]), os.environ.get("PYTHONPATH")]))}
    with open(folder / "log.txt", "wb") as log:
        command = [sys.executable, "-m", "align4d_lab.tables.cost", str(folder.resolve()), *words]
        code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment).returncode
    if code:
        lines = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()
        last = lines[-1] if lines else f"exit code {code}"
        raise EngineError("table_run", f"The engine failed: {last}", f"The whole log is in {folder / 'log.txt'}.")
    shutil.rmtree(folder / "work", ignore_errors=True)  # checkpoints, many megabytes a run


def _record(run: Run, values: dict[str, float], unmeasured: dict[str, str]) -> Record:
    costs: dict[str, Any] = json.loads((run.folder / "costs.json").read_text(encoding="utf-8"))
    result = protocol.read_result(run.folder)
    stages = costs["stages"]
    gpu = [stage["gpu_gb"] for stage in stages.values() if stage["gpu_gb"] is not None]
    cost = {"seconds": costs["seconds"], "peak_memory_gb": max(stage["gb"] for stage in stages.values())}
    return {
        "variant": run.trial.variant.name,
        "case": run.trial.case.name,
        "seed": run.trial.seed,
        "order": run.trial.order(),
        "machine": costs["machine"],
        "figures": {**values, **cost, **({"gpu_memory_gb": max(gpu)} if gpu else {})},
        "unmeasured": unmeasured,
        "engine_figures": result.figures,
        "stages": stages,
        "losses": {name: values for name, values in result.curves.get("optimization", {}).items() if name != "iteration"},
        "notes": list(result.notes),
    }
