"""Work in a Blender of its own process, with a progress bar: pressing Generate 4D, for one. Needs the engine's environment."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import rich.progress

from .blender import SCRIPTS_IN_BLENDER, Blender
from .console import ScriptError


@dataclasses.dataclass(frozen=True)
class ArtistChoices:
    """What the artist would choose; read by in_blender/generate.py.

    Attributes:
        scene: the .blend to open.
        video: the reference video.
        capture: folder that gets the meshes, colors and camera as they were captured.
        save_as: the animated .blend.
        preset, seed, device: as in the panel and the preferences.
        overrides: single settings, as JSON.
        box: around the object in the video's first frame, see `VideoSpec`; empty without.
        camera_offset: degrees by which azimuth and elevation of the scene's camera are put off first.
    """

    scene: str
    video: str
    capture: str
    save_as: str
    preset: str = "artist"
    seed: int = 0
    device: str = "auto"
    overrides: str = ""
    camera_offset: float = 0.0
    box: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True)
class Report:
    """What came of it: wall-clock from the press to the motion on the mesh [s], the job's folder, and the engine's peak memory [GB]."""

    seconds: float
    job_folder: Path
    peak_memory_gb: float


def generate(blender: Blender, user_folder: Path, order: ArtistChoices, log: Path) -> Report:
    """Runs the order; Blender's and the engine's chatter goes to `log`. Raises ScriptError with the sentence that the artist would see."""
    with tempfile.TemporaryDirectory() as folder:
        order_file = Path(folder) / "order.json"
        order_file.write_text(json.dumps(dataclasses.asdict(order)), encoding="utf-8")
        last, memory = run_with_bar(blender, user_folder, "generate.py", [order_file], log)
    return Report(last["seconds"], Path(last["job_folder"]), memory / 1e9)


def capture(blender: Blender, user_folder: Path, order: ArtistChoices, log: Path) -> None:
    """Only writes what the engine would get to `order.capture`. Raises ScriptError."""
    with tempfile.TemporaryDirectory() as folder:
        order_file = Path(folder) / "order.json"
        order_file.write_text(json.dumps(dataclasses.asdict(order)), encoding="utf-8")
        run_with_bar(blender, user_folder, "capture.py", [order_file], log)


def run_with_bar(blender: Blender, user_folder: Path, script: str, arguments: Sequence[str | Path], log: Path) -> tuple[dict[str, Any], int]:
    """Runs one of the scripts in in_blender/ with a progress bar; the chatter goes to `log`.

    Returns the script's last message, and the peak resident memory of what it started [bytes]. Raises ScriptError with the
    error in that message, or where the script ended without one.
    """
    command = blender.command(SCRIPTS_IN_BLENDER / script, arguments)
    with open(log, "w", encoding="utf-8") as chatter:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=chatter, text=True, encoding="utf-8", errors="replace", env=blender.surroundings(user_folder)
        )
        memory = _MemoryWatch(process.pid)
        try:
            last = _follow(process, chatter.write)
        finally:
            memory.stop()
            process.kill()
            process.wait()
    if "error" not in last:
        raise ScriptError(f"Blender ended without a report; {log} says why.")
    if last["error"]:
        raise ScriptError(last["error"].strip())
    return last, memory.peak


def _follow(process: subprocess.Popen[str], write: Callable[[str], Any]) -> dict[str, Any]:
    """Shows a script's messages as a progress bar until its output ends; returns the last one."""
    last: dict[str, Any] = {}
    assert process.stdout is not None
    columns = (rich.progress.TextColumn("{task.description:<24}"), rich.progress.BarColumn(40), rich.progress.TaskProgressColumn())
    with rich.progress.Progress(*columns, rich.progress.TimeElapsedColumn()) as progress:
        task = progress.add_task("Opening the scene", total=1.0)
        for line in process.stdout:
            if line.startswith("ALIGN4D "):
                last = json.loads(line[8:])
                if "stage" in last:
                    progress.update(task, description=last["stage"], completed=last["fraction"])
            else:
                write(line)
        if last.get("error") == "":
            progress.update(task, description="Done", completed=1.0)
    process.wait()
    return last


class _MemoryWatch:
    """Samples the resident memory of all descendants of a process (the engine and what it starts), without that process itself."""

    def __init__(self, process: int) -> None:
        self.peak = 0
        self._process = psutil.Process(process)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(0.1):
            try:
                descendants = self._process.children(recursive=True)
            except psutil.Error:
                return
            total = 0
            for descendant in descendants:
                try:
                    total += descendant.memory_info().rss
                except psutil.Error:
                    continue
            self.peak = max(self.peak, total)
