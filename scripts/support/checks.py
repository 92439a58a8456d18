"""The parts of scripts/test.py: each runs one tool or one folder of tests and says how many passed and failed."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import tempfile
import time
import xml.etree.ElementTree
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import environments
from .blender import SCRIPTS_IN_BLENDER, Blender
from .console import say

ROOT = environments.ROOT
_ENGINE_PARTS = ("engine/__init__.py", "engine/align4d/protocol")
_BLENDER_SIDE = ("__init__.py", "align4d_blender", "operators", "panels", "engine/in_blender", *_ENGINE_PARTS)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How many tests (or whole checks) passed, failed and were skipped."""

    name: str
    passed: int
    failed: int
    skipped: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.name}: {self.passed} passed, {self.failed} failed, {self.skipped} skipped in {self.seconds:.0f} s"


def style(style_python: Path) -> list[Outcome]:
    """ruff over everything: its rules and its form; and which room may import which."""
    ruff: list[str | Path] = [style_python, "-m", "ruff"]
    return [_check("ruff", [*ruff, "check", ROOT]), _check("form", [*ruff, "format", "--check", ROOT]), contracts(style_python)]


def contracts(style_python: Path, root: Path = ROOT) -> Outcome:
    """import-linter over .importlinter of the checkout at `root`.

    Blender gives the extension's folder a name of its own, so its Python files are copied into a package that has one.
    """
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "align4d_extension"
        package.mkdir()
        shutil.copy(root / "__init__.py", package)
        for part in ("align4d_blender", "operators", "panels", "engine"):
            shutil.copytree(root / part, package / part, ignore=shutil.ignore_patterns("__pycache__", "weights"))
        # by its function: its program's first line names the folder that the environment was built in
        linter: list[str | Path] = [style_python, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
        paths = {"PYTHONPATH": os.pathsep.join([str(root / "engine"), folder]), "PYTHONUTF8": "1"}
        return _check("imports", [*linter, root / ".importlinter", "--no-cache"], paths, root)


def types(style_python: Path, engine_python: Path) -> list[Outcome]:
    """mypy: the engine and the scripts against the engine's environment, what runs in Blender against the stubs of bpy."""
    mypy: list[str | Path] = [style_python, "-m", "mypy", "--config-file", ROOT / "pyproject.toml", "--cache-dir", ROOT / ".mypy_cache"]
    paths = {"MYPYPATH": os.pathsep.join([str(ROOT / "engine"), str(ROOT / "scripts")])}
    engine = _check("types of the engine", [*mypy, "--python-executable", engine_python, "-p", "align4d", "-p", "align4d_lab"], paths)
    packages = ["-p", "support", "-p", "benchmarks"]
    doors = [word for door in sorted((ROOT / "scripts").glob("*.py")) for word in ("-m", door.stem)]
    scripts = _check("types of the scripts", [*mypy, "--python-executable", engine_python, *packages, *doors], paths)
    with tempfile.TemporaryDirectory() as folder:
        package = _copy_blender_side(Path(folder))
        blender = _check("types of the Blender side", [*mypy, "-p", package], folder=Path(folder))
    return [engine, scripts, blender]


def _copy_blender_side(folder: Path) -> str:
    """Copies what runs in Blender into a package with a known name: the checkout's own folder may be called anything."""
    package = "align4d_extension"
    for part in _BLENDER_SIDE:
        target = folder / package / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, target)
    shutil.copytree(SCRIPTS_IN_BLENDER, folder / package / "in_blender", ignore=shutil.ignore_patterns("__pycache__"))
    # the engine's own front door names rooms that Blender never imports
    for bare in ("in_blender", "engine/align4d"):
        (folder / package / bare / "__init__.py").touch()
    return package


def engine_tests(engine_python: Path, folder: str = "engine") -> Outcome:
    """tests/engine, or tests/scripts, in the engine's environment."""
    return _pytest(folder, [str(engine_python), "-m", "pytest", str(ROOT / "tests" / folder)], {"PYTHONPATH": str(ROOT / "engine")})


def blender_tests(blender: Blender, zip_file: Path, engine_python: Path, folder: str = "blender") -> Outcome:
    """tests/blender, or tests/end_to_end, inside a Blender of its own preferences; the tests install the zip themselves."""
    variables = {"ALIGN4D_EXTENSION_ZIP": str(zip_file), "ALIGN4D_ENGINE_PYTHON": str(engine_python)}
    tests = ROOT / "tests" / folder
    with tempfile.TemporaryDirectory(prefix="align4d-") as user_folder:
        if blender.program:
            variables["ALIGN4D_PYTEST"] = str(environments.library(environments.ready(environments.pytest_environment())))
            command = blender.command(SCRIPTS_IN_BLENDER / "run_pytest.py", [tests])
        else:
            command = [str(blender.executable), "-m", "pytest", str(tests)]
        return _pytest(f"{folder} in Blender {blender.version}", command, blender.surroundings(Path(user_folder), variables))


def _check(name: str, command: Sequence[str | Path], variables: Mapping[str, str] | None = None, folder: Path = ROOT) -> Outcome:
    """A tool that passes or fails as a whole."""
    started = time.monotonic()
    code = _run(name, [str(word) for word in command], variables or {}, folder)
    return Outcome(name, int(code == 0), int(code != 0), 0, time.monotonic() - started)


def _pytest(name: str, command: list[str], variables: Mapping[str, str]) -> Outcome:
    """Runs pytest; a run that breaks off, or that finds no test, counts as one failure more."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        code = _run(name, [*command, "--durations=5", f"--junitxml={report}"], variables, ROOT)
        passed, failed, skipped = _counts(report)
    if code and not failed:
        failed = 1
    return Outcome(name, passed, failed, skipped, time.monotonic() - started)


def _run(name: str, command: list[str], variables: Mapping[str, str], folder: Path) -> int:
    """Runs a command; each line of its output begins with `name`, because others may run beside it. Returns the exit code."""
    say(f"== {name}")
    surroundings = {**os.environ, **variables}
    with subprocess.Popen(
        command, cwd=folder, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            say(f"{name} | {line.rstrip()}")
    return process.returncode


def _counts(report: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped in a JUnit report; nothing where there is none."""
    if not report.exists():
        return 0, 0, 0
    passed = failed = skipped = 0
    for suite in xml.etree.ElementTree.parse(report).iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        idle = int(suite.get("skipped", 0))
        failed, skipped, passed = failed + bad, skipped + idle, passed + int(suite.get("tests", 0)) - bad - idle
    return passed, failed, skipped
