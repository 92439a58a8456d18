"""The whole product on one example: sets up, installs the extension into a Blender of its own, animates the Fox, and renders a movie.

python scripts/demo.py [--blender PATH] [--out DIR]
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from support import blender, console, environments, extension, folders

EXAMPLE = environments.ROOT / "examples" / "fox.blend"
VIDEO = environments.ROOT / "examples" / "fox.mp4"
SIZE = 384
"""Side of a rendered picture [px]."""


def main() -> int:
    parser = argparse.ArgumentParser(description=console.headline(__doc__))
    parser.add_argument("--blender", metavar="PATH", help="an installed Blender instead of PyPI's bpy")
    parser.add_argument("--preset", default="artist", help="quality preset: artist or draft")
    parser.add_argument("--out", type=Path, default=environments.ROOT / "out" / "demo", help="where the results go")
    arguments = parser.parse_args()
    environments.enter_engine()
    out = arguments.out.resolve()
    chosen = blender.chosen(arguments.blender)
    user_folder = extension.installed(chosen, environments.ready(environments.engine_environment()))
    folders.fresh(out)
    animate(chosen, user_folder, out, arguments.preset)
    render(chosen, user_folder, out)
    console.say(f"The animated scene: {out / 'fox_animated.blend'}")
    console.say(f"The movie (video | result by the solved camera | result from another side): {out / 'fox.mp4'}")
    return 0


def animate(chosen: blender.Blender, user_folder: Path, out: Path, preset: str) -> None:
    """Opens a copy of the example, presses Generate 4D, saves."""
    from support.generation import ArtistChoices, generate

    scene = shutil.copy(EXAMPLE, out / "fox.blend")
    order = ArtistChoices(str(scene), str(VIDEO), str(out / "capture"), str(out / "fox_animated.blend"), preset)
    report = generate(chosen, user_folder, order, out / "generate.log")
    console.say(f"Animated in {report.seconds:.0f} s; the engine's peak memory was {report.peak_memory_gb:.1f} GB.")


def render(chosen: blender.Blender, user_folder: Path, out: Path) -> None:
    """Renders both views, and puts them beside the video: as a movie, and four frames as a picture."""
    import numpy as np
    from PIL import Image

    from align4d.inputs.video import load_clip
    from align4d.protocol import VideoSpec
    from support.generation import run_with_bar
    from support.movies import in_square, on_white, sheet, write_movie

    pictures = out / "pictures"
    run_with_bar(chosen, user_folder, "render_views.py", [out / "fox_animated.blend", pictures, str(SIZE)], out / "render.log")
    clip = load_clip(VideoSpec(path=str(VIDEO)))
    views = [sorted((pictures / name).glob("*.png")) for name in ("solved", "side")]
    rows = [
        np.concatenate([in_square(frame, SIZE), on_white(solved), on_white(side)], axis=1)
        for frame, solved, side in zip(clip.frames, *views, strict=True)
    ]
    write_movie(out / "fox.mp4", rows, clip.fps)
    Image.fromarray(sheet(rows)).save(out / "fox.png")


if __name__ == "__main__":
    console.exit_with(main)
