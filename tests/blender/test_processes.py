"""What the extension starts: programs by their whole path, in a folder of ours, deaf to what lies where Blender was started."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def processes(extension: ModuleType) -> ModuleType:
    return extension.align4d_blender.runtime.processes


def test_one_file_starts_all_programs() -> None:
    sources = [path for room in ("align4d_blender", "operators", "panels") for path in (ROOT / room).rglob("*.py")]
    starting = [path.name for path in sources if any(word in path.read_text("utf-8") for word in ("subprocess.run(", "Popen(", "os.system("))]
    assert starting == ["processes.py"]


def test_modules_in_the_working_folder_are_not_run(processes: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "argparse.py").write_text("raise SystemExit('not this one')")
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "__main__.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path, Path(sys.prefix)):
        assert "usage" in processes.output_of([sys.executable, "-m", "venv", "--help"], folder, 60)


def test_a_program_is_named_by_its_whole_path(processes: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / ("tool.exe" if sys.platform == "win32" else "tool")
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".")
    assert processes.find_program("tool") is None
    with pytest.raises(FileNotFoundError):
        processes.start(["tool"], tmp_path, {})
    monkeypatch.setenv("PATH", str(tmp_path))
    assert processes.find_program("tool") == program


def test_a_program_that_fails_or_hangs_says_nothing(processes: ModuleType, tmp_path: Path) -> None:
    assert processes.output_of([sys.executable, "-c", "print(1); raise SystemExit(2)"], tmp_path, 60) == ""
    assert processes.output_of([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, 0.5) == ""
    assert processes.output_of([tmp_path / "none"], tmp_path, 60) == ""
