"""Small clouds of Gaussians as files, and what they should look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np

NAMES = ("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2")
SHAPE = ("opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3")
COEFFICIENTS = (0, 9, 24, 45)
COUNT = 60


def cloud(frame: int = 0, degree: int = 0, count: int = COUNT) -> np.ndarray:
    """(N,) Gaussians with random attributes; frame by frame they move along x."""
    rng = np.random.default_rng(7)
    rest = [f"f_rest_{index}" for index in range(COEFFICIENTS[degree])]
    rows = np.zeros(count, [(name, "<f4") for name in (*NAMES, *rest, *SHAPE)])
    for name in rows.dtype.names:
        rows[name] = rng.normal(0, 0.3, count)
    for axis in range(3):
        rows[f"scale_{axis}"] = rng.uniform(-4, -2, count)
    rows["opacity"] = rng.uniform(-1, 3, count)
    rows["rot_0"] += 1
    rows["x"] += 0.25 * frame
    return rows


def write(path: Path, rows: np.ndarray, order: str = "little", extra: str = "") -> Path:
    """A binary .ply; `extra` are further lines of its header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["ply", f"format binary_{order}_endian 1.0", "comment of another program", f"element vertex {len(rows)}"]
    lines += [f"property float {name}" for name in rows.dtype.names]
    header = "\n".join([*lines, *filter(None, [extra]), "end_header\n"]).encode()
    swapped = rows.astype(rows.dtype.newbyteorder(">")) if order == "big" else rows
    path.write_bytes(header + swapped.tobytes())
    return path


def sequence(folder: Path, count: int = 4, degree: int = 0, first: int = 0) -> Path:
    """frame_0000.ply, ...; returns the first."""
    for frame in range(count):
        write(folder / f"frame_{first + frame:04d}.ply", cloud(frame, degree))
    return folder / f"frame_{first:04d}.ply"


def centers(rows: np.ndarray) -> np.ndarray:
    """(N, 3)"""
    return np.stack([rows[axis] for axis in "xyz"], 1)


def covariances(rows: np.ndarray) -> np.ndarray:
    """(N, 3, 3)"""
    q = np.stack([rows[f"rot_{i}"] for i in range(4)], 1).astype(np.float64)
    w, x, y, z = (q / np.linalg.norm(q, axis=1, keepdims=True)).T
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    ).transpose(2, 0, 1)
    half = turn * np.exp(np.stack([rows[f"scale_{i}"] for i in range(3)], 1))[:, None]
    return half @ half.transpose(0, 2, 1)


def opacities(rows: np.ndarray) -> np.ndarray:
    """(N,)"""
    return 1 / (1 + np.exp(-rows["opacity"]))
