"""The networks that cut an object out of any background: their cards, and how each takes and gives pictures.

Files, hashes, sizes and constants are those of rembg 2.0.86 (MIT), which publishes these networks as ONNX. rembg's own default may not be
used commercially, and some of its models send pictures away; these three do neither.
"""

from __future__ import annotations

from dataclasses import dataclass

from .card import ModelCard, ModelNeed, ReleaseFile

_RELEASE = "https://github.com/danielgatis/rembg/releases/download/v0.0.0"
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class MaskModel:
    """A network that takes a picture (1, 3, side, side) and gives a mask (1, 1, side, side).

    Attributes:
        side: of the square that it was trained with [px].
        mean, deviation: of red, green and blue in [0, 1]: subtracted, then divided by.
        logits: whether what it gives still has to go through a sigmoid.
    """

    card: ModelCard
    side: int
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    logits: bool = False


def _card(identifier: str, name: str, license_name: str, file: ReleaseFile) -> ModelCard:
    return ModelCard(
        id=identifier,
        role="masks",
        name=name,
        license=license_name,
        non_commercial=False,
        source="https://github.com/danielgatis/rembg",
        size_on_disk=file.size,
        need=ModelNeed(device=0, offloaded=0, host=file.size),
        parts=(f"{identifier}.onnx",),
        file=file,
    )


ISNET = MaskModel(
    _card(
        "isnet-general-use",
        "ISNet",
        "Apache-2.0",
        ReleaseFile(f"{_RELEASE}/isnet-general-use.onnx", 178_648_008, "60920e99c45464f2ba57bee2ad08c919a52bbf852739e96947fbb4358c0d964a"),
    ),
    side=1024,
    mean=(0.5, 0.5, 0.5),
    deviation=(1.0, 1.0, 1.0),
)
"""Qin et al., Highly Accurate Dichotomous Image Segmentation, 2022; https://github.com/xuebinqin/DIS."""

BIREFNET_LITE = MaskModel(
    _card(
        "birefnet-general-lite",
        "BiRefNet Lite",
        "MIT",
        ReleaseFile(
            f"{_RELEASE}/BiRefNet-general-bb_swin_v1_tiny-epoch_232.onnx",
            224_005_088,
            "5600024376f572a557870a5eb0afb1e5961636bef4e1e22132025467d0f03333",
        ),
    ),
    1024,
    *_IMAGENET,
    logits=True,
)
"""Zheng et al., Bilateral Reference for High-Resolution Dichotomous Image Segmentation, 2024; https://github.com/ZhengPeng7/BiRefNet."""

U2NET = MaskModel(
    _card(
        "u2net",
        "U2-Net",
        "Apache-2.0",
        ReleaseFile(f"{_RELEASE}/u2net.onnx", 175_997_641, "8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491"),
    ),
    320,
    *_IMAGENET,
)
"""Qin et al., U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection, 2020; https://github.com/xuebinqin/U-2-Net."""

MASK_MODELS = (ISNET, BIREFNET_LITE, U2NET)
"""The one that is taken first where several are on this machine stands first: the second is finer, and many times slower."""
