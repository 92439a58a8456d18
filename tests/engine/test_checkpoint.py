"""Checkpoints come back as they were, and are whole or not there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from align4d.errors import EngineError
from align4d.job.checkpoint import Checkpoint

ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(1.5), "empty": np.zeros((0, 3))}


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "deep" / "work")
    assert checkpoint.load("tracking") is None
    checkpoint.save("tracking", ARRAYS)
    again = Checkpoint(tmp_path / "deep" / "work").load("tracking")
    assert again is not None and set(again) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(again[name], array)
        assert again[name].dtype == array.dtype and again[name].shape == array.shape
    assert checkpoint.load("camera") is None


def test_a_new_one_takes_the_place_of_the_old(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save("tracking", ARRAYS)
    checkpoint.save("tracking", {"a": np.ones(1)})
    again = checkpoint.load("tracking")
    assert again is not None and list(again) == ["a"] and again["a"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["tracking.npz"]


def test_a_full_disk_leaves_the_old_one_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save("tracking", ARRAYS)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EngineError) as caught:
        checkpoint.save("tracking", {"a": np.ones(1)})
    assert caught.value.code == "disk_full"
    again = checkpoint.load("tracking")
    assert again is not None and set(again) == set(ARRAYS)
    assert [path.name for path in tmp_path.iterdir()] == ["tracking.npz"]


def test_pickles_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "tracking.npz", a=np.array([{"not": "an array"}], dtype=object))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="pickle"):
        Checkpoint(tmp_path).load("tracking")
