"""A job whose clip comes with a box: the mesh improves the masks, and each step of them is kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from builders import Job
from PIL import Image
from puppets import FOVY, Studio, add_mesh, puppet, request_for
from test_cutout import texture
from theatre import TINY, Theatre

from align4d import protocol
from align4d.alignment.distance import DistanceCurve
from align4d.alignment.lighting import unlit
from align4d.alignment.pose import SolvedPose
from align4d.cameras.orbit import Orbit, blender_from_normalized
from align4d.errors import EngineError
from align4d.inputs.asset import load_asset
from align4d.inputs.cutout.carry import Carried, Cutter
from align4d.inputs.cutout.shapes import overlap, reduced
from align4d.inputs.masks import Masks
from align4d.job.reporting import RecordingReporter
from align4d.pipeline import artist
from align4d.pipeline.box_cutting import BoxCutting
from align4d.pipeline.pair import complete_pair

CAMERA = Orbit(20.0, 12.0, 2.4)
FRAMES = 3
FOCAL = 60 / np.tan(np.radians(FOVY) / 2)
"""Of its pictures [px]."""


@pytest.fixture
def shot(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """A job: the puppet shrinks a little before a wall that moves, as a camera in a hand has it; and its true masks (T, H, W)."""
    job = Job(tmp_path / "job")
    add_mesh(job, puppet())
    asset = load_asset(job.request(), job.folder)
    film = Studio(CAMERA).film(asset, np.stack([asset.vertices * (1 - 0.02 * t) for t in range(FRAMES)]))
    wall, height, width = texture(140, 200), *film.shape[1:3]
    images = []
    for t, picture in enumerate(film):
        behind = wall[4 : 4 + height, 4 + 2 * t : 4 + 2 * t + width]
        alpha = picture[..., 3:] / 255
        images.append(str(tmp_path / f"frame_{t}.png"))
        Image.fromarray((alpha * picture[..., :3] + (1 - alpha) * behind).astype(np.uint8)).save(images[-1])
    truth = film[..., 3].astype(np.float32) / 255
    rows, columns = np.flatnonzero((truth[0] > 0.5).any(axis=1)), np.flatnonzero((truth[0] > 0.5).any(axis=0))
    box = (columns[0] - 3) / width, (rows[0] - 3) / height, (columns[-1] + 4) / width, (rows[-1] + 4) / height
    matrix = blender_from_normalized(CAMERA.world_to_camera(), asset.similarity.center, asset.similarity.size)
    request = request_for(job, tuple(images), TINY, matrix)
    video = dataclasses.replace(request.video, box=tuple(float(side) for side in box))
    protocol.write_json(job.folder / "request.json", dataclasses.replace(request, video=video))
    return job.folder, truth


def test_the_mesh_improves_the_masks_of_a_box(shot: tuple[Path, np.ndarray]) -> None:
    folder, truth = shot
    result = artist.run(folder, RecordingReporter())
    assert result.camera.fovy == FOVY and result.frames == FRAMES
    assert len(protocol.read_arrays(folder / "work" / "tracking_again.npz")["turn"]) == FRAMES
    assert not (folder / "work" / "masks_first.npz").exists(), "the mesh stands in the first frame, which has been cut by it"
    for name in ("masks", "masks_rest", "masks_tracked"):
        inside = protocol.read_arrays(folder / "work" / f"{name}.npz")["inside"]
        agreement = [overlap(one, reduced(other, max(inside.shape[1:]))) for one, other in zip(inside, truth, strict=True)]
        assert min(agreement) > 0.85, (name, agreement)
    assert len(list((folder / "work" / "masks").glob("*.png"))) == FRAMES
    kept = [np.asarray(Image.open(path), np.float32) / 255 for path in sorted((folder / "output" / "masks").glob("*.png"))]
    assert min(overlap(one, other) for one, other in zip(kept, truth, strict=True)) > 0.9
    assert result.figures["background_shift"] == pytest.approx(100 * 2 * (FRAMES - 1) / 160, abs=0.5)
    assert any("camera of the video turns, by up to 1.3 degrees" in note for note in result.notes)
    ahead = np.array(result.camera.path)[:, :3, 2]  # the wall goes to the left by two pixels a frame: the camera has turned to the right
    side = np.array(result.camera.path)[0, :3, 0]
    np.testing.assert_allclose(np.degrees(np.arcsin(-ahead @ side)), np.degrees(np.arctan([0, 2 / FOCAL, 4 / FOCAL])), atol=0.2)
    assert 0.5 < result.figures["look"] <= 1


def test_less_is_asked_of_the_outlines_where_the_masks_are_by_a_box(shot: tuple[Path, np.ndarray]) -> None:
    folder, _ = shot
    job = artist.ArtistJob(folder, protocol.read_request(folder), RecordingReporter())
    exact = job.settings.search.exact
    near, off = (SolvedPose(CAMERA, unlit(), DistanceCurve(np.ones(1), np.ones(1), 1.0), exact - less, 0.0) for less in (0.01, 0.02))
    assert not job.is_certain(near)
    _, clip = job.read_inputs()
    job.cut_out(clip)
    assert job.cutting is not None and job.is_certain(near) and not job.is_certain(off)


def test_a_mask_of_something_else_is_made_anew_by_the_mesh_in_the_box(shot: tuple[Path, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, truth = shot
    real = Cutter.from_box

    def something_else(cutter: Cutter, box: tuple[float, float, float, float]) -> Carried:
        carried = real(cutter, box)
        inside = np.zeros_like(carried.inside)
        inside[:, -20:, :20] = 1
        return Carried(inside, carried.motion)

    monkeypatch.setattr(Cutter, "from_box", something_else)
    artist.run(folder, RecordingReporter())
    inside = protocol.read_arrays(folder / "work" / "masks_view.npz")["inside"]
    assert min(overlap(one, reduced(other, max(inside.shape[1:]))) for one, other in zip(inside, truth, strict=True)) > 0.85


def test_a_right_mask_stays_where_the_mesh_in_the_box_cuts_something_else_out(shot: tuple[Path, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, truth = shot

    def something_else(cutting: BoxCutting, *_: object) -> Masks:
        assert cutting.carried is not None
        inside = np.zeros_like(cutting.carried.inside)
        inside[:, -20:, :20] = 1
        cutting.carried = Carried(inside, cutting.carried.motion)
        return cutting._soft()

    monkeypatch.setattr(BoxCutting, "by_view", something_else)
    job = artist.ArtistJob(folder, protocol.read_request(folder), RecordingReporter())
    asset, clip = job.read_inputs()
    clip, masks = job.cut_out(clip)
    masks = job.cut_as_it_stands(asset, job.bind(asset), job.articulation(asset), clip, masks)
    assert min(overlap(one, other) for one, other in zip(masks.alpha, truth, strict=True)) > 0.85


def test_a_box_that_is_none_is_refused(shot: tuple[Path, np.ndarray]) -> None:
    folder, _ = shot
    request = protocol.read_request(folder)
    wrong = dataclasses.replace(request, video=dataclasses.replace(request.video, box=(0.5, 0.5, 0.4, 0.9)))
    protocol.write_json(folder / "request.json", wrong)
    with pytest.raises(EngineError) as caught:
        artist.run(folder, RecordingReporter())
    assert caught.value.code == "bad_request" and "no box" in caught.value.message


def test_a_new_asset_is_made_of_what_the_box_holds(theatre: Theatre, shot: tuple[Path, np.ndarray]) -> None:
    folder, truth = shot
    complete_pair(folder, dataclasses.replace(protocol.read_request(folder), objects=()), RecordingReporter(), 6)
    pixels = protocol.read_arrays(folder / "work" / "pair" / "picture.npz")["pixels"]
    assert theatre.called == ["sculpt"] and overlap(pixels[..., 3] / 255, truth[0]) > 0.85
