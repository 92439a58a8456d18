"""Cached environments: the same content has the same place, and a broken one is not left behind."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from support import blender, environments, extension, folders, pytorch
from support.console import ScriptError

SMALL = environments.Environment("small", Path(sys.executable), ())


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("ALIGN4D_ENVIRONMENTS", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_place_follows_the_content(cache: Path) -> None:
    environment = environments.Environment("engine", Path(sys.executable), ("b==1", "a==2"), "cpu")
    assert environment.folder.parent == cache
    assert dataclasses.replace(environment, requirements=("a==2", "b==1")).folder == environment.folder
    for other in ({"requirements": ("a==2", "b==2")}, {"torch": "default"}):
        assert dataclasses.replace(environment, **other).folder != environment.folder


def test_an_environment_is_made_once(cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "run_logged", _pretend_to_install)
    python = environments.ready(SMALL)
    assert python.exists() and "is made once" in capsys.readouterr().out
    assert environments.ready(SMALL) == python and capsys.readouterr().out == ""
    assert not list(cache.glob("*.part"))


def test_a_failed_installation_leaves_nothing_behind(cache: Path) -> None:
    broken = dataclasses.replace(SMALL, requirements=("./no-such-package-here",))
    with pytest.raises(ScriptError, match="failed with exit code"):
        environments.ready(broken)
    assert not broken.folder.exists() and not list(cache.glob("*.part"))


def _pretend_to_install(command: list[str | Path], what: str, log: Path) -> None:
    """Stands in for venv and pip: only puts the interpreter there."""
    if "venv" in [str(word) for word in command]:
        python = environments.interpreter(Path(command[-1]))
        python.parent.mkdir(parents=True)
        python.touch()


def test_pins_are_exact() -> None:
    content = environments.project()
    groups = content["dependency-groups"].values()
    pins = [*content["project"]["dependencies"], *content["project"]["optional-dependencies"]["masks"], *(pin for group in groups for pin in group)]
    assert all("==" in pin for pin in pins)


def test_the_extension_and_the_engine_have_one_version() -> None:
    assert extension.name_and_version() == ("align4d", environments.project()["project"]["version"])


def test_a_missing_blender_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="--blender"):
        blender.installed(str(tmp_path / "blender"))
    with pytest.raises(ScriptError, match="does not say that it is Blender"):
        blender.installed(sys.executable)


def test_only_an_earlier_output_is_deleted(tmp_path: Path) -> None:
    folder = folders.fresh(tmp_path / "out")
    (folder / "old").touch()
    assert not (folders.fresh(folder) / "old").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious").touch()
    with pytest.raises(ScriptError, match="is not empty"):
        folders.fresh(tmp_path / "mine")
    assert (tmp_path / "mine" / "precious").exists()


def test_an_unreachable_index_is_said_and_done_without(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(pytorch, "_INDEX", "http://127.0.0.1:9/")
    assert pytorch.index_arguments("cpu") == ()
    assert "cannot be reached" in capsys.readouterr().out
    assert pytorch.index_arguments("default") == pytorch.index_arguments("") == ()
