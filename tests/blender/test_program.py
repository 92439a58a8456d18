"""A real Blender program, as a farm runs it: `blender -b scene.blend --command align4d`.

What PyPI's bpy does not show: while a command runs, the context has no window. Skipped where there is no Blender program of 4.2 or later.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from installation import build, fake_interpreter
from scenes import write_images

PATIENCE = 240.0
OLDEST = (4, 2)

MAKE = """
import json, sys
import bpy, numpy
folder = sys.argv[-1]
for name, mode, modifiers in (("bare", "OBJECT", ()), ("modified", "OBJECT", ("SUBSURF", "ARMATURE")), ("sculpted", "SCULPT", ("SUBSURF",)),
                              ("painted", "WEIGHT_PAINT", ()), ("edited", "EDIT", ())):
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.mesh.primitive_monkey_add()
    bpy.context.object.name = "Fox"
    fox = bpy.context.object
    if "ARMATURE" in modifiers:
        bpy.ops.object.armature_add()
        rig = bpy.context.object
        rig.pose.bones[0].location = (0.2, 0.1, 0.3)
        fox.vertex_groups.new(name="Bone").add(range(len(fox.data.vertices)), 1.0, "REPLACE")
        bpy.context.view_layer.objects.active = fox
    for kind in modifiers:
        modifier = fox.modifiers.new(kind, kind)
        if kind == "ARMATURE":
            modifier.object = rig
    bpy.ops.object.mode_set(mode=mode)
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/{name}.blend")
"""

LOOK = """
import json, sys
import bpy
fox = bpy.data.objects["Fox"]
places = []
for frame in (1, 9):
    bpy.context.scene.frame_set(frame)
    places.append(list(fox.evaluated_get(bpy.context.evaluated_depsgraph_get()).bound_box[6]))
print("SAID " + json.dumps({"modifiers": [m.type for m in fox.modifiers], "mode": fox.mode, "places": places}))
"""


def found() -> str:
    """The Blender program of this machine, "" where there is none that is new enough."""
    program = bpy.app.binary_path or shutil.which("blender") or ""
    if not program:
        return ""
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=PATIENCE).stdout
    version = re.search(r"Blender (\d+)\.(\d+)", answer)
    return program if version and (int(version[1]), int(version[2])) >= OLDEST else ""


class Program:
    """A Blender program with the extension installed, the fake engine, and scenes in all modes."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program, self.folder = program, folder
        self.engine = fake_interpreter(folder)
        self.video = write_images(folder / "video")
        (folder / "make.py").write_text(MAKE)
        (folder / "look.py").write_text(LOOK)

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Runs it to its end."""
        surroundings = os.environ | {"BLENDER_USER_RESOURCES": str(self.folder / "user"), "FAKE_ENGINE": "move"}
        command = [self.program, *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=surroundings, stdin=subprocess.DEVNULL)

    def look(self, blend: Path) -> dict[str, object]:
        """What there is in a file."""
        said = self.run("-b", blend, "--python", self.folder / "look.py").stdout
        return dict(json.loads(re.search(r"^SAID (.*)$", said, re.MULTILINE)[1]))


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    where = found()
    if not where:
        pytest.skip(f"no Blender program of {OLDEST[0]}.{OLDEST[1]} or later is on this machine: --command is not tried in one")
    folder = tmp_path_factory.mktemp("program")
    zip_file = Path(os.environ.get("ALIGN4D_EXTENSION_ZIP") or build(folder))
    one = Program(where, folder)
    installed = one.run("--command", "extension", "install-file", "--repo", "user_default", "--enable", zip_file)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    if "No module named 'numpy'" in one.run("-b", "--python-expr", "import numpy").stderr:
        pytest.skip(f"{where} has no numpy, which Blender's own builds have: --command is not tried in it")
    made = one.run("-b", "--python-exit-code", "1", "--python", folder / "make.py", "--", folder)
    assert made.returncode == 0, made.stdout + made.stderr
    yield one


@pytest.mark.parametrize("name", ["bare", "modified", "sculpted", "painted", "edited"])
def test_a_farm_generates_from_whatever_state_the_file_was_saved_in(program: Program, name: str) -> None:
    out = program.folder / f"{name}_out.blend"
    words = ["generate", "--engine", program.engine, "--video", program.video, "--objects", "Fox", "--camera", "FRONT", "--save-as", out]
    ended = program.run("-b", program.folder / f"{name}.blend", "--command", "align4d", *words)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "The motion is on Fox" in ended.stdout
    seen = program.look(out)
    assert seen["modifiers"][0] == "MESH_CACHE" and seen["mode"] == "OBJECT"
    assert seen["places"][0] != seen["places"][1], "nothing moves"


def test_options_are_taken_on_both_sides_of_the_command(program: Program) -> None:
    blend, out = program.folder / "bare.blend", program.folder / "before.blend"
    words = ["--engine", program.engine, "generate", "--video", program.video, "--objects", "Fox", "--save-as", out]
    assert program.run("-b", blend, "--command", "align4d", *words).returncode == 0
    assert program.look(out)["modifiers"] == ["MESH_CACHE"]


def test_a_refusal_is_a_sentence_and_an_exit_code(program: Program) -> None:
    words = ["generate", "--engine", program.engine, "--video", program.video, "--objects", "Wolf"]
    ended = program.run("-b", program.folder / "bare.blend", "--command", "align4d", *words)
    assert ended.returncode == 1 and "There is no mesh called Wolf" in ended.stderr and "Traceback" not in ended.stderr
