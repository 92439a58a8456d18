"""The endurance benchmark notices what it is there to notice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from align4d import protocol
from benchmarks.robustness import endurance


def test_half_written_files_with_the_name_of_a_whole_one_are_counted(tmp_path: Path) -> None:
    for name in ("work", "output"):
        (tmp_path / name).mkdir()
    protocol.write_arrays(tmp_path / "work" / "tracking.npz", {"turn": np.zeros((3, 4))})
    protocol.write_pc2(tmp_path / "output" / "motion_000.pc2", np.zeros((2, 5, 3), np.float32))
    assert endurance.broken_files(tmp_path) == 0
    for name in ("work/tracking.npz", "output/motion_000.pc2"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    (tmp_path / "output" / "result.json").write_text('{"protocol": 1, "job"')
    assert endurance.broken_files(tmp_path) == 3


def test_a_process_that_stays_is_an_orphan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endurance, "PATIENCE", 0.3)
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        assert not endurance.gone(process.pid)
    finally:
        process.kill()
    assert endurance.gone(process.pid), "a zombie is no orphan"
    process.wait()
    assert endurance.gone(0)
