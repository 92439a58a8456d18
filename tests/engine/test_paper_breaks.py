"""The paper's method across a break: what was killed, stopped or repeated ends with the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from analytic_priors import MixturePrior
from paper_shoot import Shoot, Whole, run, timeless

from align4d import protocol
from align4d.alignment import optimization
from align4d.alignment.optimization import Kind
from align4d.errors import Cancelled
from align4d.job.reporting import RecordingReporter
from align4d.priors.recorded import RecordedPrior
from align4d.rendering.recorded_steps import RecordedSteps


class Interrupted(BaseException):
    """As a killed process: nothing catches it."""


class Stopping(RecordingReporter):
    """Calls `act` at iteration `at` of the optimization."""

    def __init__(self, at: int, act: Callable[[Stopping], None]) -> None:
        super().__init__()
        keep = self.events.append

        def send(event: dict[str, object]) -> None:
            keep(event)
            if event.get("stage") == "optimizing" and event.get("done") == at:
                act(self)

        self.send = send


def kill(report: Stopping) -> None:
    raise Interrupted


def test_a_job_that_was_killed_ends_with_the_same_bytes(shoot: Shoot, whole: Whole, tmp_path: Path) -> None:
    killed = shoot.job(tmp_path)
    with pytest.raises(Interrupted):
        run(killed, Stopping(8, kill))
    stored = protocol.read_arrays(killed / "work" / "optimization.npz")
    assert int(stored["iteration"]) == 5 and len(stored["losses"]) == 5
    report = RecordingReporter()
    again, resumed = run(killed, report)
    assert resumed == whole.motion and timeless(again) == timeless(whole.result)
    assert [e["done"] for e in report.events if e["event"] == "progress" and e["stage"] == "optimizing"] == list(range(6, 13))
    assert not [e for e in report.events if e["event"] == "progress" and e["stage"] in ("sampling", "camera", "distance")]


def test_a_cancel_is_answered_within_an_iteration_and_goes_on_from_there(shoot: Shoot, whole: Whole, tmp_path: Path) -> None:
    folder = shoot.job(tmp_path)
    report = Stopping(7, lambda one: one.cancelled.set())
    with pytest.raises(Cancelled):
        run(folder, report)
    assert [e["done"] for e in report.events if e["event"] == "progress" and e["stage"] == "optimizing"][-1] == 7
    stored = protocol.read_arrays(folder / "work" / "optimization.npz")
    assert int(stored["iteration"]) == 7
    again, resumed = run(folder)
    assert resumed == whole.motion and timeless(again) == timeless(whole.result)


class Repeated(RecordedSteps[Kind]):
    """As on a GPU, where steps run again from where they began if a rendering had too little room."""

    def run(self, begin: Callable[[], None], count: int, each: Callable[[], Kind]) -> None:
        for _ in range(2):
            begin()
            for _ in range(count):
                self.step(each())

    recordable = property(lambda self: True, lambda self, value: None)  # type: ignore[assignment]


def test_iterations_that_run_again_from_where_they_began_are_the_iterations(
    shoot: Shoot, whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimization, "RecordedSteps", Repeated)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: None)
    result, motion = run(shoot.job(tmp_path / "repeated"))
    assert motion == whole.motion and result.curves["optimization"] == whole.result.curves["optimization"]


def test_of_a_recorded_prior_the_optimization_records_the_prior_itself(shared_prior: MixturePrior) -> None:
    assert RecordedPrior.bare(RecordedPrior(shared_prior)) is shared_prior is RecordedPrior.bare(shared_prior)


def test_densification_in_a_run_and_across_a_break(shoot: Shoot, tmp_path: Path) -> None:
    settings = {
        "paper.optimization.learns": "all",
        "paper.optimization.densification.enabled": True,
        "paper.optimization.densification.interval": 4,
        "paper.optimization.densification.gradient": 1e-3,
    }
    unbroken, motion = run(shoot.job(tmp_path / "whole", settings))
    assert unbroken.figures["gaussians"] > 550
    killed = shoot.job(tmp_path / "killed", settings)
    with pytest.raises(Interrupted):
        run(killed, Stopping(9, kill))
    again, resumed = run(killed)
    assert resumed == motion and timeless(again) == timeless(unbroken)
