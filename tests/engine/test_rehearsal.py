"""The rehearsal compiles every kernel, so that the first job compiles none."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from numba.core.registry import CPUDispatcher

from align4d.kernels import compiled
from align4d.pipeline import rehearsal


def test_every_kernel_that_is_kept_has_run() -> None:
    rehearsal.rehearse("cpu")
    kernels = [one for one in gc.get_objects() if issubclass(type(one), CPUDispatcher) and one.__module__.startswith("align4d.")]
    kept = [one for one in kernels if one.targetoptions.get("nogil") and not one.targetoptions.get("forceinline")]
    assert len(kept) > 8
    assert [one.__name__ for one in kept if not one.signatures] == []
    assert rehearsal.is_compiled()


def test_it_is_not_said_to_be_compiled_where_nothing_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIGN4D_CACHE", str(tmp_path))
    compiled.folder_of.cache_clear()
    assert not rehearsal.is_compiled()
    compiled.folder_of.cache_clear()
