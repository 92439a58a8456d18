"""Renders a .ply of Gaussians with the engine's own rasterizer, on white; runs in the engine's environment.

Arguments: the .ply, a .json with the object's matrix, the camera (4x4, world to camera, OpenCV axes), intrinsics and size, and the .npy to write.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

from align4d.bake.gaussians import transformed
from align4d.protocol.ply import HARMONIC, PROPERTIES
from align4d.rendering import Cameras, Gaussians, rasterize


def main(ply: Path, scene: Path, out: Path) -> None:
    rows = np.frombuffer(ply.read_bytes().partition(b"end_header\n")[2], "<f4").reshape(-1, len(PROPERTIES)).astype(np.float64)
    view = json.loads(scene.read_text())
    matrix = np.array(view["matrix"])
    rotations, scales = transformed(matrix[:3, :3], rows[:, 13:], np.exp(rows[:, 10:13]))
    centers = rows[:, :3] @ matrix[:3, :3].T + matrix[:3, 3]
    arrays = (centers, rotations, scales, 1 / (1 + np.exp(-rows[:, 9])), 0.5 + HARMONIC * rows[:, 6:9])
    gaussians = Gaussians(*(torch.from_numpy(array).float() for array in arrays))
    cameras = Cameras(*(torch.tensor(view[name], dtype=torch.float32)[None] for name in ("camera", "intrinsics")))
    picture = rasterize(gaussians, cameras, (view["size"], view["size"]), backend="cpu").color[0]
    np.save(out, picture.permute(1, 2, 0).clamp(0, 1).numpy())


if __name__ == "__main__":
    main(*(Path(word) for word in sys.argv[1:]))
