"""Chooses and loads a prior: the embedded one, or one of the paper's by its name, from a folder or from the Hugging Face hub."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from ..errors import EngineError
from ..models.component_folder import read_json
from ..models.hub import find_model
from ..models.store import ModelStore
from .catalog import EMBEDDED, PRIORS, PriorKind
from .prior import MultiviewPrior
from .prior_options import PriorOptions
from .zero123 import STABLE_ZERO123, ZERO123, load_zero123


@dataclass(frozen=True)
class PriorSpec:
    """Which prior, and how it is to compute.

    Attributes:
        source: "embedded", a model of `align4d models list`, the folder of a published one, or its id on the Hugging Face hub ("owner/name").
        kind: what the folder holds; "auto" tells it from its layout and name.
        options: for the large priors; the embedded one needs none, and computes in bfloat16 where half precision is asked for.
    """

    source: str = EMBEDDED
    kind: PriorKind = "auto"
    options: PriorOptions = field(default_factory=PriorOptions)

    def __post_init__(self) -> None:
        if self.kind not in ("auto", "zero123", "stable-zero123", "imagedream"):
            raise ValueError(f"kind is {self.kind!r}, not auto, zero123, stable-zero123 or imagedream")


def load_prior(spec: PriorSpec, device: torch.device | str, online: bool = False) -> MultiviewPrior:
    """The prior, ready to be asked on `device`.

    Args:
        online: a model that the hub's cache on this machine lacks may be fetched. The caller's own word, never one of a job's settings:
            those may come with somebody else's scene.

    Raises:
        EngineError: "model_not_found" where there is no such folder and no such model in the hub's cache, "prior_kind" for a folder
            that does not tell what it holds, "license_not_accepted", "model_libraries", "model_layout", "model_pickle", "model_file",
            "model_memory", "prior_weights" (the embedded prior's).
    """
    device = torch.device(device)
    if spec.source == EMBEDDED:
        from .embedded import load_embedded_prior

        return load_embedded_prior(device, half=spec.options.precision in ("float16", "bfloat16"))
    folder, kind = find_prior(spec, online)
    if kind == "imagedream":
        from .imagedream import load_imagedream

        return load_imagedream(folder, device, spec.options)
    return load_zero123(folder, STABLE_ZERO123 if kind == "stable-zero123" else ZERO123, device, spec.options)


def find_prior(spec: PriorSpec, online: bool) -> tuple[Path, PriorKind]:
    """Where a published prior lies on this machine, and what it is; see `load_prior`.

    Raises:
        EngineError: "model_not_found", "license_not_accepted", "model_libraries", "model_layout", "prior_kind".
    """
    if spec.source in PRIORS:
        (card, kind), store = PRIORS[spec.source], ModelStore()
        store.require_accepted(card)
        place = store.find(card)
        if place is None:
            advice = f"Fetch it in the preferences or by: align4d models fetch {card.id}"
            raise EngineError("model_not_found", f"{card.name} is not on this machine.", advice, f"fetch_model:{card.id}")
        return place, kind
    folder = find_model(spec.source, online)
    return folder, find_kind(folder) if spec.kind == "auto" else spec.kind


def find_kind(folder: Path) -> PriorKind:
    """What a folder holds, told from its layout; Zero123 and Stable-Zero123, which share one, from its published name.

    Raises:
        EngineError: "model_layout" where it is none of these, "prior_kind" where it cannot be told.
    """
    if (folder / "cc_projection").is_dir():
        return "zero123"
    if (folder / "clip_camera_projection").is_dir():
        return _zero123_by_name(folder)
    if (folder / "unet" / "config.json").is_file() and "ip_dim" in read_json(folder / "unet" / "config.json"):
        return "imagedream"
    raise EngineError(
        "model_layout",
        f"{folder} holds neither Zero123, nor Stable-Zero123, nor ImageDream, as they are published for diffusers.",
        "Choose the folder that holds the prior's model_index.json, with all its subfolders.",
    )


def _zero123_by_name(folder: Path) -> PriorKind:
    # in the hub's cache the name is two folders up: models--OWNER--NAME/snapshots/REVISION
    name = (folder.parent.parent if folder.parent.name == "snapshots" else folder).resolve().name.lower()
    if "stable" in name:
        return "stable-zero123"
    if "zero123" in name:
        return "zero123"
    raise EngineError(
        "prior_kind",
        f"{folder} may hold Zero123 or Stable-Zero123: both look the same.",
        "Say which it is, or name the folder as it was published, for instance stable-zero123-diffusers.",
    )
