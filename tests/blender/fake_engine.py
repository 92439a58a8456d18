"""An engine that speaks the protocol and moves every vertex by a known rule, in no time: for the tests of Blender's side.

FAKE_ENGINE says how it behaves: "move" (as an engine should), "slow" (waits to be cancelled), "stubborn" (and does not listen), "die",
"chatter" (prints among its messages, then moves), "future" (another protocol version), "refuse" (a `failed` event), "fail:CODE" (one with that
code, a generated video made), "fewer" (one vertex too few), "nonsense" (an event without its fields, then waits to be cancelled),
"correctable" (moves, and leaves what corrections need; a job with pins moves its pinned frames alone), "gate" (a batch that waits, see
`make_batch`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import struct
import sys
import time
import tomllib
import zlib
from pathlib import Path

import numpy as np

from align4d import protocol

sys.path.append(str(Path(__file__).parent))  # programs are started without their own folder on Python's path

import clouds

FRAMES = 5
FPS = 12.0


def moved(vertices: np.ndarray, frame: int) -> np.ndarray:
    """Where the points (B, 3) are at a frame: stretched and carried along; frame 0 is the rest pose."""
    return (vertices * (1 + 0.1 * frame) + np.array([0.01, -0.02, 0.03]) * frame).astype(np.float32)


def make_asset(folder: Path) -> protocol.ObjectResult:
    """A cube with a texture of four pixels, and its motion, where the job has no mesh."""
    vertices = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)], np.float32)
    sides = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
    triangles, count = np.array(sides, np.int32), len(sides)
    arrays = {
        "vertices": vertices,
        "triangles": triangles,
        "material": np.zeros(count, np.int32),
        "corner_normal": np.zeros((count, 3, 3), np.float32),
        "corner_uv": vertices[triangles][..., :2] + 0.5,
        "corner_color": np.ones((count, 3, 4), np.float32),
        "bake_vertices": vertices,
    }
    protocol.write_arrays(folder / "output" / "generated.npz", arrays)
    rows = b"".join(b"\0" + bytes([200, 60, 40] * 2) for _ in range(2))
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    png = b"".join(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)
    (folder / "output" / "generated.png").write_bytes(b"\x89PNG\r\n\x1a\n" + png)
    protocol.write_pc2(folder / "output" / "motion_000.pc2", np.stack([moved(vertices, frame) for frame in range(FRAMES)]))
    files = {"motion": "output/motion_000.pc2", "mesh": "output/generated.npz", "image": "output/generated.png"}
    return protocol.ObjectResult(protocol.GENERATED, "Generated", len(vertices), **files)


def correct(folder: Path) -> None:
    """The motion that is corrected, with its pinned frames as pinned."""
    request, base = protocol.read_request(folder), folder / protocol.BASE
    result = protocol.read_result(base)
    (folder / "output").mkdir(exist_ok=True)
    start = 0
    for entry, spec in zip(result.objects, request.objects, strict=True):
        motion, inverse = protocol.read_pc2(base / entry.motion).copy(), np.linalg.inv(np.array(spec.matrix_world))
        for pin in request.pins:
            world = protocol.read_arrays(folder / pin.pose)["positions"][start : start + entry.vertex_count]
            motion[pin.frame] = world @ inverse[:3, :3].T + inverse[:3, 3]
        protocol.write_pc2(folder / entry.motion, motion)
        start += entry.vertex_count
    for name in (protocol.POSES, protocol.SOLVED):
        (folder / name).write_bytes((base / name).read_bytes())
    protocol.write_json(folder / "output" / "result.json", dataclasses.replace(result, job=request.job))


def run(folder: Path, fewer: int) -> protocol.Result:
    """Writes the motion of every object, and the camera of the request as the solved one."""
    request = protocol.read_request(folder)
    (folder / "output").mkdir(exist_ok=True)
    objects = [] if request.objects else [make_asset(folder)]
    for index, spec in enumerate(request.objects):
        vertices = protocol.read_arrays(folder / spec.mesh)["bake_vertices"]
        vertices = vertices[: len(vertices) - fewer]
        name = f"output/motion_{index:03d}.pc2"
        protocol.write_pc2(folder / name, np.stack([moved(vertices, frame) for frame in range(FRAMES)]))
        gaussians = f"output/gaussians_{index:03d}" if request.gaussians else ""
        for frame in range(FRAMES if gaussians else 0):
            clouds.write(folder / gaussians / protocol.GAUSSIAN_FRAME.format(frame), clouds.cloud(frame))
        objects.append(protocol.ObjectResult(spec.id, spec.name, len(vertices), name, gaussians))
    camera = protocol.CameraResult(request.camera.matrix_world, request.camera.fovy, 64, 48, 10.0, 5.0, 0.0, 3.0, request.camera.path[:FRAMES])
    result = protocol.Result(request.job, FRAMES, FPS, tuple(objects), camera, notes=("A note of the engine.",))
    protocol.write_json(folder / "output" / "result.json", result)
    return result


def send(event: str, **fields: object) -> None:
    print(protocol.encode({"event": event, **fields}), end="", flush=True)


def make_batch(list_file: Path, out: Path, mode: str) -> None:
    """`align4d batch`: the jobs of a list, each telling in its folder; "slow" ones until they are cancelled, "gate" ones once `out/go` is there."""
    lock = protocol.hold(out / protocol.BATCH_LOCK)
    assert lock is not None
    with lock:
        for shot in tomllib.loads(list_file.read_text(encoding="utf-8"))["shot"]:
            folder = Path(shot["job"])
            with open(folder / protocol.EVENT_FILE, "a", encoding="utf-8") as file, contextlib.redirect_stdout(file):
                if (folder / protocol.CANCEL_FILE).exists():
                    send("cancelled", job=folder.name)
                    continue
                generate(folder, "move" if mode == "gate" and wait_for(out / "go") else mode)
                if mode == "slow" and wait_for(folder / protocol.CANCEL_FILE):
                    send("cancelled", job=folder.name)


def wait_for(path: Path) -> bool:
    while not path.exists():
        time.sleep(0.02)
    return True


def generate(folder: Path, mode: str) -> None:
    job = protocol.read_request(folder).job
    send("accepted", job=job)
    send("stage", job=job, name="Moving", index=0, count=2)
    if (folder / "work" / "checkpoint").exists():
        send("warning", job=job, code="resumed", message="Went on where it was.")
    (folder / "work").mkdir(exist_ok=True)
    (folder / "work" / "checkpoint").write_text("half way")
    if mode == "slow":
        return
    if mode == "stubborn":
        time.sleep(60)
    if mode == "die":
        print("Fatal: the fake engine fell over", file=sys.stderr, flush=True)
        sys.exit(3)
    if mode == "refuse":
        send("failed", job=job, code="no_overlap", message="The video's object never overlaps the mesh.", advice="Turn the camera.")
        return
    if mode.startswith("fail:"):
        (folder / "output" / "video").mkdir(parents=True, exist_ok=True)
        (folder / "output" / "video" / "0000.png").write_bytes(b"an hour of work")
        send("failed", job=job, code=mode.removeprefix("fail:"), message="It did not work.", advice="Try something else.")
        return
    if mode == "nonsense":
        send("progress", job=job, stage=[])
        return
    if mode == "late":
        message = "The first frame of the video does not show the object."
        send("failed", job=job, code="first_frame_empty", message=message, advice="Start 3 frames later.", fix="start_later:3")
        return
    if mode == "chatter":
        print("some library: 42 things loaded", flush=True)
        print("7", flush=True)
    send("progress", job=job, stage="Moving", done=1, total=2, eta=1.5, memory_gb=0.1, loss=0.5)
    if protocol.read_request(folder).corrects:
        correct(folder)
    else:
        run(folder, 1 if mode == "fewer" else 0)
        if mode == "correctable":
            protocol.write_arrays(folder / protocol.SOLVED, {"center": np.zeros(3), "size": np.array(1.0)})
    send("finished", job=job, result="output/result.json")


def main() -> None:
    mode = os.environ.get("FAKE_ENGINE", "move")
    if "batch" in sys.argv:
        words = sys.argv[sys.argv.index("batch") + 1 :]
        make_batch(Path(words[0]), Path(words[words.index("--out") + 1]), mode)
        return
    if mode == "future":
        print('{"protocol": 999, "event": "hello", "version": "9", "pid": 1}', flush=True)
        time.sleep(60)
    send("hello", version="fake", pid=os.getpid())
    for line in sys.stdin:
        message = protocol.decode(line)
        if message["command"] == "generate":
            generate(Path(message["job_folder"]), mode)
        elif message["command"] == "cancel":
            send("cancelled", job=message["job"])
        else:
            return


if __name__ == "__main__":
    main()
