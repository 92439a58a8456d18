"""The choice of a backend: what it says, what it remembers, where kernels are kept."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from align4d.errors import EngineError
from align4d.kernels.folder import kernel_folder
from align4d.machine.device import choose_device
from align4d.rendering import choose

module = sys.modules[choose.__module__]  # the function hides it in the package

ENGINE = str(Path(__file__).parents[2] / "engine")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """A machine that has a CUDA GPU by name; the list collects the backends that were probed, all failing but gsplat."""
    probed: list[str] = []

    def probe(backend: str, seconds: int) -> str:
        probed.append(backend)
        return "" if backend == "gsplat" else "no module named triton"

    module._choose.cache_clear()
    monkeypatch.setenv("ALIGN4D_CACHE", str(tmp_path))
    monkeypatch.delenv(module.FORCE, raising=False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "Test GPU")
    monkeypatch.setattr(module, "probe", probe)
    return probed


def test_the_device() -> None:
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    if not torch.cuda.is_available():
        with pytest.raises(EngineError) as caught:
            choose_device("cuda")
        assert caught.value.code == "no_device"


def test_processor_is_chosen_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(module.FORCE, raising=False)
    choice = choose("cpu")
    assert choice.backend == "cpu"
    assert "processor" in choice.sentence and "NVIDIA GPU" in choice.sentence


def test_backend_can_be_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(module.FORCE, "reference")
    assert choose("cpu").backend == "reference"


def test_a_forced_backend_for_cuda_draws_nothing_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(module.FORCE, "triton")
    assert choose("cpu").backend == "cpu"
    assert choose("cuda").backend == "triton"


def test_failure_is_explained_and_the_next_one_used(gpu: list[str]) -> None:
    choice = choose("cuda")
    assert choice.backend == "gsplat"
    assert gpu == ["triton", "gsplat"]
    for words in ("Test GPU", "through gsplat", "triton cannot be used (no module named triton)", "pip install triton"):
        assert words in choice.sentence


def test_choice_is_remembered_until_the_environment_changes(gpu: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    first = choose("cuda")
    module._choose.cache_clear()  # as in a new process
    assert choose("cuda") == first
    assert gpu == ["triton", "gsplat"]
    module._choose.cache_clear()
    monkeypatch.setattr(torch, "__version__", "99.0")
    choose("cuda")
    assert gpu == ["triton", "gsplat"] * 2


def test_damaged_memory_is_made_again(gpu: list[str]) -> None:
    (kernel_folder() / "renderer.json").write_text("{")
    assert choose("cuda").backend == "gsplat"
    assert gpu == ["triton", "gsplat"]


def test_processor_is_the_last_resort(gpu: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "probe", lambda backend, seconds: "broken")
    choice = choose("cuda")
    assert choice.backend == "cpu"
    assert choice.sentence.count("broken") == 2


def test_probe_passes_what_works_and_names_what_does_not() -> None:
    environment = {**os.environ, "PYTHONPATH": ENGINE}
    works = subprocess.run([sys.executable, "-m", "align4d.rendering.probe", "cpu", "cpu"], env=environment, capture_output=True, text=True)
    assert works.returncode == 0, works.stderr
    expected = "no rendering backend" if torch.cuda.is_available() else "CUDA|NVIDIA"
    assert re.search(expected, module.probe("nothing", 120))


def test_probe_gives_up_in_time() -> None:
    assert module.probe("triton", 0) == "no answer within 0 s"


def test_kernels_are_kept_by_source_and_loaded_again(tmp_path: Path) -> None:
    """A second process with the same sources finds every kernel compiled and writes none."""
    environment = {**os.environ, "PYTHONPATH": ENGINE, "NUMBA_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "align4d.rendering.probe", "cpu", "cpu"]
    written = []
    for _ in range(2):
        subprocess.run(command, env=environment, check=True)
        written.append({file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.nb*")})
    assert len(written[0]) >= 10
    assert written[0] == written[1]
    assert len(list(tmp_path.iterdir())) == 1


TRITON_CHECK = """
import interpreted_loops
import rendering_scenes as scenes
from align4d.rendering.cuda import binning
for most in (binning.MOST_LISTED, 0):  # each tile makes its list; all are sorted
    binning.MOST_LISTED = most
    for name in ("one", "none", "same_depth"):
        scenes.assert_agrees(scenes.SCENES[name](), "triton")
"""


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
def test_triton_kernels_agree_with_the_oracle_in_the_interpreter() -> None:
    paths = os.pathsep.join(filter(None, (ENGINE, str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""))))
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", TRITON_CHECK], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
