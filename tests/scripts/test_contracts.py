"""The contracts of .importlinter hold, and fail where a room is entered from below or from the wrong house."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support import checks, environments

STYLE = environments.style_environment().python
PARTS = ("engine", "align4d_blender", "operators", "panels", "__init__.py", ".importlinter")

pytestmark = pytest.mark.skipif(not STYLE.exists(), reason="the style environment is made by scripts/test.py --only style")


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of what the contracts are about."""
    for part in PARTS:
        source, target = checks.ROOT / part, tmp_path / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "weights"))
        else:
            shutil.copy(source, target)
    return tmp_path


def broken(house: Path, capfd: pytest.CaptureFixture[str]) -> list[str]:
    """The names of the contracts that do not hold."""
    outcome = checks.contracts(STYLE, house)
    names = [line.partition(" BROKEN")[0].removeprefix("imports | ") for line in capfd.readouterr().out.splitlines() if " BROKEN" in line]
    assert outcome.failed == int(bool(names))
    return names


def plant(file: Path, line: str) -> None:
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")


def test_they_hold(house: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert broken(house, capfd) == []


def test_circles_are_found(house: Path, capfd: pytest.CaptureFixture[str]) -> None:
    plant(house / "engine/align4d/job/lock.py", "from . import make")
    plant(house / "engine/align4d/job/make.py", "from . import lock")
    assert broken(house, capfd) == ["No circles, of rooms or of files"]


def test_strangers_are_found(house: Path, capfd: pytest.CaptureFixture[str]) -> None:
    plant(house / "align4d_blender/capture/meshes.py", "import torch")
    plant(house / "panels/jobs.py", "from ..engine.align4d.cameras import orbit")
    plant(house / "engine/align4d/inputs/masks.py", "import align4d_lab.metrics")
    plant(house / "engine/align4d/motion/hexplane.py", "from ..gaussians import learned")
    assert broken(house, capfd) == [
        "The engine's rooms, from the doors down to what both processes share",
        "No circles, of rooms or of files",
        "The engine knows neither Blender nor the laboratory",
        "Nothing that runs in Blender imports torch",
        "Blender's side knows the engine by its protocol alone",
    ]
