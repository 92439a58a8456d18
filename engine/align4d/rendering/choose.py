"""Which backend `auto` stands for on this machine, and why.

On a CUDA GPU each candidate is tried in a process of its own, so that one that crashes or hangs takes nothing with it;
the answer is kept in the cache folder for as long as the environment stays the same.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch

from ..child import run_module
from ..kernels.folder import kernel_folder
from ..kernels.gpu import trust
from .backends import NAMES

CUDA_CANDIDATES = {"triton": 180, "gsplat": 900}
"""Backends for CUDA, the faster first (docs/developers/performance.md), and the seconds that each may take: gsplat compiles at first use."""

REMEDIES = {
    "triton": "install Triton into the engine's environment (pip install triton; on Windows triton-windows)",
    "gsplat": "install gsplat and a CUDA toolkit with nvcc of torch's CUDA version",
}

FORCE = "ALIGN4D_RENDERER"
"""Environment variable that overrides the choice: the name of a backend. One for CUDA counts for tensors on a CUDA device alone."""


@dataclass(frozen=True)
class Choice:
    """The backend in use, and one plain sentence that says which, why not a faster one, and what would change that."""

    backend: str
    sentence: str


def choose(device: torch.device | str) -> Choice:
    """The backend for tensors on `device`; the first call for a CUDA device may take minutes, later ones nothing."""
    found = _choose(torch.device(device).type, os.environ.get(FORCE, ""))
    if found.backend == "triton":
        trust()
    return found


def resolved(backend: str, device: torch.device) -> str:
    """The name of the backend that a setting stands for on a device."""
    return choose(device).backend if backend == "auto" else backend


@functools.cache
def _choose(kind: str, forced: str) -> Choice:
    if forced in NAMES and (kind == "cuda" or forced not in CUDA_CANDIDATES):
        return Choice(forced, f"Rendering uses the backend {forced}, because {FORCE} says so.")
    if kind != "cuda":
        sentence = f"Rendering runs on the processor ({torch.get_num_threads()} threads); an NVIDIA GPU and torch for CUDA would be faster."
        return Choice("cpu", sentence)
    name = torch.cuda.get_device_name()
    failures: dict[str, str] = {}
    for candidate, seconds in CUDA_CANDIDATES.items():
        failure = _remembered_probe(candidate, seconds)
        if not failure:
            slower = "".join(f"; {other} cannot be used ({why}): to change that, {REMEDIES[other]}" for other, why in failures.items())
            return Choice(candidate, f"Rendering runs on the {name} through {candidate}{slower or ', the fastest there is'}.")
        failures[candidate] = failure
    reasons = "; ".join(f"{other} cannot be used ({why}): {REMEDIES[other]}" for other, why in failures.items())
    return Choice("cpu", f"Rendering runs on the processor and not on the {name}: {reasons}.")


def _remembered_probe(backend: str, seconds: int) -> str:
    """What is wrong with a backend on this machine, "" where nothing; tried at most once in an environment."""
    file = kernel_folder() / "renderer.json"
    key = f"{_environment()} {backend}"
    known = _read(file)
    if key not in known:
        known[key] = probe(backend, seconds)
        _write(file, known)
    return known[key]


def probe(backend: str, seconds: int) -> str:
    """Renders with a backend in a process of its own; what is wrong with it in a few words, "" where nothing is."""
    try:
        done = run_module("align4d.rendering.probe", backend, seconds=seconds)
    except subprocess.TimeoutExpired:
        return f"no answer within {seconds} s"
    if done.returncode == 0:
        return ""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return lines[-1][:200] if lines else f"its process ended with code {done.returncode}"


def _environment() -> str:
    """Changes with everything that a backend's working depends on."""
    versions = [f"{package} {_version(package)}" for package in ("triton", "triton-windows", "gsplat")]
    return "; ".join([sys.executable, f"torch {torch.__version__}", torch.cuda.get_device_name(), *versions])


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def _read(file: Path) -> dict[str, str]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in content.items()} if isinstance(content, dict) else {}


def _write(file: Path, content: dict[str, str]) -> None:
    """Whole or not at all; what cannot be kept is found out again next time."""
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, suffix=".part", delete=False) as part:
            json.dump(content, part, indent=1)
        os.replace(part.name, file)
    except OSError:
        return
