"""What was generated is kept with what it was made of: nothing is made twice, nothing stale is taken, nothing costly thrown away."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from theatre import Theatre, job_of, write_picture

from align4d import protocol
from align4d.job.reporting import RecordingReporter
from align4d.pipeline.pair import complete_pair


def test_what_was_made_of_another_picture_is_made_anew_and_the_old_video_kept(theatre: Theatre, tmp_path: Path) -> None:
    """The artist paints the picture over and lets the job go on."""
    folder = job_of(theatre, tmp_path, "image")
    complete_pair(folder, protocol.read_request(folder), RecordingReporter(), 6)
    old = {path.name: path.read_bytes() for path in (folder / "output" / "video").iterdir()}
    write_picture(tmp_path / "image.png", np.roll(theatre.picture, 3, axis=1))
    theatre.called.clear()
    for called in (["tell", "film a puppet", "sculpt"], []):
        report = RecordingReporter()
        request, _ = complete_pair(folder, protocol.read_request(folder), report, 6)
        assert theatre.called == called
        notes = [event["message"] for event in report.events if event.get("code") == "made_anew"]
        assert len(notes) == (3 if called else 0) and all("The image changed" in one or "The picture changed" in one for one in notes)
        assert all(Path(name).parent == (folder / "output" / "video").resolve() for name in request.video.images)
        assert {path.name: path.read_bytes() for path in (folder / "output" / "video-1").iterdir()} == old
        theatre.called.clear()


def test_another_text_is_another_video_of_the_same_mesh(theatre: Theatre, tmp_path: Path) -> None:
    folder = job_of(theatre, tmp_path, "text mesh")
    complete_pair(folder, protocol.read_request(folder), RecordingReporter(), 6)
    theatre.called.clear()
    changed = dataclasses.replace(protocol.read_request(folder), prompt="a puppet that sleeps")
    complete_pair(folder, changed, RecordingReporter(), 6)
    assert theatre.called == ["film a puppet that sleeps"]


@pytest.mark.parametrize("damage", ["output/video/0001.png", "output/video/made_of.json", "work/pair/picture.npz", "work/pair/asset.npz"])
def test_a_damaged_product_is_made_anew(theatre: Theatre, tmp_path: Path, damage: str) -> None:
    folder = job_of(theatre, tmp_path, "text")
    first, _ = complete_pair(folder, protocol.read_request(folder), RecordingReporter(), 6)
    theatre.called.clear()
    (folder / damage).unlink() if damage.endswith("0001.png") else (folder / damage).write_bytes(b"{")
    report = RecordingReporter()
    again, _ = complete_pair(folder, protocol.read_request(folder), report, 6)
    assert again == first
    made = {"0001.png": "film", "made_of.json": "film", "picture.npz": "paint", "asset.npz": "sculpt"}[Path(damage).name]
    assert [call.split()[0] for call in theatre.called] == [made]
    assert ["damaged" in event["message"] for event in report.events if event.get("code") == "made_anew"] == [True]
