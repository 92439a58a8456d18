"""A press on a mesh of 600,000 rigged faces, in a real window: how long it takes, and how long the window stands still at once."""

from __future__ import annotations

import importlib
import time
from typing import Any

import bpy
import numpy as np
from mouse import Steps, wait_until

SIDE = 776
"""Vertices of a side of the mesh, which has 600,625 faces."""

BONES = 25
PATIENCE = 300.0
_GENERATE = "bpy.ops.align4d.generate"


def press(artist: Any, extension: str) -> Steps:
    """Adds the mesh to the scene, presses Generate 4D on it, and takes both away again; the video is chosen."""
    item, rig = _rigged_mesh()
    for other in bpy.context.selected_objects:
        other.select_set(False)
    item.select_set(True)
    bpy.context.view_layer.objects.active = item
    with artist.override():
        bpy.ops.view3d.view_selected()
    yield 2.0
    walls, works = _timed_slices(importlib.import_module(f"{extension}.align4d_blender.jobs.reading").Reading)
    before = len(artist.jobs.listed)
    yield from artist.find(_GENERATE)
    artist.gaps.start("600,625 rigged faces")
    began = time.monotonic()
    artist.click()
    yield from wait_until(lambda: len(artist.jobs.listed) > before, "the press becomes a job", PATIENCE)
    seconds = time.monotonic() - began
    artist.report["press_on_600625_faces"] = {
        "seconds": round(seconds, 2),
        "slices": len(walls),
        "in_slices": round(sum(walls), 2),
        "longest_slice": round(max(walls), 3),
        "worked_in_slices": round(sum(works), 2),
        "longest_work_of_a_slice": round(max(works), 3),
        "window": artist.gaps.stop(),
    }
    artist.jobs.cancel(artist.jobs.listed[-1])
    yield from wait_until(lambda: artist.jobs.listed[-1].ended, "the job is cancelled", 60)
    bpy.data.objects.remove(item)
    bpy.data.objects.remove(rig)


def _rigged_mesh() -> tuple[bpy.types.Object, bpy.types.Object]:
    """A bent sheet on a row of bones, three of which move each vertex."""
    across, along = np.meshgrid(np.linspace(-0.5, 0.5, SIDE), np.linspace(0, 2, SIDE))
    vertices = np.stack([across, 0.2 * np.cos(3 * across), along], -1).reshape(-1, 3)
    corner = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    faces = np.stack([corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]], -1).reshape(-1, 4)
    mesh = bpy.data.meshes.new("Heavy")
    mesh.from_pydata(vertices.tolist(), [], faces.tolist())
    item = bpy.data.objects.new("Heavy", mesh)
    rig = bpy.data.objects.new("Heavy Rig", bpy.data.armatures.new("Heavy Rig"))
    for one in (item, rig):
        bpy.context.scene.collection.objects.link(one)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for index in range(BONES):
        bone = rig.data.edit_bones.new(f"Bone {index}")
        bone.head, bone.tail = (0, 0, 2 * index / BONES), (0, 0, 2 * (index + 1) / BONES)
    bpy.ops.object.mode_set(mode="OBJECT")
    nearest = np.minimum((vertices[:, 2] / 2 * BONES).astype(int), BONES - 1)
    for index in range(BONES):
        group = item.vertex_groups.new(name=f"Bone {index}")
        for distance, weight in ((0, 0.6), (1, 0.2)):
            group.add(np.nonzero(np.abs(nearest - index) == distance)[0].tolist(), weight, "REPLACE")
    item.modifiers.new("Armature", "ARMATURE").object = rig
    return item, rig


def _timed_slices(kind: Any) -> tuple[list[float], list[float]]:
    """Of each slice of the readings that begin from now on, the seconds that passed, and those of them that the main thread worked."""
    walls: list[float] = []
    works: list[float] = []
    go_on = kind.go_on

    def timed(reading: Any, seconds: float) -> Any:
        began, work = time.monotonic(), time.thread_time()
        try:
            return go_on(reading, seconds)
        finally:
            walls.append(time.monotonic() - began)
            works.append(time.thread_time() - work)

    kind.go_on = timed
    return walls, works
