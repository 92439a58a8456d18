"""The one error of both sides: what it carries, how it travels, and what other exceptions become."""

from __future__ import annotations

import errno
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from align4d import protocol
from align4d.errors import EngineError, as_engine_error, writing
from align4d.protocol import ProtocolError, UserError


def test_it_travels_as_json_and_between_processes() -> None:
    error = UserError("video_missing", "v1.2. final.mp4 is not there.", "Choose it again.", "choose_video")
    assert str(error) == "v1.2. final.mp4 is not there. Choose it again."
    for again in (UserError.from_dict(json.loads(json.dumps(error.as_dict()))), pickle.loads(pickle.dumps(error))):
        assert type(again) is UserError and again.as_dict() == error.as_dict()


def test_one_of_an_older_version_names_no_repair() -> None:
    assert UserError.from_dict({"code": "a", "message": "b.", "advice": "c."}).fix == ""


def test_a_full_stop_in_a_name_splits_no_sentence(tmp_path: Path) -> None:
    path = tmp_path / "shot 1. final.pc2"
    path.write_bytes(b"nothing")
    with pytest.raises(ProtocolError) as caught:
        protocol.pc2_shape(path)
    failure = as_engine_error(pickle.loads(pickle.dumps(caught.value)))
    assert failure.code == "protocol" and failure.message == "shot 1. final.pc2 is not a PC2 file." and failure.advice == "Generate the motion again."


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (OSError("4096 requested and 512 written"), "disk_full"),  # numpy's, which has no number
        (PermissionError(errno.EACCES, "Permission denied"), "cannot_write"),
        (OSError(errno.EROFS, "Read-only file system"), "cannot_write"),
    ],
)
def test_what_goes_wrong_while_writing(error: OSError, code: str) -> None:
    with pytest.raises(EngineError) as caught, writing():
        raise error
    assert caught.value.code == code and caught.value.message.endswith(".") and caught.value.advice.endswith(".")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
def test_numpy_s_own_error_is_known() -> None:
    with pytest.raises(EngineError) as caught, writing(), open("/dev/full", "wb") as file:
        np.save(file, np.zeros(1_000_000))
    assert caught.value.code == "disk_full"


def test_the_reason_may_lie_behind_another_error() -> None:
    outer = RuntimeError("could not save")
    outer.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert as_engine_error(outer).code == "disk_full"
    assert as_engine_error(RuntimeError("CUDA out of memory")).code == as_engine_error(MemoryError()).code == "out_of_memory"
    bug = as_engine_error(KeyError("x"))
    assert (bug.code, bug.fix) == ("internal", "open_log") and "KeyError" in bug.message
