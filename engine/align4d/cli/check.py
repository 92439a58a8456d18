"""`align4d check`: what is good and bad about a clip, for a terminal and for other programs."""

from __future__ import annotations

import argparse
import dataclasses
import json

from rich.console import Console
from rich.markup import escape

from ..errors import as_engine_error
from ..inputs.clip_quality import judge_clip
from ..inputs.video import load_clip
from ..job.make import video_spec
from ..protocol import VideoSpec

SIDE = 256
"""Longest side that the clip is read with [px]."""


def run(options: argparse.Namespace, console: Console) -> int:
    """Looks at a clip; 0 where it could be read."""
    try:
        clip = load_clip(clip_spec(options), SIDE)
        findings = judge_clip(clip)
    except Exception as error:
        failure = as_engine_error(error)
        if options.json:
            print(json.dumps({"event": "failed", **failure.as_dict()}))
        else:
            console.print(f"[red]{escape(failure.message)}[/red] {escape(failure.advice)}")
        return 1
    if options.json:
        print(json.dumps({"findings": [dataclasses.asdict(one) for one in findings], "notes": list(clip.notes)}))
        return 0
    for one in findings:
        console.print(f"{'[green]good[/green]' if one.good else '[yellow]look[/yellow]'}  {escape(one.sentence)}")
    for note in clip.notes:
        console.print(f"      {escape(note)}")
    return 0


def clip_spec(options: argparse.Namespace) -> VideoSpec:
    """The clip of `arguments.add_clip`."""
    if len(options.video) == 1:
        return video_spec(options.video[0], max(options.first, 1) - 1, options.last - 1, options.fps)
    images = tuple(str(path.resolve()) for path in options.video)
    return VideoSpec(images=images, first=max(options.first, 1) - 1, last=options.last - 1, fps=options.fps or 24.0)
