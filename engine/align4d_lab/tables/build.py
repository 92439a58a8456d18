"""The whole table: what is finished is kept, the rest is run, and the report is written after each run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from align4d.batch.executor import Executor
from align4d.errors import as_engine_error
from align4d.job.reporting import Reporter

from .markdown import Record
from .report import write_tables
from .run import Run, finished, measure
from .variants import Variant


def build_table(runs: Sequence[Run], variants: Sequence[Variant], out: Path, executor: Executor, report: Reporter) -> dict[str, str]:
    """Runs what is not finished; returns what failed, with its sentence. A failed run is tried again the next time.

    Raises:
        EngineError: "table_settings", before anything runs, where a finished run had other settings.
    """
    trials = [run.trial for run in runs]
    records: dict[Path, Record] = {run.folder: record for run in runs if (record := finished(run)) is not None}
    missing = [run for run in runs if run.folder not in records]
    failures: dict[str, str] = {}
    report.stage("runs", 0, 1)
    report.progress(len(records), len(runs))
    for run, error in executor.run(measure, missing):
        if error is None:
            records[run.folder] = json.loads((run.folder / "record.json").read_text(encoding="utf-8"))
        else:
            name = run.folder.relative_to(out).as_posix()
            failures[name] = str(as_engine_error(error))
            report.warn("run_failed", f"{name}: {failures[name]}")
        write_tables(out, trials, _in_order(runs, records), variants, failures)
        report.progress(len(records) + len(failures), len(runs))
        report.check_cancelled()
    write_tables(out, trials, _in_order(runs, records), variants, failures)
    return failures


def _in_order(runs: Sequence[Run], records: dict[Path, Record]) -> list[Record]:
    """So that the report does not depend on which run ended first."""
    return [records[run.folder] for run in runs if run.folder in records]
