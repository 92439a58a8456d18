"""The motion benchmark's own logic: cases, settings, means and the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from align4d_lab.tables.report import write_json

from align4d.motion.triangles import mesh_edges
from benchmarks.quality import motion
from support.console import ScriptError


def test_cases_are_folders_with_a_truth(tmp_path: Path) -> None:
    for name in ("b", "a", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "truth.npz").touch()
    (tmp_path / "b" / "truth.npz").touch()
    assert [case.name for case in motion.find_cases(tmp_path, None)] == ["a", "b"]
    assert [case.name for case in motion.find_cases(tmp_path, ["b"])] == ["b"]
    with pytest.raises(ScriptError, match="no case called c"):
        motion.find_cases(tmp_path, ["c"])


def test_overrides_are_json_where_they_can_be() -> None:
    assert motion.overrides(["a.b=3", "c=true", "d=word"]) == {"a.b": 3, "c": True, "d": "word"}
    with pytest.raises(ScriptError, match="KEY=VALUE"):
        motion.overrides(["a"])


def test_a_mean_is_over_what_was_measured() -> None:
    cases = [{"x": 1.0, "y": float("nan"), "notes": []}, {"x": 3.0, "y": 2.0}, {"error": "no"}]
    assert motion.mean(cases) == {"x": 2.0, "y": 2.0}


def test_the_report_is_plain_json(tmp_path: Path) -> None:
    write_json(tmp_path / "figures.json", {"cases": {"a": {"x": float("nan"), "y": 1.0}}, "mean": {}})
    assert json.loads((tmp_path / "figures.json").read_text()) == {"cases": {"a": {"x": None, "y": 1.0}}, "mean": {}}


def test_edges_of_two_triangles() -> None:
    assert mesh_edges(np.array([[0, 1, 2], [2, 1, 3]])).tolist() == [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]]
