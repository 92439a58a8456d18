"""`align4d doctor`: what works on this machine; each line is ok, or says what to do."""

from __future__ import annotations

import dataclasses
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape

LEAST_FREE = 2e9
"""Bytes on disk that a job of 200k vertices and 300 frames needs, with its checkpoint and some room."""


class CheckFailed(Exception):
    """Something that does not work; the text says what to do, `fix` names the button that does it: one of `protocol.FIXES`, or ""."""

    def __init__(self, text: str, fix: str = "") -> None:
        super().__init__(text)
        self.fix = fix


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, whether it works, whether every job needs it, and `fix` as in `CheckFailed`."""

    name: str
    works: bool
    needed: bool
    text: str
    fix: str = ""


def examine(folder: Path) -> list[Finding]:
    """Looks at everything; `folder` is where jobs would be written."""
    findings = []
    for name, check, needed in _checks(folder):
        try:
            findings.append(Finding(name, True, needed, check()))
        except CheckFailed as failure:
            findings.append(Finding(name, False, needed, str(failure), failure.fix))
        except Exception as error:
            findings.append(Finding(name, False, needed, f"{type(error).__name__}: {error}. Install the engine again.", "repair_engine"))
    return findings


def report(console: Console, folder: Path) -> bool:
    """Prints one line a check; whether everything that a job needs works."""
    findings = examine(folder)
    for one in findings:
        mark = "[green]ok[/green]" if one.works else "[red]no[/red]" if one.needed else "[yellow]--[/yellow]"
        console.print(f"{mark}  {one.name}: {escape(one.text)}")
    return healthy(findings)


def healthy(findings: list[Finding]) -> bool:
    """Whether everything that a job needs works."""
    return all(one.works or not one.needed for one in findings)


def _checks(folder: Path) -> list[tuple[str, Callable[[], str], bool]]:
    """Name, check, and whether every job needs it."""
    return [
        ("device", _device, True),
        ("rasterizer", _rasterizer, True),
        ("video", _video, True),
        ("masks", _masks, False),
        ("prior", _prior, False),
        ("disk", lambda: _disk(folder), True),
    ]


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()} (torch {torch.__version__})"
    return f"CPU, {torch.get_num_threads()} threads (torch {torch.__version__}); no NVIDIA GPU found"


def _rasterizer() -> str:
    import torch

    from ..rendering.choose import choose
    from .warm_up import render_probe

    alpha = render_probe()
    if not 0.2 < alpha < 0.8:
        raise CheckFailed(f"a half transparent Gaussian renders with alpha {alpha:.2f}. Install the engine again.", "repair_engine")
    return choose("cuda" if torch.cuda.is_available() else "cpu").sentence


def _video() -> str:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as movie:
        stream = movie.add_stream("mpeg4", rate=24)
        stream.width = stream.height = 64
        for level in (50, 200):
            movie.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), level, np.uint8), format="rgb24")))
        movie.mux(stream.encode())
    file.seek(0)
    with av.open(file, "r") as written:
        frames = list(written.decode(video=0))
    if len(frames) != 2:
        raise CheckFailed("a movie that was just written cannot be read back. Install the engine again.", "repair_engine")
    alpha = "with alpha in WebM" if "libvpx-vp9" in av.codecs_available else "without alpha in WebM"
    return f"PyAV {av.__version__}, {alpha}"


def _masks() -> str:
    from ..inputs.foreground_model import find_model, installed
    from ..models.mask_models import ISNET

    basis = "videos with alpha or a plain background work; for others"
    if not installed():
        raise CheckFailed(f"{basis}, install what cuts objects out.", "install_masks")
    found = find_model()
    if found is None:
        raise CheckFailed(f"{basis}, fetch {ISNET.card.name}.", f"fetch_model:{ISNET.card.id}")
    return f"alpha, plain background, any other by {found[0].card.name}"


def _prior() -> str:
    from ..priors.embedded import load_embedded_prior

    load_embedded_prior("cpu")
    return "the built-in one; Quality: Paper uses it"


def _disk(folder: Path) -> str:
    existing = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < LEAST_FREE:
        raise CheckFailed(
            f"{free / 1e9:.1f} GB free on {existing}. Free {LEAST_FREE / 1e9:.0f} GB, or choose another folder for results.", "show_jobs"
        )
    return f"{free / 1e9:.0f} GB free on {existing}"
