"""A GPU's kernels do what the tensors do that they stand for."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_recorded_steps import needs_cuda

HERE = Path(__file__).parent
CHECKS = HERE / "gpu_kernels.py"


@pytest.mark.skipif(importlib.util.find_spec("triton") is None or torch.cuda.is_available(), reason="Triton is not installed, or a GPU is there")
def test_the_kernels_are_the_tensors_in_the_interpreter(tmp_path: Path) -> None:
    run(tmp_path, "cpu", {"TRITON_INTERPRET": "1"})


@needs_cuda
def test_the_kernels_are_the_tensors(tmp_path: Path) -> None:
    run(tmp_path, "cuda", {})


def run(folder: Path, device: str, more: dict[str, str]) -> None:
    paths = os.pathsep.join(filter(None, (str(HERE.parents[1] / "engine"), str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", ""))))
    environment = {**os.environ, "PYTHONPATH": paths, **more}
    done = subprocess.run([sys.executable, str(CHECKS), str(folder), device], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
