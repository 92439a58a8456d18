"""A batch with the real engine: both motions arrive, each in the scene that it was collected from."""

from __future__ import annotations

import csv
from pathlib import Path
from types import ModuleType

import bpy


def test_a_batch_of_two(extension: ModuleType, fox: bpy.types.Object, tmp_path: Path) -> None:
    first = bpy.context.scene
    first.align4d.video = str(tmp_path / "fox.mp4")
    bpy.ops.align4d.add_to_batch()
    bpy.ops.scene.new(type="FULL_COPY")
    second = bpy.context.scene
    second.align4d.seed = 1
    other = next(item for item in second.objects if item.type == "MESH")
    assert other != fox and other.select_get()
    bpy.ops.align4d.add_to_batch()
    assert bpy.ops.align4d.submit_batch() == {"FINISHED"}
    assert [len(item.align4d.results) for item in (fox, other)] == [1, 1]
    assert {scene.name for scene in (first, second) if "Align4D Camera" in str(scene.objects.keys())} == {first.name, second.name}
    jobs = extension.align4d_blender.jobs.queue.listed
    with open(Path(jobs[0].batch, "batch.csv"), newline="") as file:
        assert [line["state"] for line in csv.DictReader(file)] == ["done", "done"]
    assert Path(jobs[0].batch, "batch.png").is_file() and all(job.stages[1] > 3 for job in jobs)
