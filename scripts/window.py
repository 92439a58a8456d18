"""The extension in a real window, with a real mouse: installs the zip, animates the Fox, and keeps pictures of every step.

    python scripts/window.py --runner ../shared/tools/windowed-blender --out OUT [--preset artist]

The runner starts a windowed Blender with an extension and a script in it: `RUNNER --mount DIR --extension ZIP --seconds N SCRIPT -- ARGS`.
It needs X, xdotool and ImageMagick's `import` inside. Ends with code 1 where a step is in vain.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from support import blender, console, environments, extension, folders

SCRIPTS = environments.ROOT / "scripts" / "in_window"
QUICK = {
    "gaussians.count": 2000,
    "gaussians.fit_iterations": 20,
    "pose.iterations": 10,
    "tracking.iterations": 60,
    "refinement.iterations": 10,
}
"""Settings of a job that is over soon."""


PICTURES = {
    "panel_first_run": ("window_first_run", (1036, 82, 1322, 306), 286),
    "panel_missing": ("window_what_is_missing", (1036, 82, 1322, 458), 286),
    "panel_ready": ("window_ready", (1036, 82, 1322, 422), 286),
    "panel_first_frame": ("window_first_frame", (1036, 82, 1322, 590), 286),
    "panel_running": ("window_running", (1036, 366, 1322, 640), 286),
    "panel_cancelled": ("window_cancelled", (1036, 366, 1322, 504), 286),
    "panel_result": ("window_done", (1036, 366, 1322, 812), 286),
    "through_camera": ("window_through_camera", (0, 28, 1322, 812), 800),
    "side_by_side": ("window_side_by_side", (0, 28, 1322, 812), 800),
    "preferences": ("window_preferences", (180, 312, 1316, 756), 800),
    "drop": ("window_drop", (0, 28, 1322, 812), 800),
    "search": ("window_search", (0, 28, 1322, 812), 800),
    "pose_by_hand": ("window_pose_by_hand", (0, 28, 1322, 812), 800),
    "all_side_by_side": ("window_all_side_by_side", (340, 220, 1322, 812), 800),
    "doubt": ("window_doubt", (0, 28, 1322, 880), 800),
}
"""Picture of the manual -> the window's picture, the part of it [px], and its width in the manual [px]."""


def main() -> int:
    parser = argparse.ArgumentParser(description=console.headline(__doc__))
    parser.add_argument("--runner", type=Path, required=True, help="program that runs a script in a windowed Blender")
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures and report.json")
    parser.add_argument("--preset", default="draft", help="draft (with settings that are over soon) or artist (as an artist would, minutes)")
    parser.add_argument("--only", default="", choices=["", "keys", "hand"], help="a motion, and only this of what is done with it")
    parser.add_argument("--docs", action="store_true", help="also puts the pictures into docs/images")
    arguments = parser.parse_args()
    environments.enter_engine()
    engine = environments.ready(environments.engine_environment())
    out = folders.fresh(arguments.out.resolve())
    zip_file = extension.build(blender.from_pypi(), out / "align4d.zip")
    order = out / "order.json"
    order.write_text(json.dumps(order_for(out, engine, arguments.preset, arguments.only)), encoding="utf-8")
    mounts = [out.parent, engine.parents[1], Path(sys.base_prefix)]
    words = [word for mount in mounts for word in ("--mount", str(mount))]
    command = [arguments.runner.resolve(), *words, "--extension", zip_file, "--seconds", "1800", SCRIPTS / "artist.py", "--", order]
    with open(out / "blender.log", "w", encoding="utf-8") as log:
        subprocess.run([str(word) for word in command], stdout=log, stderr=subprocess.STDOUT)
    if not (out / "report.json").exists():
        raise console.ScriptError(f"A step was in vain; {out / 'blender.log'} says which, the pictures show how far it came.")
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    console.say(json.dumps(report, indent=1))
    if arguments.docs:
        write_docs(out)
    return 0


def write_docs(out: Path) -> None:
    """Cuts the pictures of the manual out of those of the window."""
    from PIL import Image

    for name, (source, box, width) in PICTURES.items():
        if not (out / f"{source}.png").is_file():  # not of the part that was asked for
            continue
        with Image.open(out / f"{source}.png") as picture:
            part = picture.convert("RGB").crop(box)
            height = round(part.height * width / part.width)
            part.resize((width, height), Image.Resampling.LANCZOS).save(environments.ROOT / "docs" / "images" / f"{name}.png", optimize=True)


def order_for(out: Path, engine: Path, preset: str, only: str) -> dict[str, object]:
    """What the artist finds: a copy of the example, its video, an engine."""
    for name in ("fox.blend", "fox.mp4"):
        shutil.copy(environments.ROOT / "examples" / name, out / name)
    python = out / "engine" / "python"  # a short path, because the pictures show it
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{engine}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    shutil.copytree(SCRIPTS, out / "in_window", ignore=shutil.ignore_patterns("__pycache__"))
    quick = preset == "draft"
    return {
        "scene": str(out / "fox.blend"),
        "video": "//fox.mp4",
        "out": str(out),
        "library": str(out / "in_window"),
        "cores": os.cpu_count() or 1,
        "engine_python": str(python),
        "preset": preset,
        "only": only,
        "last": 24,
        "overrides": json.dumps(QUICK) if quick else "",
    }


if __name__ == "__main__":
    console.exit_with(main)
