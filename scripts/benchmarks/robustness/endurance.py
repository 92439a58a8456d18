"""Endurance: the engine and Blender are killed at random instants of a real job; every job has to go on and end with the same motion."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from align4d import protocol
from support import blender, environments, extension, folders
from support.blender import SCRIPTS_IN_BLENDER, Blender
from support.console import ScriptError, say
from support.generation import ArtistChoices, capture

SMALL = {
    "video_side": 128,
    "gaussians.count": 1000,
    "gaussians.fit_iterations": 10,
    "gaussians.fit_views": 4,
    "gaussians.fit_size": 64,
    "pose.resolution": 64,
    "pose.candidates": 1,
    "pose.iterations": 6,
    "tracking.resolution": 64,
    "tracking.iterations": 12,
    "refinement.resolution": 64,
    "refinement.iterations": 6,
}
"""Settings of a job of the real engine that takes seconds."""

LATER = 0.2
"""Seconds within which a kill comes after the event that it waits for."""

PATIENCE = 60.0
"""Seconds within which an engine whose Blender was killed has to be gone."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json and the jobs")
    parser.add_argument("--engine-kills", type=int, default=20)
    parser.add_argument("--blender-kills", type=int, default=5)
    parser.add_argument("--blender", metavar="PATH", help="an installed Blender instead of PyPI's bpy")
    parser.add_argument("--seed", type=int, default=0, help="of the instants")


def run(arguments: argparse.Namespace) -> int:
    """Kills, resumes, compares; ends with code 1 where anything was lost."""
    out = folders.fresh(arguments.out.resolve())
    chosen = blender.chosen(arguments.blender)
    user_folder = extension.installed(chosen, environments.ready(environments.engine_environment()))
    chance = random.Random(arguments.seed)
    figures = {
        "engine": kill_engines(chosen, user_folder, out / "engine", arguments.engine_kills, chance),
        "blender": kill_blenders(chosen, user_folder, out / "blender", arguments.blender_kills, chance),
    }
    with protocol.replacing(out / "figures.json", "w") as file:
        json.dump(figures, file, indent=1)
    lost = 0
    for name, found in figures.items():
        say(f"{name}: killed {found['kills']} times, {found['in time']} of them before the end; {found['same']} ended with the same motion, ")
        say(f"  {found['orphans']} processes and {found['rests']} half-written files left behind, {found['broken']} files broken")
        lost += found["kills"] - found["same"] + found["orphans"] + found["rests"] + found["broken"]
    return int(lost > 0)


def order_for(folder: Path) -> ArtistChoices:
    """The example with the small settings, in a folder of its own."""
    folder.mkdir(parents=True)
    for name in ("fox.blend", "fox.mp4"):
        shutil.copy(environments.ROOT / "examples" / name, folder / name)
    scene, video = str(folder / "fox.blend"), str(folder / "fox.mp4")
    return ArtistChoices(scene, video, str(folder / "job"), scene, "draft", 0, "cpu", json.dumps(SMALL))


# -- the engine ---------------------------------------------------------------------------------------------------


def kill_engines(chosen: Blender, user_folder: Path, out: Path, kills: int, chance: random.Random) -> dict[str, Any]:
    """Kills the engine `kills` times at random instants between its start and the end of the job."""
    order = order_for(out)
    capture(chosen, user_folder, order, out / "capture.log")
    source = out / "job"
    request = protocol.read_request(source)
    protocol.write_json(source / "request.json", dataclasses.replace(request, preset="draft", settings=SMALL, device="cpu"))
    undisturbed = shutil.copytree(source, out / "undisturbed")
    events = finish(start_engine(undisturbed))
    wanted = motion_of(undisturbed)
    figures = {"kills": kills, "in time": 0, "same": 0, "orphans": 0, "rests": 0, "broken": 0}
    for number in range(kills):
        folder = shutil.copytree(source, out / f"kill_{number:02}")
        process = start_engine(folder)
        listen(process, chance.randrange(events))
        time.sleep(chance.uniform(0, LATER))
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        figures["in time"] += not (folder / "output" / "result.json").exists()
        process.kill()
        process.wait()
        figures["broken"] += broken_files(folder)
        finish(start_engine(folder))
        figures["orphans"] += sum(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family[1:])
        figures["same"] += motion_of(folder) == wanted
        figures["rests"] += len(list(folder.rglob("*.part")))
        say(f"engine {number + 1} of {kills}: {'same' if motion_of(folder) == wanted else 'DIFFERENT'}")
    return figures


def start_engine(folder: Path) -> subprocess.Popen[str]:
    """An engine that was told to do the job of this folder."""
    with open(folder / "chatter.txt", "a", encoding="utf-8") as chatter:
        process = subprocess.Popen(
            [sys.executable, "-m", "align4d.server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=chatter, text=True, encoding="utf-8"
        )
    assert process.stdin is not None
    process.stdin.write(protocol.encode({"command": "generate", "job_folder": str(folder)}))
    process.stdin.flush()
    return process


def listen(process: subprocess.Popen[str], count: int) -> None:
    """Waits for so many events of the engine: instants that are spread over the job however busy the computer is."""
    assert process.stdout is not None
    for _ in range(count):
        process.stdout.readline()


def finish(process: subprocess.Popen[str]) -> int:
    """Waits until the job is done, and lets the engine leave; the number of its events. Raises ScriptError where it fails."""
    assert process.stdin is not None and process.stdout is not None
    last: dict[str, Any] = {}
    events = 0
    while last.get("event") not in {"finished", "failed", "cancelled"}:
        line = process.stdout.readline()
        if not line:
            raise ScriptError("The engine ended by itself; chatter.txt in the job's folder says why.")
        last, events = protocol.decode(line), events + 1
    process.stdin.close()
    process.wait(PATIENCE)
    if last["event"] != "finished":
        raise ScriptError(str(last))
    return events


def motion_of(folder: Path) -> str:
    """Fingerprint of a job's motion."""
    return hashlib.sha256((folder / "output" / "motion_000.pc2").read_bytes()).hexdigest()


def broken_files(folder: Path) -> int:
    """How many of a killed job's files are not whole, although they have the name of a whole one."""
    broken = 0
    for path in [*folder.glob("work/*.npz"), *folder.glob("output/*.pc2"), *folder.glob("output/result.json")]:
        try:
            if path.suffix == ".npz":
                protocol.read_arrays(path)
            elif path.suffix == ".pc2":
                protocol.read_pc2(path)
            else:
                protocol.read_result(folder)
        except Exception as error:
            say(f"{path} is broken: {error}")
            broken += 1
    return broken


# -- Blender ------------------------------------------------------------------------------------------------------


def kill_blenders(chosen: Blender, user_folder: Path, out: Path, kills: int, chance: random.Random) -> dict[str, Any]:
    """Kills Blender `kills` times at random instants of a job, opens the file in another one, and resumes."""
    orders = [order_for(out / f"kill_{number:02}") for number in range(kills + 1)]
    for order in orders:
        prepare(chosen, user_folder, order)
    wanted = motion_of(Path(work(chosen, user_folder, orders[0], "start")["folder"]))
    figures = {"kills": kills, "in time": 0, "same": 0, "orphans": 0, "rests": 0, "broken": 0}
    for number, order in enumerate(orders[1:]):
        engine = kill_at(chosen, user_folder, order, chance.uniform(0.0, 1.0), chance.uniform(0, LATER))
        figures["orphans"] += not gone(engine)
        (folder,) = (path.parent for path in (Path(order.scene).parent / "align4d").glob("*/record.json"))
        figures["in time"] += not (folder / "output" / "result.json").exists()
        figures["broken"] += broken_files(folder)
        work(chosen, user_folder, order, "resume")
        figures["same"] += motion_of(folder) == wanted
        figures["rests"] += len(list(folder.rglob("*.part")))
        say(f"Blender {number + 1} of {kills}: {'same' if motion_of(folder) == wanted else 'DIFFERENT'}")
    return figures


def prepare(chosen: Blender, user_folder: Path, order: ArtistChoices) -> None:
    """Saves the order's choices in its .blend, by capturing once."""
    order_file = Path(order.scene).with_suffix(".json")
    order_file.write_text(json.dumps(dataclasses.asdict(order)), encoding="utf-8")
    command = chosen.command(SCRIPTS_IN_BLENDER / "choose.py", [order_file])
    subprocess.run(command, check=True, capture_output=True, env=chosen.surroundings(user_folder))


def work(chosen: Blender, user_folder: Path, order: ArtistChoices, what: str) -> dict[str, Any]:
    """Lets a Blender do the job, or go on with it, to the end; its last message. Raises ScriptError."""
    command = chosen.command(SCRIPTS_IN_BLENDER / "endure.py", [order.scene, what])
    answer = subprocess.run(command, capture_output=True, text=True, env=chosen.surroundings(user_folder))
    last = [json.loads(line[8:]) for line in answer.stdout.splitlines() if line.startswith("ALIGN4D ")][-1:]
    if not last or last[0].get("state") != "done":
        raise ScriptError(f"Blender did not finish the job of {order.scene}:\n{answer.stdout[-2000:]}{answer.stderr[-2000:]}")
    return last[0]


def kill_at(chosen: Blender, user_folder: Path, order: ArtistChoices, fraction: float, later: float) -> int:
    """Starts the job in a Blender, and kills that once the bar has passed `fraction`, so many seconds later; the process id of its engine."""
    command = chosen.command(SCRIPTS_IN_BLENDER / "endure.py", [order.scene, "start"])
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8", env=chosen.surroundings(user_folder)
    )
    engine = 0
    for line in process.stdout or ():
        message = json.loads(line[8:]) if line.startswith("ALIGN4D ") else {}
        engine = message.get("engine", engine)
        if message.get("fraction", 0.0) > fraction:
            break
    time.sleep(later)
    process.kill()
    process.wait()
    return int(engine)


def gone(process: int) -> bool:
    """Whether a process leaves within PATIENCE."""
    end = time.monotonic() + PATIENCE
    while process and psutil.pid_exists(process) and psutil.Process(process).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
