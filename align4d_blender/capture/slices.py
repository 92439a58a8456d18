"""Work of the main thread in slices, so that a window goes on being drawn, and the artist can break it off.

A generator stands for the work: it yields wherever it may be left alone for a moment, or for good (`close`), and returns what it has made.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeAlias, TypeVar

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")

Slices: TypeAlias = Generator[None, None, T]

Fractions: TypeAlias = Generator[float, None, T]
"""Slices that tell how much is done, from 0 to 1."""

Words: TypeAlias = Generator[str, None, T]
"""Slices that tell what is being done."""

_PATIENCE = 0.02
"""Seconds that the main thread waits for a thread at once."""


def whole(slices: Generator[object, None, T]) -> T:
    """Does all of it at once."""
    while True:
        try:
            next(slices)
        except StopIteration as end:
            result: T = end.value
            return result


def saying(words: str, slices: Slices[T]) -> Words[T]:
    """The same slices; each of them yields what is being done."""
    return _told(slices, lambda _: words)


def part(first: float, last: float, work: Fractions[T]) -> Fractions[T]:
    """The same work, as what a larger one does between two fractions of its own."""
    return _told(work, lambda fraction: first + (last - first) * fraction)


def counting(words: str, work: Fractions[T]) -> Words[T]:
    """The same work; each slice yields what is being done, and how much of it is."""
    return _told(work, lambda fraction: f"{words}: {fraction:.0%}")


def _told(work: Generator[A, None, T], tell: Callable[[A], B]) -> Generator[B, None, T]:
    """The same work, whose slices tell something else; broken off with it."""
    try:
        while True:
            try:
                said = next(work)
            except StopIteration as end:
                result: T = end.value
                return result
            yield tell(said)
    finally:
        work.close()


def aside(work: Callable[[], T]) -> Slices[T]:
    """Does something that touches nothing of Blender's (arrays, files) in a thread; broken off, it is waited for."""
    from concurrent.futures import ThreadPoolExecutor, wait  # takes long to import: Blender starts sooner without it

    with ThreadPoolExecutor(1, "align4d") as thread:
        future = thread.submit(work)
        while wait([future], _PATIENCE).not_done:
            yield
        return future.result()
