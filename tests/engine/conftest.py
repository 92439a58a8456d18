"""Fixtures of the engine's tests: job folders, movies and image sequences in a temporary folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1] / "engine"), str(HERE), str(HERE.parent)]  # the engine of this checkout; what the tests share

from analytic_priors import MixturePrior  # noqa: E402
from builders import Job  # noqa: E402
from paper_shoot import Shoot, Whole, known_prior  # noqa: E402
from theatre import GENERATORS, Actor, Theatre  # noqa: E402

from align4d.generators import catalog  # noqa: E402
from align4d.models.store import ModelStore  # noqa: E402

MovieWriter = Callable[..., Path]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """An empty job folder."""
    return Job(tmp_path)


@pytest.fixture
def write_movie(tmp_path: Path) -> MovieWriter:
    """Writes (T, H, W, 3 or 4) uint8 frames: write_movie(frames, name, codec, pixel_format, rate, times, rotation, **options)."""

    def write(
        frames: np.ndarray,
        name: str = "clip.mp4",
        codec: str = "libx264",
        pixel_format: str = "yuv420p",
        rate: int = 24,
        times: list[int] | None = None,
        rotation: int = 0,
        **options: str,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as movie:
            stream = movie.add_stream(codec, rate=rate, options=options)
            stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], pixel_format
            if rotation:
                stream.set_display_rotation(rotation)
            for index, pixels in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgba" if frames.shape[3] == 4 else "rgb24")
                if times is not None:
                    frame.pts = times[index]
                movie.mux(stream.encode(frame))
            movie.mux(stream.encode())
        return path

    return write


@pytest.fixture
def write_images(tmp_path: Path) -> Callable[..., tuple[str, ...]]:
    """Writes frames as PNGs and returns their paths in order."""

    def write(frames: np.ndarray) -> tuple[str, ...]:
        paths = [tmp_path / f"frame_{index:03}.png" for index in range(len(frames))]
        for path, pixels in zip(paths, frames, strict=True):
            Image.fromarray(pixels).save(path)
        return tuple(str(path) for path in paths)

    return write


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small priors of each published layout, by kind; not to be changed."""
    from prior_models import save_imagedream, save_zero123  # brings diffusers, which few tests need

    folder = tmp_path_factory.mktemp("models")
    return {
        "xl": save_zero123(folder / "zero123-xl-diffusers"),
        "kxic": save_zero123(folder / "some-name", "cc_projection", "projection"),
        "imagedream": save_imagedream(folder / "imagedream-ipmv-diffusers"),
    }


@pytest.fixture(scope="session")
def puppets(tmp_path_factory: pytest.TempPathFactory) -> Theatre:
    return Theatre(tmp_path_factory.mktemp("theatre"))


@pytest.fixture
def theatre(puppets: Theatre, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Theatre]:
    """New generators are one file each: these stand in the catalog in the place of all others."""
    Actor.theatre = puppets
    puppets.called.clear()
    monkeypatch.setattr(catalog, "GENERATORS", GENERATORS)
    monkeypatch.setenv("ALIGN4D_MODELS", str(tmp_path / "models"))
    yield puppets


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    """The models of a machine that has none."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    return ModelStore(tmp_path / "models")


@pytest.fixture(scope="module")
def shared_prior() -> Iterator[MixturePrior]:
    """The prior that every job of a file gets which asks for it."""
    with known_prior() as known:
        yield known


@pytest.fixture(scope="module")
def shoot(shared_prior: MixturePrior, tmp_path_factory: pytest.TempPathFactory) -> Shoot:
    """A box that leans, filmed, for jobs of the paper's method with `shared_prior`."""
    return Shoot(tmp_path_factory.mktemp("shoot"))


@pytest.fixture(scope="module")
def whole(shoot: Shoot, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """A job of that, run without a break."""
    return Whole.of(shoot.job(tmp_path_factory.mktemp("whole")))
