"""`align4d match`: how much of a clip's first frame a mesh explains as it stands, for other programs."""

from __future__ import annotations

import argparse
import dataclasses
import json

import numpy as np
from PIL import Image

from ..errors import as_engine_error
from ..inputs.first_frame_match import first_frame_match, overlay, silhouette_of
from ..inputs.masks import find_masks
from ..inputs.video import load_clip
from ..protocol import replacing
from .check import clip_spec

SIDE = 320
"""Longest side that the clip is read with [px]."""


def run(options: argparse.Namespace) -> int:
    """Prints the agreement as one line of JSON, and writes the picture of it; 0 where both could be seen."""
    try:
        clip = load_clip(clip_spec(options), SIDE)
        with np.load(options.mesh, allow_pickle=False) as file:
            silhouette = silhouette_of(clip, file["vertices"], file["triangles"], file["matrix_world"], float(file["fovy"]))
        found = first_frame_match(find_masks(clip), silhouette)
        with replacing(options.out) as out:
            Image.fromarray(overlay(clip, silhouette)).save(out, "PNG")
    except Exception as error:
        print(json.dumps({"event": "failed", **as_engine_error(error).as_dict()}))
        return 1
    print(json.dumps(dataclasses.asdict(found)))
    return 0
