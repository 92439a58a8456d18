"""Compiled kernels: never run of other sources than those that are there, shared by checkouts, removed when nobody needs them."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest

from align4d.kernels import compiled

KERNEL = """
from pathlib import Path
from align4d.kernels import njit

FACTOR = int((Path(__file__).parent / "factor.py").read_text())

@njit(cache=True)
def scaled(value):
    return value * FACTOR
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that kernels are kept in, empty."""
    monkeypatch.setenv("ALIGN4D_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "numba"


def scaled(package: Path, factor: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """What a kernel says of 10 whose factor stands in a file beside it, as in a process that has just begun; and whether it was compiled: 0 or 1."""
    package.mkdir(parents=True, exist_ok=True)
    (package / "kernel.py").write_text(KERNEL)
    (package / "factor.py").write_text(str(factor))
    compiled.folder_of.cache_clear()
    spec = importlib.util.spec_from_file_location("kernel", package / "kernel.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "kernel", module)
    spec.loader.exec_module(module)
    return module.scaled(10), sum(module.scaled.stats.cache_misses.values())


def test_a_change_beside_a_kernel_compiles_it_anew(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "one" / "package"
    assert scaled(package, 2, monkeypatch) == (20, 1)
    assert scaled(package, 2, monkeypatch) == (20, 0)
    assert scaled(package, 3, monkeypatch) == (30, 1), "numba itself looks at the kernel's own file only"


def test_checkouts_with_the_same_sources_share(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert scaled(tmp_path / "one" / "package", 2, monkeypatch) == (20, 1)
    assert scaled(tmp_path / "other" / "package", 2, monkeypatch) == (20, 0)


def test_another_library_is_another_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = compiled.state_of(tmp_path)
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "99.0" if name == "numpy" else version(name))
    assert compiled.state_of(tmp_path) != before


def test_what_nobody_needs_goes(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, young = cache / "package-old", cache / "package-young"
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "kernel.nbi").write_bytes(b"...")
    past = time.time() - 2 * compiled.UNUSED
    os.utime(old, (past, past))
    kept = compiled.folder_of(tmp_path / "package")
    assert {folder.name for folder in cache.iterdir()} == {"package-young", kept.name}
