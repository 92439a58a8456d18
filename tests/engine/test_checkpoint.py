"""Checkpoints come back as they were, and are whole or not there; one that is damaged, or of something else, is not taken."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import numpy as np
import pytest

from align4d.errors import EngineError
from align4d.job.checkpoint import Checkpoint
from align4d.job.fingerprint import digest, engine_digest
from align4d.protocol import read_arrays, write_arrays

ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(1.5), "empty": np.zeros((0, 3))}
MADE_OF = {"the video": "1", "the mesh": "2"}


class Kept(Checkpoint):
    """A checkpoint that remembers what it says."""

    def __init__(self, folder: Path, made_of: dict[str, str] = MADE_OF) -> None:
        self.said: list[str] = []
        super().__init__(folder, made_of, self.said.append)


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    checkpoint = Kept(tmp_path / "deep" / "work")
    assert checkpoint.load("tracking") is None
    checkpoint.save("tracking", ARRAYS)
    again = Kept(tmp_path / "deep" / "work").load("tracking")
    assert again is not None and set(again) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(again[name], array)
        assert again[name].dtype == array.dtype and again[name].shape == array.shape
    assert checkpoint.load("camera") is None and not checkpoint.said


def test_a_new_one_takes_the_place_of_the_old(tmp_path: Path) -> None:
    checkpoint = Kept(tmp_path)
    checkpoint.save("tracking", ARRAYS)
    checkpoint.save("tracking", {"a": np.ones(1)})
    again = checkpoint.load("tracking")
    assert again is not None and list(again) == ["a"] and again["a"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["tracking.npz"]


def test_a_full_disk_leaves_the_old_one_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = Kept(tmp_path)
    checkpoint.save("tracking", ARRAYS)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EngineError) as caught:
        checkpoint.save("tracking", {"a": np.ones(1)})
    assert caught.value.code == "disk_full"
    again = checkpoint.load("tracking")
    assert again is not None and set(again) == set(ARRAYS)
    assert [path.name for path in tmp_path.iterdir()] == ["tracking.npz"]


def test_one_of_other_things_is_not_taken(tmp_path: Path) -> None:
    Kept(tmp_path).save("tracking", ARRAYS)
    for made_of, words in (
        ({**MADE_OF, "the video": "3"}, "The video changed"),
        ({"the video": "3", "the mesh": "4"}, "The video and the mesh changed"),
        ({**MADE_OF, "Align4D": "5"}, "Align4D changed"),
        ({"the video": "1"}, "What it was made of changed"),
    ):
        other = Kept(tmp_path, made_of)
        assert other.load("tracking") is None
        assert len(other.said) == 1 and other.said[0].startswith(words), other.said
    assert Kept(tmp_path).load("tracking") is not None, "it is still there for whom it fits"


def test_a_damaged_one_is_not_taken(tmp_path: Path) -> None:
    """Cut, flipped or overwritten anywhere: what comes back is exactly what was stored, or nothing."""
    Kept(tmp_path).save("tracking", ARRAYS)
    path = tmp_path / "tracking.npz"
    whole = path.read_bytes()
    chance = random.Random(3)
    refused = 0
    for number in range(300):
        damaged = bytearray(whole)
        at = chance.randrange(len(whole))
        if number % 3 == 0:
            del damaged[at:]
        elif number % 3 == 1:
            damaged[at] ^= 1 << chance.randrange(8)
        else:
            damaged[at : at + 40] = chance.randbytes(40)
        path.write_bytes(damaged)
        checkpoint = Kept(tmp_path)
        found = checkpoint.load("tracking")
        refused += found is None
        assert len(checkpoint.said) == (found is None)
        if found is not None:  # the damage hit what no reader looks at
            assert {name: array.tobytes() for name, array in found.items()} == {name: array.tobytes() for name, array in ARRAYS.items()}
    assert refused > 200


def test_arrays_that_were_not_stored_are_not_taken(tmp_path: Path) -> None:
    Kept(tmp_path).save("tracking", ARRAYS)
    stored = read_arrays(tmp_path / "tracking.npz")
    for other in (
        {**stored, "a": stored["a"].astype(np.float64)},
        {**stored, "a": stored["a"].ravel()},
        {**stored, "more": np.zeros(1)},
        {name: array for name, array in stored.items() if name != "b"},
        dict(ARRAYS),
    ):
        write_arrays(tmp_path / "tracking.npz", other)
        checkpoint = Kept(tmp_path)
        assert checkpoint.load("tracking") is None and "damaged" in checkpoint.said[0]


def test_pickles_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "tracking.npz", a=np.array([{"not": "an array"}], dtype=object))  # type: ignore[arg-type]
    assert Kept(tmp_path).load("tracking") is None


def test_equal_contents_have_equal_digests_and_others_have_not() -> None:
    values: list[object] = [
        1,
        1.0,
        "1",
        (1, 2),
        (1, (2,)),
        ((1,), 2),
        {"a": 1},
        {"b": 1},
        np.zeros(3),
        np.zeros(3, np.float32),
        np.zeros((3, 1)),
        np.ones(3),
        None,
        "half a name \udcff",
    ]
    digests = [digest(value) for value in values]
    assert len(set(digests)) == len(values)
    assert digest({"a": 1, "b": np.ones(2)}) == digest({"b": np.ones(2), "a": 1})
    assert digest(np.ones((4, 2))[::2]) == digest(np.ones((2, 2)))
    assert digest("ab", "c") != digest("a", "bc")
    assert engine_digest() == engine_digest() != digest()
