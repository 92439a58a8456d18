"""Other people's files: they start no program, run no code, and lead nowhere outside of a job's folder."""

from __future__ import annotations

import json
import logging
import os
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import IDENTITY, Job, box, mesh_arrays, moving_square
from PIL import Image

from align4d import child, protocol
from align4d.errors import EngineError
from align4d.inputs.asset import load_asset
from align4d.inputs.foreign import reading
from align4d.inputs.image_file import MOST_PIXELS
from align4d.inputs.images import load_picture
from align4d.inputs.mesh_import import import_mesh
from align4d.inputs.video import load_clip
from align4d.job.reporting import job_log
from align4d.kernels import folder as kernels
from align4d.pipeline.settings import settings_for

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n10 10 moveto showpage\n%%EOF\n"

linked = pytest.mark.skipif(sys.platform == "win32", reason="Windows makes links for administrators only")

_watched: list[str] = []
_watching = False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "socket.connect", "pickle.find_class"):
        _watched.append(event)


sys.addaudithook(_watch)


@contextmanager
def nothing_started() -> Iterator[None]:
    """No program is started inside, nobody is connected to, and nothing is unpickled."""
    global _watching
    _watched.clear()
    _watching = True
    try:
        yield
    finally:
        _watching = False
    assert not _watched


@pytest.mark.parametrize(
    "name", ["../mesh.npz", "input/../../mesh.npz", "/etc/passwd", "C:/mesh.npz", "\\\\server\\share", "..\\mesh.npz", "", "a\0b"]
)
def test_a_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(protocol.ProtocolError):
        protocol.inside(tmp_path, name)


def test_a_name_in_the_folder_is_a_path_in_it(tmp_path: Path) -> None:
    assert protocol.inside(tmp_path, "output/motion..000.pc2") == tmp_path / "output" / "motion..000.pc2"


@linked
def test_a_name_behind_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "output").symlink_to(tmp_path)
    with pytest.raises(protocol.ProtocolError, match="link"):
        protocol.inside(tmp_path / "job", "output/motion.pc2")


@linked
@pytest.mark.parametrize("name", ["log.txt", "output", "engine.lock", "work/tracking.npz"])
def test_a_job_folder_with_a_link_is_not_written_to(tmp_path: Path, name: str) -> None:
    folder, elsewhere = tmp_path / "job", tmp_path / "elsewhere"
    (folder / "work").mkdir(parents=True)
    elsewhere.write_text("mine")
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(protocol.ProtocolError, match="link"), job_log(folder):
        logging.getLogger("align4d").warning("theirs")
    assert elsewhere.read_text() == "mine"


def test_a_result_names_only_files_of_its_own_folder(tmp_path: Path) -> None:
    camera = protocol.CameraResult(IDENTITY, 49.1, 4, 4, 0.0, 0.0, 0.0, 2.0)
    (tmp_path / "output").mkdir()
    for field in ("motion", "gaussians", "mesh", "image", "gltf"):
        item = protocol.ObjectResult(**{"id": "id", "name": "Name", "vertex_count": 1, "motion": "output/motion.pc2", field: "../elsewhere"})
        protocol.write_json(tmp_path / "output" / "result.json", protocol.Result("job", 2, 24.0, (item,), camera))
        with pytest.raises(protocol.ProtocolError, match="does not lie in the job's folder"):
            protocol.read_result(tmp_path)


@pytest.mark.parametrize("field", ["mesh", "bones", "image"])
def test_a_request_reads_only_its_own_folder(job: Job, tmp_path: Path, field: str) -> None:
    arrays = mesh_arrays(*box(1, 2, 3))
    outside = tmp_path.parent / f"{tmp_path.name}_outside.npz"
    protocol.write_arrays(outside, arrays)
    material = protocol.MaterialSpec("texture", image=str(outside) if field == "image" else "input/none.png")
    job.add(arrays, materials=(material,))
    if field != "image":
        spec = protocol.ObjectSpec("id", "Name", "input/mesh_000.npz", IDENTITY)
        job.objects[0] = protocol.ObjectSpec(**{**vars(spec), field: f"../{outside.name}"})
    with pytest.raises(protocol.ProtocolError, match="does not lie in the job's folder"):
        load_asset(job.request(), tmp_path)


def test_a_name_is_logged_in_one_line(tmp_path: Path) -> None:
    with job_log(tmp_path):
        logging.getLogger("align4d").warning("%s", "name\nssh-rsa AAAA\x1b[2J\udce9")
    lines = (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()
    assert not any(line.startswith("ssh-rsa") for line in lines) and "\x1b" not in lines[-1]
    assert str(EngineError("code", "a\nb", "c\rd\udce9.")) == "a b c d ."


def test_postscript_in_a_picture_starts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(EPS)
    with nothing_started(), pytest.raises(EngineError) as caught:
        load_picture(path)
    assert caught.value.code == "image_unreadable"


def test_postscript_in_a_texture_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "skin.png").write_bytes(EPS)
    (tmp_path / "m.mtl").write_text("newmtl skin\nmap_Kd skin.png\n")
    text = "mtllib m.mtl\nusemtl skin\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nf 1/1 2/2 3/3\n"
    (tmp_path / "m.obj").write_text(text)
    with nothing_started(), pytest.raises(EngineError) as caught:
        import_mesh(tmp_path / "m.obj", tmp_path, print)
    assert caught.value.code == "mesh_unreadable"


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    side = int(MOST_PIXELS**0.5) + 1
    Image.new("1", (side, side)).save(tmp_path / "large.png")
    with pytest.raises(EngineError, match="too many"):
        load_picture(tmp_path / "large.png")


def test_only_one_function_opens_pictures() -> None:
    engine = Path(child.__file__).parents[1]
    callers = [path.name for path in engine.rglob("*.py") if "Image.open(" in path.read_text(encoding="utf-8")]
    assert callers == ["image_file.py"]


def test_archives_are_no_meshes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "mesh.zip", "w") as archive:
        archive.writestr("mesh.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    with pytest.raises(EngineError, match="are not read"):
        import_mesh(tmp_path / "mesh.zip", tmp_path, print)


def test_stored_arrays_do_not_unpack_to_more_than_they_are(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", vertices=np.zeros(1000))
    with pytest.raises(ValueError, match="too many"):
        protocol.read_arrays(tmp_path / "bomb.npz")
    protocol.write_arrays(tmp_path / "lie.npz", {"vertices": np.zeros((1000, 3))})
    content = (tmp_path / "lie.npz").read_bytes()
    (tmp_path / "lie.npz").write_bytes(content.replace(b"(1000, 3)", b"(9999, 9)"))
    with pytest.raises((ValueError, zipfile.BadZipFile)):
        protocol.read_arrays(tmp_path / "lie.npz")


def test_a_playlist_opens_no_other_file(tmp_path: Path, write_movie: Any) -> None:
    clip = write_movie(moving_square(4)[..., :3])
    for name, text in (
        ("list.m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{clip}\n#EXT-X-ENDLIST\n"),
        ("list.ffconcat", f"ffconcat version 1.0\nfile {clip.name}\n"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(EngineError) as caught:
            load_clip(protocol.VideoSpec(path=str(tmp_path / name)))
        assert caught.value.code == "video_unreadable"


def test_no_setting_of_a_job_opens_the_network() -> None:
    with pytest.raises(EngineError) as caught:
        settings_for("paper", {"prior.online": True})
    assert caught.value.code == "unknown_setting"


def test_one_file_starts_all_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Path(child.__file__).parent
    starting = [
        path.name for path in engine.rglob("*.py") if any(word in path.read_text("utf-8") for word in ("subprocess.run(", "Popen(", "os.system("))
    ]
    assert starting == ["child.py"]
    with pytest.raises(FileNotFoundError):
        child.run_program(["tool"], tmp_path, 1.0)
    program = tmp_path / ("tool.exe" if sys.platform == "win32" else "tool")
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for places, found in ((".", None), (str(tmp_path), program)):
        monkeypatch.setenv("PATH", places)
        assert child.find_program("tool") == found


def test_a_child_process_does_not_run_what_lies_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    (tmp_path / "align4d.py").write_text("raise SystemExit('the wrong align4d')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = child.run_module("align4d", "--help", seconds=120)
    assert done.returncode == 0 and "generate" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="the folders of a profile on Windows are its user's")
def test_kernels_are_kept_only_where_nobody_else_can_put_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_all, own = tmp_path / "open", tmp_path / "own"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.setattr(kernels, "cache_folder", lambda: own)
    monkeypatch.setenv("ALIGN4D_CACHE", str(open_to_all))
    assert kernels.kernel_folder() == own
    (tmp_path / "link").symlink_to(own)
    assert not kernels.is_ours(tmp_path / "link")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert not kernels.is_ours(own)


def test_whatever_a_reader_raises_is_a_sentence() -> None:
    for error, words in ((RecursionError(), "too deeply"), (MemoryError(), "memory"), (AssertionError(), "AssertionError"), (KeyError("a\nb"), "a")):
        with pytest.raises(EngineError) as caught, reading("mesh_unreadable", "It cannot be read", "Export it again."):
            raise error
        assert caught.value.code == "mesh_unreadable" and words in str(caught.value) and "\n" not in str(caught.value)
    json.dumps(str(caught.value))


def test_a_full_disk_while_a_file_is_read_is_a_full_disk() -> None:
    import errno

    with pytest.raises(OSError), reading("mesh_unreadable", "It cannot be read", "Export it again."):
        raise OSError(errno.ENOSPC, "No space left on device")
