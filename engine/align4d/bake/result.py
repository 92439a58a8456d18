"""What a finished job leaves: a PC2 file per object in the artist's own space, then result.json."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from ..errors import EngineError, writing
from ..inputs.asset import Asset, AssetObject
from ..protocol import GENERATED, CameraResult, ObjectResult, ObjectSpec, Result, replacing, write_json, write_pc2
from .gltf import write_gltf

CHUNK = 2_000_000
"""Points turned back at a time, so that their copies in float64 stay small."""


def write_result(
    folder: Path,
    job: str,
    asset: Asset,
    positions: np.ndarray,
    fps: float,
    camera: CameraResult,
    *,
    notes: tuple[str, ...] = (),
    seconds: dict[str, float] | None = None,
    figures: dict[str, float] | None = None,
    curves: dict[str, dict[str, list[float]]] | None = None,
    gaussians: tuple[str, ...] = (),
    generated: ObjectSpec | None = None,
    skipped: int = 0,
    pace: float = 1.0,
    poses: str = "",
) -> Result:
    """Writes output/motion_000.pc2, ... and, last, output/result.json; each whole or not at all.

    Args:
        positions: (T, B, 3) of `Asset.bake_points`, normalized space.
        camera: in world space, as the result has it.
        gaussians: folder of each object's Gaussians, where there are any.
        generated: the one object of a job whose mesh the engine made; it is written as a glTF as well.
        skipped: frames of the video before the motion's first.
        pace: frames of the video that a frame of the motion lasts, see `Result`.
        poses: file of the poses, where the motion has parts.

    Raises:
        EngineError: "motion_invalid" for positions that are no numbers, "disk_full", "cannot_write".
    """
    if positions.ndim != 3 or positions.shape[1:] != asset.bake_points.shape:
        raise ValueError(f"positions are {positions.shape}, the bake points {asset.bake_points.shape}")
    output = folder / "output"
    with writing():
        output.mkdir(parents=True, exist_ok=True)
        (output / "result.json").unlink(missing_ok=True)  # its presence means complete
        objects = []
        for number, item in enumerate(asset.objects):
            name = f"motion_{number:03}.pc2"
            motion = to_object_space(asset, item, positions)
            write_pc2(output / name, motion)
            folder_of_gaussians = gaussians[number] if gaussians else ""
            count = item.points.stop - item.points.start
            objects.append(ObjectResult(item.id, item.name, count, f"output/{name}", folder_of_gaussians))
            if generated is not None and item.id == generated.id:
                objects[-1] = _with_mesh(folder, objects[-1], generated, asset, motion, fps)
        result = Result(job, len(positions), fps, tuple(objects), camera, notes, seconds or {}, figures or {}, curves or {}, skipped, poses, pace)
        write_json(output / "result.json", result)
    return result


def _with_mesh(folder: Path, result: ObjectResult, spec: ObjectSpec, asset: Asset, motion: np.ndarray, fps: float) -> ObjectResult:
    """What Blender needs to make the object, in the output folder, because that alone is kept; and the same as one file for everybody else."""
    mesh, image, gltf = (f"output/{GENERATED}.{suffix}" for suffix in ("npz", "png", "glb"))
    for source, target in ((spec.mesh, mesh), (spec.materials[0].image, image)):
        with replacing(folder / target) as file:
            file.write((folder / source).read_bytes())
    matrix = np.array(spec.matrix_world)
    moved = motion @ matrix[:3, :3].T + matrix[:3, 3]
    write_gltf(folder / gltf, spec.name, asset.triangles, asset.corner_uv, (folder / image).read_bytes(), moved, fps)
    return dataclasses.replace(result, mesh=mesh, image=image, gltf=gltf, matrix_world=spec.matrix_world)


def to_object_space(asset: Asset, item: AssetObject, positions: np.ndarray) -> np.ndarray:
    """(T, b, 3) float32 of one object's points in its own space, from all points (T, B, 3) in normalized space.

    Raises:
        EngineError: "motion_invalid" where a position is not a number.
    """
    inverse = np.linalg.inv(item.matrix_world)
    count = item.points.stop - item.points.start
    motion = np.empty((len(positions), count, 3), np.float32)
    step = max(1, CHUNK // max(1, count))
    for start in range(0, len(positions), step):
        world = asset.similarity.invert(positions[start : start + step, item.points])
        if not np.isfinite(world).all():
            raise EngineError(
                "motion_invalid",
                f'The motion of "{item.name}" came out as no numbers.',
                "Generate again with another seed or the draft preset, and report it.",
                "use_draft",
            )
        motion[start : start + step] = world @ inverse[:3, :3].T + inverse[:3, 3]
    return motion
