"""A random walk through what artists do with an animated object: copies, appends, links, removes, undo, saves here and elsewhere, in any order.

After each step every object of the open file that has a motion plays it, and no other object has lost or gained one.
"""

from __future__ import annotations

import random
from pathlib import Path

import bpy
import numpy as np
from fake_engine import FPS, moved
from scenes import add_mesh, evaluated, local, select, use_video

PLACES = {"one": ("a.blend", "a2.blend"), "deep/two": ("b.blend", "b2.blend")}
"""Two folders, the files in each."""


MOST = 8
"""Animated objects of a file."""


class Walk:
    """Two folders with .blend files, and what each was saved with.

    Args:
        folder: for everything.
        seed: of the steps.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.files = [folder / place / name for place, names in PLACES.items() for name in names]
        for file in self.files:
            file.parent.mkdir(parents=True, exist_ok=True)
        self.saved: dict[Path, set[str]] = {}
        self.history: list[set[str]] = []
        self.done: list[str] = []
        self._begin(folder)

    def _begin(self, folder: Path) -> None:
        """One result with three copies; another file has it appended twice, and linked."""
        bpy.context.scene.render.fps = int(FPS)
        use_video(folder / "video")
        self.video = bpy.context.scene.align4d.video
        self.generate()
        for _ in range(3):
            self.duplicate()
        self.save_as(self.files[0])
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        bpy.context.scene.render.fps = int(FPS)
        self._reset()
        self.save_as(self.files[2])
        for kind in (self.append, self.append, self.link):
            kind()
        self.save()

    def step(self) -> None:
        """One of the things that can be done now."""
        deeds = [self.generate, self.duplicate, self.append, self.link, self.touch, self.remove, self.remove_all, self.undo, self.save, self.reopen]
        weights = [2, 1, 1, 1, 2, 2, 1, 2, 2, 2]
        rarer = [self.save_elsewhere, self.save_copy, self.empty_trash]
        self.chance.choices([*deeds, *rarer], [*weights, *(1 for _ in rarer)])[0]()

    def check(self) -> None:
        """Every motion is where it was put, and plays."""
        assert self.animated() == self.history[-1], self._tell("other objects have a motion")
        for item in bpy.data.objects:
            if item.type == "MESH" and item.align4d.results and item.users_scene:
                bpy.context.scene.frame_set(item.align4d.results[0].start + 3)
                wanted = moved(local(item), 3)
                assert np.abs(evaluated(item) - wanted).max() < 2e-5, self._tell(f"{item.name} stands still")

    def animated(self) -> set[str]:
        """The file's own objects that have a motion."""
        return {item.name for item in bpy.data.objects if item.type == "MESH" and item.library is None and item.align4d.results}

    def generate(self) -> None:
        """Another object with a motion of its own."""
        if len(self.animated()) < MOST:
            add_mesh("Fox", 1)
            bpy.context.scene.align4d.video = self.video
            bpy.ops.align4d.generate()  # an undo step of its own
            self.history.append(self.animated())
            self._note("generate")

    def duplicate(self) -> None:
        """Shift-D of one of them."""
        if 0 < len(self.animated()) < MOST:
            select(self._any())
            bpy.ops.object.duplicate()
            self._note("duplicate", push=True)

    def remove(self) -> None:
        """Remove Result, with its files."""
        if self.animated():
            item = self._any()
            select(item)
            expected = self.animated() - {item.name}
            bpy.ops.align4d.remove_result(with_files=True)
            assert self.animated() == expected, self._tell(f"removing the motion of {item.name} touched others")
            self._note(f"remove {item.name}", push=True)

    def remove_all(self) -> None:
        """The same where nothing is selected."""
        if self.animated():
            bpy.ops.object.select_all(action="DESELECT")
            bpy.ops.align4d.remove_result(with_files=True)
            assert not self.animated(), self._tell("not all motions were removed")
            self._note("remove all", push=True)

    def touch(self) -> None:
        """Another start of one of them."""
        if self.animated():
            item = self._any()
            select(item)
            item.align4d.results[0].start = self.chance.randint(-5, 20)
            self._note(f"touch {item.name}", push=True)

    def undo(self) -> None:
        if len(self.history) > 1:
            bpy.ops.ed.undo()
            self.history.pop()
            self._note("undo")

    def append(self) -> None:
        self._bring(link=False)

    def link(self) -> None:
        self._bring(link=True)

    def save(self) -> None:
        bpy.ops.wm.save_mainfile()
        self.saved[Path(bpy.data.filepath)] = self.animated()
        self._note("save")

    def save_as(self, file: Path) -> None:
        bpy.ops.wm.save_as_mainfile(filepath=str(file))
        self.saved[file] = self.animated()
        self._note(f"save as {file.name}")

    def save_elsewhere(self) -> None:
        for file in self._free():
            self.save_as(file)

    def save_copy(self) -> None:
        for file in self._free():
            bpy.ops.wm.save_as_mainfile(filepath=str(file), copy=True)
            self.saved[file] = self.animated()
            self._note(f"save a copy as {file.name}")

    def _free(self) -> list[Path]:
        """One of the other files; none where Blender has something from each of them, and refuses."""
        used = {Path(bpy.path.abspath(library.filepath)) for library in bpy.data.libraries} | {Path(bpy.data.filepath)}
        free = [file for file in self.files if file not in used]
        return [self.chance.choice(free)] if free else []

    def reopen(self) -> None:
        file = self.chance.choice(sorted(self.saved))
        self._open(file)

    def empty_trash(self) -> None:
        """For good; so nothing is undone afterwards."""
        if bpy.ops.align4d.empty_trash.poll():
            bpy.ops.align4d.empty_trash()
            self._note("empty the trash")
            self._open(Path(bpy.data.filepath))

    def _open(self, file: Path) -> None:
        bpy.ops.wm.open_mainfile(filepath=str(file))
        assert self.animated() == self.saved[file], self._tell(f"{file.name} holds other motions than it was saved with")
        self._reset()
        self._note(f"open {file.name}")

    def _bring(self, link: bool) -> None:
        """An object out of another file."""
        others = [file for file in sorted(self.saved) if str(file) != bpy.data.filepath and self.saved[file]]
        if not others or len(self.animated()) >= MOST:
            return
        file = self.chance.choice(others)
        with bpy.data.libraries.load(str(file), link=link) as (_, wanted):
            wanted.objects = [self.chance.choice(sorted(self.saved[file]))]
        if not wanted.objects[0].users_scene:
            bpy.context.scene.collection.objects.link(wanted.objects[0])
        self._note(f"{'link' if link else 'append'} from {file.name}", push=True)

    def _any(self) -> bpy.types.Object:
        return bpy.data.objects[self.chance.choice(sorted(self.animated()))]

    def _reset(self) -> None:
        self.history = [self.animated()]
        bpy.ops.ed.undo_push(message="opened")

    def _push(self) -> None:
        bpy.ops.ed.undo_push(message="step")
        self.history.append(self.animated())

    def _note(self, what: str, push: bool = False) -> None:
        self.done.append(what)
        if push:
            self._push()

    def _tell(self, what: str) -> str:
        return f"{what} in {bpy.data.filepath} after {len(self.done)} steps: {'; '.join(self.done[-12:])}"
