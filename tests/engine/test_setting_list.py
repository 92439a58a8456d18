"""The list of settings: each one described, and each one that is listed taken by `--set`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from align4d.cli import main, settings
from align4d.cli.arguments import BACKENDS, PRESET_NAMES
from align4d.pipeline.setting_list import list_settings
from align4d.pipeline.settings import PRESETS, settings_for
from align4d.rendering import backends

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def test_every_setting_says_what_it_is() -> None:
    entries = list_settings(PRESETS["artist"])
    assert len({one.name for one in entries}) == len(entries)
    assert not [one.name for one in entries if not one.meaning]


def test_units_and_sources_are_told_apart_from_the_meaning() -> None:
    found = {one.name: one for one in list_settings(PRESETS["artist"])}
    resolution, aligned = found["tracking.resolution"], found["paper.align_distance"]
    assert (resolution.type, resolution.unit, resolution.source) == ("int", "px", "")
    assert aligned.source == "paper" and "[" not in aligned.meaning
    assert found["method"].type == "artist | paper"


def test_every_default_is_a_value_that_the_setting_takes() -> None:
    for preset, values in PRESETS.items():
        for one in list_settings(values):
            value = list(one.default) if isinstance(one.default, tuple) else one.default
            assert settings_for(preset, {one.name: value}) == values, one.name


def test_the_page_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["settings", "--markdown"]) == 0
    assert PAGE.read_text(encoding="utf-8") == capsys.readouterr().out, "write it again: align4d settings --markdown"


def test_other_programs_get_the_defaults_of_the_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["settings", "--preset", "draft", "--json"]) == 0
    listed = {one["name"]: one["default"] for one in json.loads(capsys.readouterr().out)}
    assert listed["tracking.iterations"] == PRESETS["draft"].tracking.iterations
    assert settings.shown(True) == "true"


def test_the_command_line_knows_the_presets_and_the_backends() -> None:
    assert set(PRESET_NAMES) == set(PRESETS) and set(BACKENDS) == {"auto", *backends.NAMES}


def test_people_get_every_name_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["settings"]) == 0
    said = capsys.readouterr().out
    for one in list_settings(PRESETS["artist"]):
        assert f"{one.name} = {settings.shown(one.default)}" in said and one.meaning in said
