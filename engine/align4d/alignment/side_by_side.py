"""Searches that go on side by side: what each of them wants to see next is drawn in one rendering for all.

A picture of a few thousand Gaussians is drawn in no time, and asking for it takes long, on a GPU above all.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Tensor

from ..cameras.orbit import Orbit
from ..rendering.cpu.threads import core_count
from .lighting import Lighting

TOGETHER = 32
"""Cameras of a rendering at most, but for those of one look: memory is bounded by this."""

THREADS = 8
"""At most, in which lights are found beside each other."""


@dataclass(frozen=True)
class Look:
    """What a search wants to see: by `cameras`, in a light.

    Attributes:
        blur: see `pose.BLURS`.
        masks: the masks alone are wanted.
    """

    cameras: list[Orbit]
    lighting: Lighting
    blur: int = 0
    masks: bool = False


Found = TypeVar("Found")
Search = Generator[Look | Orbit, Any, Found]
"""Asks for a `Look`, which is answered by a tensor with a row for each camera, or, by a camera, for the light that it sees."""


def side_by_side(
    searches: Sequence[Search[Found]],
    draw: Callable[[list[Look]], list[Tensor]],
    light: Callable[[Orbit], Lighting],
    each: Callable[[], None] = lambda: None,
) -> list[Found]:
    """What the searches find.

    Args:
        draw: answers looks that are alike but for their cameras and lights.
        light: that a camera sees.
        each: called before each round of answers, see `Reporter.check_cancelled`.
    """
    found: dict[int, Found] = {}
    asked: dict[int, Look | Orbit] = {}

    def go_on(number: int, answer: Any) -> None:
        try:
            asked[number] = searches[number].send(answer)
        except StopIteration as end:
            found[number] = end.value

    for number in range(len(searches)):
        go_on(number, None)
    with ThreadPoolExecutor(min(THREADS, core_count(), max(1, len(searches)))) as threads:
        while asked:
            each()
            now, asked = asked, {}
            dark = {number: one for number, one in now.items() if isinstance(one, Orbit)}
            answers: dict[int, Any] = dict(zip(dark, (threads.map if len(dark) > 1 else map)(light, dark.values()), strict=True))
            for looks in _alike({number: one for number, one in now.items() if isinstance(one, Look)}):
                answers.update(zip(looks, draw(list(looks.values())), strict=True))
            for number in now:
                go_on(number, answers[number])
    return [found[number] for number in range(len(searches))]


def _alike(looks: dict[int, Look]) -> list[dict[int, Look]]:
    """Looks that can be answered by one rendering."""
    groups: list[dict[int, Look]] = []
    for number, look in looks.items():
        for group in groups:
            first = next(iter(group.values()))
            room = TOGETHER - sum(len(one.cameras) for one in group.values())
            if (first.blur, first.masks) == (look.blur, look.masks) and len(look.cameras) <= room:
                group[number] = look
                break
        else:
            groups.append({number: look})
    return groups
