"""Opens a .blend beside which a damaged job lies, again and again: what Blender's side makes of records, requests and results of others.

Runs inside a Blender that has the extension installed; arguments: the handle of a connection, the numbers of the first file and of the one
behind the last, and a folder. Answers as `benchmarks.robustness.fuzzing.reading.Reading` says.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import bpy
import numpy as np

SCRIPTS = Path(__file__).resolve().parents[1]
# an installed Blender does not look for modules beside the script that it runs
sys.path[:0] = [str(Path(__file__).parent), str(SCRIPTS), str(SCRIPTS.parent / "engine")]
library = importlib.import_module("generate").library
trial = importlib.import_module("benchmarks.robustness.fuzzing.trial")
protocol = importlib.import_module("align4d.protocol")

SECONDS = 10.0
"""That a job gets to arrive or to fail."""
FRAMES = 3


def main(handle: str, first: str, count: str, place: str) -> None:
    bpy.ops.wm.read_userpref()
    library("runtime.preferences").get().engine_python = str(Path(place) / "no engine")  # what is damaged must not be computed for hours
    records = Records(Path(place))
    target = trial.Target("records", records.make, records.read)
    (records.place / "align4d").mkdir(exist_ok=True)
    sound = records.place / "sound"
    if not sound.exists():
        sound.mkdir()
        trial.make_sound(target, sound)
    names = sorted(path.relative_to(sound).as_posix() for path in sound.rglob("*") if path.is_file())
    resources = os.environ["BLENDER_USER_RESOURCES"]
    allowed = (sys.prefix, sys.base_prefix, str(SCRIPTS.parent), place, resources, os.path.dirname(bpy.__file__), "/proc", "/sys", "/usr")
    watch = trial.Watch(tuple(map(Path, allowed)))
    answers = Connection(int(handle))
    for _ in range(2):  # what is imported at first use is not the damaged files' doing
        outcome = trial.attempt(target, sound, names, None, records.folder, watch)
        if outcome.kind != "read":
            raise RuntimeError(f"the sound job: {outcome}")
    answers.send(None)
    for number in range(int(first), int(count)):
        outcome = trial.attempt(target, sound, names, number, records.folder, watch)
        answers.send(outcome)
        answers.recv()
        if outcome.bytes > trial.LARGEST:
            return


class Records:
    """A .blend with a mesh, and the folder beside it in which a finished job of an earlier session lies."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.blend = place / "scene.blend"
        self.folder = place / "align4d" / "trial"

    def make(self, folder: Path) -> None:
        """Writes the .blend, and the sound job into `folder`: its result is there, and no scene has received it."""
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        bpy.ops.mesh.primitive_cube_add()
        image = bpy.data.images.new("Frame", 48, 32)
        for number in range(FRAMES):
            image.filepath_raw, image.file_format = str(self.place / f"frame_{number}.png"), "PNG"
            image.save()
        bpy.context.scene.align4d.video = str(self.place / "frame_0.png")
        captured = library("capture.capture").capture(bpy.context, "trial", folder, "cpu")
        library("capture.targets").tag(captured.targets)
        bpy.ops.wm.save_as_mainfile(filepath=str(self.blend))
        job = library("jobs.record").Job("trial", folder, captured.targets, bpy.context.scene.name, 1, str(self.blend), "Cube", "artist")
        job.write()
        objects = []
        (folder / "output").mkdir()
        for spec in captured.request.objects:
            vertices = protocol.read_arrays(folder / spec.mesh)["bake_vertices"]
            protocol.write_pc2(folder / "output" / "motion.pc2", np.stack([vertices * (1 + frame) for frame in range(FRAMES)]))
            objects.append(protocol.ObjectResult(spec.id, spec.name, len(vertices), "output/motion.pc2"))
        seen = protocol.CameraResult(captured.request.camera.matrix_world, 49.1, 48, 32, 0.0, 0.0, 0.0, 2.0)
        protocol.write_json(folder / "output" / "result.json", protocol.Result("trial", FRAMES, 12.0, tuple(objects), seen, figures={"overlap": 0.9}))

    def read(self, folder: Path, path: Path) -> None:
        """Opens the .blend and lets the job arrive; one that cannot is resumed. Raises EngineError for one that fails."""
        bpy.ops.wm.open_mainfile(filepath=str(self.blend))
        library("jobs.recovery").look()  # as opening does, which keeps exceptions to itself
        queue, arrival = library("jobs.queue"), library("jobs.arrival")
        found = list(queue.listed)
        try:
            self._settle(queue)
            for job in found:
                if job.state == "failed" and job.resumable:
                    self._resume(queue, job)
        finally:
            for job in found:
                arrival.forget(job)
                job.release()
            queue.listed.clear()
        if not found:
            raise trial.EngineError("not_listed", "The job's record cannot be read.", "Its files stay.")
        error = found[0].error
        if error and error.code == "internal":
            raise RuntimeError((folder / "log.txt").read_text("utf-8")[-300:])
        if error:
            raise trial.EngineError(error.code, error.message, error.advice, error.fix)

    def _settle(self, queue: object) -> None:
        until = time.monotonic() + SECONDS
        while any(not job.ended for job in queue.listed) and time.monotonic() < until:
            queue.step()
            time.sleep(0.002)

    def _resume(self, queue: object, job: object) -> None:
        """Presses Resume."""
        try:
            queue.resume_job(job)
        except library("errors").UserError as error:
            job.error = error
        self._settle(queue)


if __name__ == "__main__":
    main(*(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]))
