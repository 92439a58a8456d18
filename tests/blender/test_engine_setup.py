"""Installing the engine: from a folder of wheels as a studio without network does, interrupted, cancelled, repaired, removed; and the doctor."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import bpy
import pytest


def make_wheel(folder: Path, name: str, requires: str = "") -> None:
    """A package of one module, as pip wants it."""
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    files = {
        f"{name}.py": "answer = 42\n",
        f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}",
        f"{name}-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{name}-1.0.dist-info/RECORD"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        lines = []
        for path, text in files.items():
            wheel.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            lines.append(f"{path},sha256={digest},{len(text)}")
        wheel.writestr(record, "\n".join([*lines, f"{record},,"]) + "\n")


@pytest.fixture
def setup(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The installer, with two tiny packages for the engine's and a folder of wheels whose name is not ASCII; no existing engine is chosen."""
    wheels = tmp_path / "räder für align4d"
    wheels.mkdir()
    make_wheel(wheels, "align4d_test_torch", "align4d_test_numpy")
    make_wheel(wheels, "align4d_test_numpy")
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text('[project]\ndependencies = ["align4d_test_torch==1.0"]\noptional-dependencies = {masks = ["align4d_test_masks==1.0"]}\n')
    library = blender.align4d_blender
    monkeypatch.setattr(library.runtime.preferences, "PINS", pyproject)
    chosen = library.runtime.preferences.get()
    chosen.engine_python, chosen.wheels, chosen.with_masks, chosen.engine_build = "", str(wheels), False, "auto"
    yield library.runtime.setup
    library.runtime.setup.shut_down()
    if library.runtime.preferences.environments().exists():
        library.runtime.setup.remove()
    chosen.wheels, chosen.with_masks = "", False


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first installed engine is copied to, so that the others need not be installed."""
    return tmp_path_factory.mktemp("kept") / "environment"


@pytest.fixture
def installed(setup: ModuleType, kept: Path) -> ModuleType:
    """The installer, with an engine that it has installed."""
    folder = setup.plan().folder
    if kept.exists():
        shutil.copytree(kept, folder, symlinks=True)
    else:
        bpy.ops.align4d.install_engine()
        shutil.copytree(folder, kept, symlinks=True)
    return setup


def left_behind(setup: ModuleType) -> list[str]:
    """What lies in the folder of environments, without the log."""
    return sorted(path.name for path in setup.preferences.environments().iterdir() if path.suffix != ".log")


def test_install_repair_and_remove(blender: ModuleType, setup: ModuleType) -> None:
    preferences = blender.align4d_blender.runtime.preferences
    with pytest.raises(Exception, match="not installed yet"):
        preferences.engine_python(preferences.get())
    assert bpy.ops.align4d.install_engine() == {"FINISHED"}
    python = preferences.engine_python(preferences.get())
    assert python.exists() and len(left_behind(setup)) == 1
    assert list(python.parents[1].rglob("align4d_test_numpy.py")), "dependencies of dependencies come too"
    marker = python.parents[1] / "marker"
    marker.touch()
    assert bpy.ops.align4d.install_engine() == {"FINISHED"} and marker.exists(), "what is there is not installed again"
    assert bpy.ops.align4d.repair_engine() == {"FINISHED"} and not marker.exists()
    assert preferences.engine_python(preferences.get()).exists() and len(left_behind(setup)) == 1, "the old one went once the new one was whole"
    assert bpy.ops.align4d.remove_engine() == {"FINISHED"}
    assert left_behind(setup) == []


def test_a_failed_repair_keeps_the_old_engine(blender: ModuleType, installed: ModuleType, tmp_path: Path) -> None:
    preferences = blender.align4d_blender.runtime.preferences
    before = left_behind(installed)
    (tmp_path / "räder für align4d" / "align4d_test_numpy-1.0-py3-none-any.whl").unlink()
    with pytest.raises(RuntimeError, match="Downloading failed: .*align4d_test_numpy"):
        bpy.ops.align4d.repair_engine()
    assert left_behind(installed) == before and preferences.engine_python(preferences.get()).exists()
    assert "align4d" in installed.installation.log.read_text(encoding="utf-8")


def test_other_pins_ask_for_a_repair(blender: ModuleType, installed: ModuleType, tmp_path: Path) -> None:
    preferences = blender.align4d_blender.runtime.preferences
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["align4d_test_torch==2.0"]\n')
    blender.align4d_blender.runtime.environments.pins.cache_clear()
    with pytest.raises(Exception, match="another version of the extension. Press Repair"):
        preferences.engine_python(preferences.get())
    blender.align4d_blender.runtime.environments.pins.cache_clear()


def test_cancel_leaves_nothing(setup: ModuleType, monkeypatch: pytest.MonkeyPatch, blender: ModuleType) -> None:
    slow = [sys.executable, "-c", "import time; print('Collecting x', flush=True); time.sleep(60)"]
    kind = blender.align4d_blender.runtime.install.Installation
    call = kind._call
    monkeypatch.setattr(kind, "_call", lambda self, what, command, progress=None: call(self, what, slow, progress))
    setup.install()
    assert setup.installing() and bpy.ops.align4d.cancel_install.poll()
    with pytest.raises(RuntimeError, match="being installed already"):
        bpy.ops.align4d.install_engine()
    while setup.installation._process is None:
        time.sleep(0.01)
    began = time.monotonic()
    bpy.ops.align4d.cancel_install()
    setup.wait()
    assert setup.installation.state == "cancelled" and time.monotonic() - began < 10
    assert left_behind(setup) == [] and setup.installation._process.poll() is not None


def test_a_killed_installation_is_not_taken_for_a_whole_one(blender: ModuleType, setup: ModuleType) -> None:
    """Blender was killed while it installed: everything is there but the stamp, or the stamp was not finished."""
    preferences = blender.align4d_blender.runtime.preferences
    half = setup.plan().folder
    (half / "bin").mkdir(parents=True)
    (half / "bin" / "python").touch()
    (half / ".align4d.json.7.part").write_text("{")
    with pytest.raises(Exception, match="not installed yet"):
        preferences.engine_python(preferences.get())
    bpy.ops.align4d.install_engine()
    assert preferences.engine_python(preferences.get()).exists() and len(left_behind(setup)) == 1


def test_the_old_engine_stays_until_the_new_one_is_whole(blender: ModuleType, installed: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blender is killed, or the disk is full, when the new one is about to be finished; and a stamp that was cut is no engine."""
    preferences, install = blender.align4d_blender.runtime.preferences, blender.align4d_blender.runtime.install
    python = preferences.engine_python(preferences.get())

    def full(path: Path, mode: str = "wb") -> None:
        assert python.exists() and preferences.engine_python(preferences.get()) == python
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(install, "replacing", full)
        with pytest.raises(RuntimeError, match="No space left on device"):
            bpy.ops.align4d.repair_engine()
    assert preferences.engine_python(preferences.get()) == python and len(left_behind(installed)) == 1
    (preferences.environments() / "environment-torn").mkdir()
    (preferences.environments() / "environment-torn" / "align4d.json").write_text('{"requirements": [')
    assert preferences.engine_python(preferences.get()) == python
    bpy.ops.align4d.repair_engine()
    assert len(left_behind(installed)) == 1 and preferences.engine_python(preferences.get()).exists()


def test_the_network_is_asked_for_first(setup: ModuleType, blender: ModuleType) -> None:
    chosen = blender.align4d_blender.runtime.preferences.get()
    chosen.wheels = ""
    assert not bpy.app.online_access
    with pytest.raises(RuntimeError, match="not allowed to use the network. Allow Online Access"):
        bpy.ops.align4d.install_engine()
    chosen.wheels = str(Path(bpy.app.tempdir) / "nowhere")
    with pytest.raises(RuntimeError, match="There is no folder at"):
        bpy.ops.align4d.install_engine()
    assert left_behind(setup) == []


@pytest.mark.parametrize(
    ("system", "gpu", "wanted"), [("linux", False, "cpu"), ("linux", True, "default"), ("win32", True, "cu130"), ("darwin", False, "default")]
)
def test_the_build_fits_the_machine(blender: ModuleType, monkeypatch: pytest.MonkeyPatch, system: str, gpu: bool, wanted: str) -> None:
    module = blender.align4d_blender.runtime.install
    monkeypatch.setattr(module, "has_nvidia_gpu", lambda: gpu)
    monkeypatch.setattr(module, "sys", SimpleNamespace(platform=system))
    assert module.fitting_build() == wanted
    plan = module.Plan(Path(sys.executable), Path("place"), ("torch==2.0", "rich==1.0"), wanted)
    installation = SimpleNamespace(plan=plan)
    pins, sources = module.Installation._requirements(installation), module.Installation._sources(installation)
    tagged = wanted != "default"
    assert pins[0] == (f"torch==2.0+{wanted}" if tagged else "torch==2.0") and pins[1] == "rich==1.0"
    assert any("download.pytorch.org" in word for word in sources) == tagged


def test_the_pins_are_the_projects(blender: ModuleType) -> None:
    """The zip brings pyproject.toml along."""
    library = blender.align4d_blender
    pins = library.runtime.environments.pins(library.runtime.preferences.PINS)
    assert any(pin.startswith("torch==") for pin in pins) and not any(pin.startswith("onnxruntime") for pin in pins)
    assert any(pin.startswith("onnxruntime") for pin in library.runtime.environments.pins(library.runtime.preferences.PINS, ("masks",)))


def test_long_names_on_windows_get_their_own_advice(blender: ModuleType) -> None:
    failure = blender.align4d_blender.runtime.install.failure
    hint = "HINT: This error might have occurred since this system does not have Windows Long Path support enabled."
    assert failure("Downloading", hint).code == "long_paths"
    assert failure("Downloading", "ERROR: No matching distribution found for torch").code == "install_failed"


def test_progress_of_pip_is_understood(blender: ModuleType) -> None:
    progress = blender.align4d_blender.runtime.install._PipProgress()
    words = ["Collecting torch==2.13.0", "Collecting numpy", "  Downloading https://x/torch-2.13.0-cp311.whl (100 MB)", "Progress 50 of 100"]
    fractions = []
    for word in words:
        assert progress.read(word + "\n")
        fractions.append(progress.fraction)
    assert progress.text == "Downloading torch" and fractions == sorted(fractions) and 0.1 < fractions[-1] < 0.3
    assert not progress.read("WARNING: something\n")
    assert progress.read("Installing collected packages: numpy, torch\n") and progress.fraction == 0.75


def doctor_that(folder: Path, code: str) -> Path:
    """A program that stands in for the engine's interpreter."""
    script = folder / "doctor.py"
    script.write_text(code)
    program = folder / ("python.cmd" if sys.platform == "win32" else "python")
    program.write_text(f'@"{sys.executable}" "{script}"\n' if sys.platform == "win32" else f'#!/bin/sh\nexec "{sys.executable}" "{script}"\n')
    program.chmod(0o755)
    return program


LINES = [
    {"name": "device", "works": True, "needed": True, "text": "CPU", "fix": ""},
    {"name": "masks", "works": False, "needed": False, "text": "install what cuts objects out.", "fix": "install_masks"},
]


@pytest.mark.parametrize(
    ("code", "check"),
    [
        (f"print('chatter'); print({json.dumps(json.dumps(LINES))})", lambda lines: [line.name for line in lines] == ["device", "masks"]),
        ("raise ImportError('no torch')", lambda lines: lines[0].fix == "repair_engine" and "no torch" in lines[0].text),
        ("print('nothing of use')", lambda lines: lines[0].fix == "repair_engine" and not lines[0].works),
    ],
)
def test_the_doctors_report(blender: ModuleType, tmp_path: Path, code: str, check: Callable[[object], bool]) -> None:
    library = blender.align4d_blender
    library.runtime.preferences.get().engine_python = str(doctor_that(tmp_path, code))
    assert bpy.ops.align4d.examine_engine() == {"FINISHED"}
    report = library.runtime.setup.report()
    assert check(report.lines) and set(report.disk) == {"engine", "cache", "jobs"}
    assert all(line.fix in {"", *blender.panels.fixes.BUTTONS} for line in report.lines)
    library.runtime.setup.shut_down()
