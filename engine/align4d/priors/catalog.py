"""The multiview priors that can be chosen by name: their cards, and what each one's folder holds. Standard library only, as the cards are.

Sizes are those of the published networks in half precision, the picture encoder's in float32; memory is what is estimated for four
pictures at once (docs/developers/priors.md).
"""

from __future__ import annotations

from typing import Literal

from ..models.card import ModelCard, ModelNeed

PriorKind = Literal["auto", "zero123", "stable-zero123", "imagedream"]

EMBEDDED = "embedded"

_COMMON = ("model_index.json", "unet", "vae", "image_encoder", "scheduler")
_PROJECTION = "clip_camera_projection"


def _card(identifier: str, name: str, license_name: str, source: str, size: int, need: ModelNeed, own: tuple[str, ...]) -> ModelCard:
    return ModelCard(
        id=identifier,
        role="multiview_prior",
        name=name,
        license=license_name,
        non_commercial="non-commercial" in license_name,
        source=source,
        size_on_disk=size,
        need=need,
        parts=(*_COMMON, *own),
    )


_ZERO123_NEED = ModelNeed(device=7_000_000_000, offloaded=6_400_000_000, host=2_300_000_000)
_IMAGEDREAM_NEED = ModelNeed(device=8_200_000_000, offloaded=6_900_000_000, host=3_200_000_000)

_ZERO123_XL = _card("zero123-xl", "Zero123-XL", "MIT", "ashawkey/zero123-xl-diffusers", 2_660_000_000, _ZERO123_NEED, (_PROJECTION,))
_STABLE_ZERO123 = _card(
    "stable-zero123",
    "Stable-Zero123",
    "Stability AI, non-commercial",
    "ashawkey/stable-zero123-diffusers",
    2_660_000_000,
    _ZERO123_NEED,
    (_PROJECTION,),
)
_IMAGEDREAM = _card(
    "imagedream",
    "ImageDream",
    "CreativeML Open RAIL-M",
    "ashawkey/imagedream-ipmv-diffusers",
    4_200_000_000,
    _IMAGEDREAM_NEED,
    ("text_encoder", "tokenizer"),
)

PRIORS: dict[str, tuple[ModelCard, PriorKind]] = {
    _ZERO123_XL.id: (_ZERO123_XL, "zero123"),
    _STABLE_ZERO123.id: (_STABLE_ZERO123, "stable-zero123"),
    _IMAGEDREAM.id: (_IMAGEDREAM, "imagedream"),
}
"""The paper's, by the id of each one's card."""

BUILT_IN = ModelCard(EMBEDDED, "multiview_prior", "Built-In Prior", "GPL-3.0-or-later", False, "", 0, ModelNeed(0, 0, 0))


def prior_cards() -> list[ModelCard]:
    """All of them, the built-in one first."""
    return [BUILT_IN, *(card for card, _ in PRIORS.values())]
