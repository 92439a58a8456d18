"""Every reader of files and lines that somebody else may have written, as one call each."""

from __future__ import annotations

import io
import json
from pathlib import Path

import torch
from align4d_lab.datasets.x4d.gallery import write_gallery
from align4d_lab.datasets.x4d.manifest import write_manifest
from align4d_lab.evaluation.gltf_motion import read_animated_gltf
from align4d_lab.evaluation.read_result import read_result
from align4d_lab.evaluation.truth_file import read_truth

from align4d import protocol, server
from align4d.errors import EngineError
from align4d.generators.catalog import cards
from align4d.inputs.asset import load_asset
from align4d.inputs.gaussian_file import holds_gaussians, read_gaussians
from align4d.inputs.images import load_picture
from align4d.inputs.mesh_asset import load_mesh_file
from align4d.inputs.video import load_clip
from align4d.job.checkpoint import Checkpoint
from align4d.models.component_folder import find_component
from align4d.models.store import ModelStore
from align4d.pipeline.request_check import check_values
from align4d.pipeline.settings import settings_for

from . import samples
from .trial import Target


def _sequence(folder: Path, path: Path) -> None:
    load_picture(path)
    load_clip(protocol.VideoSpec(images=(str(path), str(path)), fps=12.0), 64)


def _gaussians(folder: Path, path: Path) -> None:
    holds_gaussians(path)
    read_gaussians(path)


def _request(folder: Path, path: Path) -> None:
    request = protocol.read_request(folder)
    check_values(request)
    load_asset(request, folder)


def _result(folder: Path, path: Path) -> None:
    protocol.read_result(folder)
    read_result(folder, None, 12.0, torch.device("cpu"))


def _weights(folder: Path, path: Path) -> None:
    find_component(folder, "unet", "diffusion_pytorch_model", half=False)
    store = ModelStore(folder)
    for card in cards():
        store.find(card)
        store.accepted(card)


def _dataset(folder: Path, path: Path) -> None:
    write_gallery(folder, write_manifest(folder))


def _checkpoint(folder: Path, path: Path) -> None:
    Checkpoint(folder, samples.MADE_OF, lambda sentence: None).load("camera")


def _line(folder: Path, path: Path) -> None:
    """A server that hears the line, and then one that tells it to leave, and leaves."""
    heard = io.BytesIO(path.read_bytes() + b"\n" + protocol.encode({"command": "quit"}).encode())
    server.serve(_no_job, heard, io.StringIO())


def _no_job(folder: Path, report: object) -> protocol.Result:
    raise EngineError("no_job", "There is no job.", "Nothing is to be done.")


def _settings(folder: Path, path: Path) -> None:
    try:
        overrides = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        return
    if isinstance(overrides, dict):
        settings_for("artist", overrides)


TARGETS = (
    Target("movies", samples.movies, lambda folder, path: load_clip(protocol.VideoSpec(path=str(path)), 64)),
    Target("images", samples.images, _sequence),
    Target("meshes", samples.meshes, lambda folder, path: load_mesh_file(path)),
    Target("gaussians", samples.gaussians, _gaussians),
    Target("requests", samples.job, _request),
    Target("results", samples.job, _result),
    Target("checkpoints", samples.checkpoint, _checkpoint),
    Target("moving glTF", samples.moving_gltf, lambda folder, path: read_animated_gltf(path, 12.0)),
    Target("truths", samples.truths, lambda folder, path: read_truth(path)),
    Target("weights", samples.weights, _weights),
    Target("datasets", samples.dataset, _dataset),
    Target("commands", samples.conversation, _line),
    Target("settings", samples.settings, _settings),
)
