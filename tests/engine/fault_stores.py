"""What else must survive any fault (see `faults`): the choices about models, and the installer's environments.

The installer is the Blender side's, but uses nothing of Blender's; it is imported here without its package's door, which does.
(Blender's records are tested in Blender.)
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from faults import Work

from align4d.generators.catalog import GENERATORS
from align4d.models.store import ModelStore

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "align4d_extension"


def all() -> tuple[Work, ...]:
    """Every kind."""
    return choices(), installer()


def choices() -> Work:
    """Licenses are accepted and a folder is chosen; what was chosen before stays whatever happens."""
    cards = [one.card for one in GENERATORS if one.card.non_commercial]
    first, others, own = cards[0], cards[1:], GENERATORS[0].card

    def begin(folder: Path) -> None:
        for part in own.parts:
            (folder / "model" / part).mkdir(parents=True, exist_ok=True)
        ModelStore(folder).accept(first)

    def go_on(folder: Path) -> None:
        store = ModelStore(folder)
        for card in others:
            store.accept(card)
        store.use(own, folder / "model")

    def kept(folder: Path) -> str:
        return "" if ModelStore(folder).accepted(first) else "an accepted license is forgotten"

    def outcome(folder: Path) -> object:
        return [ModelStore(folder).accepted(card) for card in cards], (folder / "models.json").read_text().replace(str(folder), "")

    return Work("models", begin, go_on, outcome, _told, kept)


def installer() -> Work:
    """An engine is repaired: at any instant there is one that is whole, the old one or the new one."""
    environments, install = blender_side("runtime.environments"), blender_side("runtime.install")

    def plan(folder: Path, pin: str) -> Any:
        return install.Plan(Path(sys.executable), folder, (pin,), "cpu")

    class Installation(install.Installation):  # type: ignore[name-defined,misc]
        """One whose tools do their work at once."""

        def _call(self, what: str, command: list[str | Path], progress: object = None) -> None:
            python = environments.interpreter(self._building)
            python.parent.mkdir(parents=True, exist_ok=True)
            python.write_text(self.plan.requirements[0])

        def _raw_progress(self, python: Path) -> list[str]:
            return []

    def make(folder: Path, pin: str) -> None:
        installation = Installation(plan(folder, pin))
        installation.wait()
        if installation.error:
            raise installation.error

    def there(folder: Path) -> str:
        found = environments.find_installed(folder)
        return "" if found and found.python.read_text() == found.requirements[0] else "there is no whole engine"

    def outcome(folder: Path) -> object:
        found = environments.find_installed(folder)
        return found.requirements, found.build, len([one for one in folder.iterdir() if one.is_dir()])

    return Work("installer", lambda folder: make(folder, "old==1"), lambda folder: make(folder, "new==2"), outcome, _told, there)


def blender_side(name: str) -> ModuleType:
    """A module of align4d_blender."""
    for package, folder in ((PACKAGE, ROOT), (f"{PACKAGE}.align4d_blender", ROOT / "align4d_blender")):
        if package not in sys.modules:
            sys.modules[package] = ModuleType(package)
            sys.modules[package].__path__ = [str(folder)]
    return importlib.import_module(f"{PACKAGE}.align4d_blender.{name}")


def _told(error: BaseException) -> bool:
    """Whether a person is told what a failed write was."""
    return getattr(error, "code", "") in ("disk_full", "cannot_write")  # the two sides' classes are the same source twice
