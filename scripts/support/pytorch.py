"""Which build of torch this machine gets, and from where."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
import urllib.request

from .console import say

_INDEX = "https://download.pytorch.org/whl/"


@functools.cache
def has_nvidia_gpu() -> bool:
    """Whether NVIDIA's driver lists a GPU."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    listing = subprocess.run([tool, "-L"], capture_output=True, text=True)
    return listing.returncode == 0 and "GPU" in listing.stdout


def wanted_build() -> str:
    """The build that fits this machine: "cpu", "cu130" (CUDA 13), or "default" where PyPI's own build is the one wanted.

    PyPI's torch is the CUDA build on Linux (several GB), and the CPU build (on macOS with Metal) elsewhere.
    """
    if sys.platform == "linux":
        return "default" if has_nvidia_gpu() else "cpu"
    return "cu130" if sys.platform == "win32" and has_nvidia_gpu() else "default"


def index_arguments(build: str) -> tuple[str, ...]:
    """pip's arguments for a build. Where PyTorch's own index does not answer, pip's configured sources have to do, and that is said."""
    if build in ("", "default"):
        return ()
    try:
        with urllib.request.urlopen(f"{_INDEX}{build}/torch/", timeout=8):
            return ("--extra-index-url", _INDEX + build)
    except OSError as error:
        say(f"PyTorch's index of {build} builds cannot be reached ({error}).")
        say("torch is taken from pip's own sources, whose build for Linux may be several GB.")
        return ()
