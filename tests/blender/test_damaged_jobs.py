"""Jobs beside a .blend whose record, request, result or motion is damaged by seeded dice: they arrive, or are refused in words."""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import bpy
import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"

FILES = 60
"""Damaged ones; `scripts/bench.py fuzz --target records` reads hundreds."""


def test_damaged_jobs_arrive_or_are_refused_in_words(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)  # the fuzzer changes it
    monkeypatch.syspath_prepend(str(SCRIPTS / "in_blender"))
    fuzz = importlib.import_module("fuzz_records")
    bpy.context.preferences.addons["bl_ext.user_default.align4d"].preferences.engine_python = str(tmp_path / "no engine")
    records = fuzz.Records(tmp_path)
    target = fuzz.trial.Target("records", records.make, records.read)
    sound = tmp_path / "sound"
    sound.mkdir()
    (tmp_path / "align4d").mkdir()
    names = fuzz.trial.make_sound(target, sound)
    watch = fuzz.trial.Watch(
        (tmp_path, SCRIPTS.parent, Path(sys.prefix), Path(sys.base_prefix), Path(bpy.__file__).parent, Path("/usr"), Path("/proc"))
    )
    assert fuzz.trial.attempt(target, sound, names, None, records.folder, watch).kind == "read"
    outcomes = [fuzz.trial.attempt(target, sound, names, number, records.folder, watch) for number in range(FILES)]
    assert not [outcome for outcome in outcomes if outcome.kind == "crash" or outcome.steps]
    assert {outcome.kind for outcome in outcomes} == {"read", "refused"}
    record = json.loads((sound / "record.json").read_text())
    (sound / "record.json").write_text(json.dumps(record | {"start": 2**31}))  # no frame of Blender's
    assert blender.align4d_blender.jobs.record.read(sound) is None
