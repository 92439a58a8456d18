"""Presets, and single settings by their dotted name."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from align4d.errors import EngineError
from align4d.pipeline.setting_values import range_of
from align4d.pipeline.settings import PRESETS, Settings, settings_for


def fields(kind: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every single setting: its dotted name and its annotation."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint):
            yield from fields(typing.cast(type, hint), f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, hint


def wrong_values(name: str, hint: Any) -> list[Any]:
    """Values that a setting of this kind never takes."""
    least, most = range_of(name)
    other = [None, {}, {"a": 1}, [], [[1]], math.nan, math.inf, -math.inf, 10**400]
    numbers = [least - 1, most * 2 + 1, True, "1", "many"]
    if typing.get_origin(hint) is typing.Literal:
        return [*other, 1, True, "", "neither", ["auto"]]
    if typing.get_origin(hint) is tuple:
        return [*other, "abc", 1, *([value] for value in numbers), [least] * 101, [least, None]]
    if hint is bool:
        return [*other, 0, 1, "", "2", "maybe", [False]]
    if hint is str:
        return [*other, 1, True, "a\nb", "a\0b", "x" * 5000, "\udce9"]
    return [*other, *numbers, *([least + 0.5] if hint is int else [])]


def test_a_preset_as_it_is() -> None:
    assert settings_for("artist", {}) == Settings()
    assert settings_for("draft", {}) == PRESETS["draft"] != Settings()


def test_single_settings_are_replaced_and_the_others_stay() -> None:
    settings = settings_for("draft", {"tracking.iterations": 7, "pose.distance.step": 0.1, "video_side": 99})
    assert (settings.tracking.iterations, settings.pose.distance.step, settings.video_side) == (7, 0.1, 99)
    expected = dataclasses.replace(
        PRESETS["draft"],
        video_side=99,
        tracking=dataclasses.replace(PRESETS["draft"].tracking, iterations=7),
        pose=dataclasses.replace(PRESETS["draft"].pose, distance=dataclasses.replace(PRESETS["draft"].pose.distance, step=0.1)),
    )
    assert settings == expected
    assert settings_for("draft", {}).tracking.iterations != 7  # the preset itself is as it was


def test_values_take_the_type_of_the_default() -> None:
    settings = settings_for("artist", {"tracking.rate": 1, "tracking.iterations": 5.0})
    assert isinstance(settings.tracking.rate, float) and isinstance(settings.tracking.iterations, int)


@pytest.mark.parametrize("name", ["speed", "tracking.speed", "tracking", "tracking.iterations.more", "pose.distance", "", "tracking."])
def test_unknown_settings(name: str) -> None:
    with pytest.raises(EngineError) as caught:
        settings_for("artist", {name: 3})
    assert caught.value.code == "unknown_setting" and repr(name) in caught.value.message and caught.value.advice


def test_an_unknown_preset() -> None:
    with pytest.raises(EngineError) as caught:
        settings_for("fast", {})
    assert caught.value.code == "unknown_preset" and "draft" in caught.value.advice


@pytest.mark.parametrize("value", ["many", None, [1]])
def test_bad_values(value: object) -> None:
    with pytest.raises(EngineError) as caught:
        settings_for("artist", {"tracking.iterations": value})
    assert caught.value.code == "bad_setting" and "tracking.iterations" in caught.value.message


@pytest.mark.parametrize(("name", "hint"), list(fields(Settings)))
def test_every_setting_refuses_what_is_no_value_for_it(name: str, hint: Any) -> None:
    for value in wrong_values(name, hint):
        with pytest.raises(EngineError) as caught:
            settings_for("artist", {name: value})
        assert caught.value.code == "bad_setting" and name in caught.value.message, value
    if hint in (int, float):
        least, most = range_of(name)
        assert f"from {least:g} to " in caught.value.advice
        for value in (least, most):
            settings_for("artist", {name: value})


@pytest.mark.parametrize(("word", "meant"), [("no", False), ("False", False), (False, False), ("YES", True), ("true", True)])
def test_no_is_no(word: object, meant: bool) -> None:
    assert settings_for("artist", {"tracking.recorded": word}).tracking.recorded is meant


def test_every_default_is_in_its_range() -> None:
    for name, hint in fields(Settings):
        least, most = range_of(name)
        for settings in PRESETS.values():
            value: Any = settings
            for part in name.split("."):
                value = getattr(value, part)
            if hint in (int, float):
                assert least <= value <= most, name


def test_every_setting_of_every_preset_can_be_named() -> None:
    def walk(value: object, path: str) -> list[tuple[str, object]]:
        if not dataclasses.is_dataclass(value):
            return [(path, value)]
        return [item for one in dataclasses.fields(value) for item in walk(getattr(value, one.name), f"{path}.{one.name}".lstrip("."))]

    for preset, settings in PRESETS.items():
        named = dict(walk(settings, ""))
        assert len(named) > 30
        assert settings_for(preset, named) == settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("method", "other"),
        ("paper.optimization.unknown.maod_mode", "x"),
        ("paper.multiview.told", "x"),
        ("paper.optimization.learns", "x"),
        ("prior.kind", "x"),
        ("paper.optimization.unknown.guidance.target", 3),
    ],
)
def test_choices_that_do_not_exist_or_do_nothing_are_refused(name: str, value: object) -> None:
    on_the_mesh = {"paper.optimization.densification.enabled": True, "paper.optimization.learns": "appearance"}
    for overrides in ({name: value}, on_the_mesh):
        with pytest.raises(EngineError) as caught:
            settings_for("paper", overrides)
        assert caught.value.code == "bad_setting"
