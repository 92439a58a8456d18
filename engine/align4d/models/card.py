"""What an artist should know of a model before it is used or downloaded. Standard library only: a plan must not wait for torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["text_to_image", "image_to_video", "image_to_3d", "image_to_text", "masks", "multiview_prior"]

ROLES: dict[Role, str] = {
    "text_to_image": "text to image",
    "image_to_video": "image to video",
    "image_to_3d": "image to 3D",
    "image_to_text": "image to text",
    "masks": "masks for any background",
    "multiview_prior": "multiview priors of the preset Paper",
}
"""Every role, in words."""


@dataclass(frozen=True)
class ModelNeed:
    """What a model takes [bytes].

    Attributes:
        device: at its peak, where it computes, if there is room: as the GPU's own tools show it.
        offloaded: what has to be free there at the least, where components come only while they are used.
        host: in the computer's memory while it is offloaded.
    """

    device: int
    offloaded: int
    host: int

    def within(self, budget: int) -> int:
        """What it takes at its peak where it may have `budget` [bytes]; 0: all that there is."""
        return min(self.device, budget) if budget else self.device


@dataclass(frozen=True)
class ReleaseFile:
    """The one file that a model consists of, where its publisher offers it by itself.

    Attributes:
        url: of the file.
        size: [bytes].
        sha256: of its content.
    """

    url: str
    size: int
    sha256: str


@dataclass(frozen=True)
class ModelCard:
    """Attributes:
    id: how it is chosen in settings and on the command line.
    role: what it does.
    name: as shown to the artist.
    license: short name of the license of its weights.
    non_commercial: whether that license keeps some or all commercial use to itself, so that the artist has to agree first.
    source: its id on the Hugging Face hub, or the page of its publisher where it is one `file`; "" for one that ships with the engine.
    size_on_disk: of what is downloaded [bytes]; 0 for one that ships with the engine.
    need: its memory at the size of picture that it is used with, in half precision.
    takes_prompt: whether it heeds a text beside its picture.
    parts: folders and files of `source` that are needed.
    file: what is downloaded in the place of a repository of the hub; it is kept by the name in `parts`.
    companions: ids on the hub of whole models that it needs as well; each lies in a folder of its name inside its own.
    """

    id: str
    role: Role
    name: str
    license: str
    non_commercial: bool
    source: str
    size_on_disk: int
    need: ModelNeed
    takes_prompt: bool = False
    parts: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()
    file: ReleaseFile | None = None

    @property
    def built_in(self) -> bool:
        """Whether it ships with the engine: nothing to download."""
        return not self.source

    @property
    def publisher(self) -> str:
        """Where it is downloaded from, in words."""
        return self.source if self.file else f"{self.source} on the Hugging Face hub"
