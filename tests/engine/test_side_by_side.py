"""Searches side by side: each gets the answers to its own questions, and all of them together few renderings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from align4d.alignment import side_by_side as module
from align4d.alignment.lighting import Lighting, unlit
from align4d.alignment.side_by_side import Look, Search, side_by_side
from align4d.cameras.orbit import Orbit
from align4d.errors import Cancelled

START = Orbit(0.0, 0.0, 2.0)


class Painter:
    """Draws each camera as its azimuth, and counts."""

    def __init__(self) -> None:
        self.drawn: list[int] = []

    def draw(self, looks: list[Look]) -> list[Tensor]:
        self.drawn.append(sum(len(look.cameras) for look in looks))
        return [torch.tensor([[camera.azimuth] for camera in look.cameras]) for look in looks]

    def light(self, camera: Orbit) -> Lighting:
        return Lighting(torch.full((13, 3), camera.azimuth))


def uphill(camera: Orbit, steps: int, blur: int = 0) -> Search[float]:
    """So many steps of one degree; what it is told of the last one."""
    light = yield camera
    assert float(light.coefficients[0, 0]) == camera.azimuth
    seen = -1.0
    for _ in range(steps):
        seen = float((yield Look([camera, camera.moved(azimuth=camera.azimuth + 1)], light, blur))[1, 0])
        camera = camera.moved(azimuth=seen)
    return seen


def test_each_search_gets_its_own_answers_in_shared_renderings() -> None:
    painter = Painter()
    searches = [uphill(START.moved(azimuth=10.0 * number), number) for number in range(5)]
    assert side_by_side(searches, painter.draw, painter.light) == [-1.0, 11.0, 22.0, 33.0, 44.0]
    assert painter.drawn == [8, 6, 4, 2]


def test_looks_that_are_not_alike_are_drawn_apart() -> None:
    painter = Painter()
    assert side_by_side([uphill(START, 1), uphill(START, 1, blur=4), uphill(START, 1)], painter.draw, painter.light) == [1.0, 1.0, 1.0]
    assert painter.drawn == [4, 2]


def test_a_rendering_has_no_more_cameras_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOGETHER", 4)
    painter = Painter()
    side_by_side([uphill(START, 1) for _ in range(5)], painter.draw, painter.light)
    assert painter.drawn == [4, 4, 2]


def test_nothing_to_search_is_nothing_found() -> None:
    painter = Painter()
    assert side_by_side([], painter.draw, painter.light) == [] and painter.drawn == []


def test_what_is_cancelled_ends_between_two_renderings() -> None:
    painter = Painter()

    def endless() -> Search[None]:
        while True:
            yield Look([START], unlit())

    def pressed() -> Iterator[None]:
        yield from (None, None)
        raise Cancelled

    presses = pressed()
    with pytest.raises(Cancelled):
        side_by_side([endless()], painter.draw, painter.light, lambda: next(presses))
    assert painter.drawn == [1, 1]
