"""Every reader of other people's files, on a few dozen seeded damaged ones: read, or a sentence; nothing else, and nothing outside."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import align4d
from align4d.errors import EngineError
from align4d.kernels.folder import kernel_folder
from benchmarks.robustness.fuzzing.targets import TARGETS, Target
from benchmarks.robustness.fuzzing.trial import Watch, attempt, make_sound

FILES = 30
"""Damaged ones of each reader; `scripts/bench.py fuzz` reads thousands."""

ROOT = Path(align4d.__file__).parents[2]


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Watch:
    places = (sys.prefix, sys.base_prefix, ROOT, kernel_folder(), tmp_path_factory.getbasetemp(), "/proc", "/sys", "/usr")
    return Watch(tuple(map(Path, places)))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_damaged_files_are_read_or_refused_in_words(target: Target, tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_CACHE", "ALIGN4D_MODELS"):
        monkeypatch.setenv(name, str(tmp_path / name))
    sound = tmp_path / "sound"
    sound.mkdir()
    names = make_sound(target, sound)
    for name in names:
        assert attempt(target, sound, [name], None, tmp_path / "trial", watch).kind == "read"
    outcomes = [attempt(target, sound, names, number, tmp_path / "trial", watch) for number in range(FILES)]
    assert not [outcome for outcome in outcomes if outcome.kind == "crash" or outcome.steps]


def careless(folder: Path, path: Path) -> None:
    np.load(path)["values"].sum()
    (folder.parent / "outside").write_text("written")


def rude(folder: Path, path: Path) -> None:
    raise EngineError("rude", "No.", "")


def make_array(folder: Path) -> None:
    np.savez(folder / "array.npz", values=np.zeros(4))


def test_the_fuzzer_notices_what_goes_wrong(tmp_path: Path, watch: Watch) -> None:
    target = Target("careless", make_array, careless)
    sound = tmp_path / "sound"
    sound.mkdir()
    names = make_sound(target, sound)
    outcomes = [attempt(target, sound, names, number, tmp_path / "trial", watch) for number in range(40)]
    assert {outcome.kind for outcome in outcomes} == {"read", "crash"}
    assert all("outside" in outcome.steps[0] for outcome in outcomes if outcome.kind == "read")
    assert attempt(Target("rude", make_array, rude), sound, names, None, tmp_path / "trial", watch).kind == "crash"


def test_the_same_number_is_the_same_damage(tmp_path: Path, watch: Watch) -> None:
    seen: list[bytes] = []
    target = Target("same", make_array, lambda folder, path: seen.append(path.read_bytes()))
    sound = tmp_path / "sound"
    sound.mkdir()
    names = make_sound(target, sound)
    for number in (3, 3, 4):
        attempt(target, sound, names, number, tmp_path / "trial", watch)
    assert seen[0] == seen[1] != seen[2]
