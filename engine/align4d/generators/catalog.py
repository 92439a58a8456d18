"""Every generator that there is. A new one is a file of its own, and a line here."""

from __future__ import annotations

from ..models.card import ModelCard, Role
from .blip import Blip
from .embedded_3d import Embedded3D
from .flux2 import Flux2Klein
from .interfaces import Generator
from .lgm import LGM
from .ltx import LTX
from .sdxl import SDXL
from .shap_e import ShapE
from .svd import SVD, ShortSVD
from .sway import Sway
from .wan import Wan
from .z_image import ZImage

GENERATORS: tuple[type[Generator], ...] = (Flux2Klein, ZImage, SDXL, Wan, SVD, ShortSVD, LTX, Sway, LGM, ShapE, Embedded3D, Blip)
"""Of each role, the one that is taken first where several are on this machine stands first."""


def generator_of(identifier: str) -> type[Generator] | None:
    """The generator whose card has this id."""
    return next((one for one in GENERATORS if one.card.id == identifier), None)


def cards(role: Role | None = None) -> list[ModelCard]:
    """All cards, or those of a role, in the order of `GENERATORS`."""
    return [one.card for one in GENERATORS if role in (None, one.card.role)]
