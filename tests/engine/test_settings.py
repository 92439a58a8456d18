"""Presets, and single settings by their dotted name."""

from __future__ import annotations

import dataclasses

import pytest

from align4d.errors import EngineError
from align4d.pipeline.settings import PRESETS, Settings, settings_for


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


def test_every_setting_of_every_preset_can_be_named() -> None:
    def walk(value: object, path: str) -> list[tuple[str, object]]:
        if not dataclasses.is_dataclass(value):
            return [(path, value)]
        return [item for one in dataclasses.fields(value) for item in walk(getattr(value, one.name), f"{path}.{one.name}".lstrip("."))]

    for preset, settings in PRESETS.items():
        named = dict(walk(settings, ""))
        assert len(named) > 30
        assert settings_for(preset, named) == settings
