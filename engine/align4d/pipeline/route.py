"""From what an artist gives to the pair of video and 3D asset: which steps, by which models. Planned before anything is loaded or run.

mesh + video            nothing to generate
video                   first frame -> 3D
image                   -> video, -> 3D
image + mesh            -> video
image + video           image -> 3D
text                    -> image, and on as an image
text + mesh             the mesh seen from the reference camera -> video after the text
text + image            as an image, the text says what happens
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import EngineError
from ..generators.catalog import cards, generator_of
from ..generators.generator_settings import AUTO, GeneratorSettings
from ..models.card import ROLES, ModelCard, Role
from ..models.store import ModelStore

Product = Literal["image", "caption", "video", "asset"]


@dataclass(frozen=True)
class JobInputs:
    """What the artist gives.

    Attributes:
        mesh: meshes, or Gaussians in the place of one.
        video, image: whether there is one.
        prompt: "" without one.
    """

    mesh: bool = False
    video: bool = False
    image: bool = False
    prompt: str = ""

    @property
    def words(self) -> str:
        """For instance "text + mesh"."""
        named = {"text": bool(self.prompt.strip()), "image": self.image, "video": self.video, "mesh": self.mesh}
        return " + ".join(name for name, there in named.items() if there)


@dataclass(frozen=True)
class Step:
    """One thing that is made.

    Attributes:
        product: what.
        source: of what, in words.
        card: of the model that makes it; None where the engine does by itself.
        folder: where the model lies; None: not on this machine.
        accepted: whether it may be used as far as its license goes.
    """

    product: Product
    source: str
    card: ModelCard | None = None
    folder: Path | None = None
    accepted: bool = True

    @property
    def ready(self) -> bool:
        """Whether it can run."""
        return self.card is None or (self.folder is not None and self.accepted)


@dataclass(frozen=True)
class Route:
    """Attributes:
    name: what was given, in words.
    steps: in their order; none for a mesh and a video.
    notes: what the artist should know, as sentences.
    """

    name: str
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether all steps can run on this machine."""
        return all(step.ready for step in self.steps)

    def step(self, product: Product) -> Step | None:
        """The step that makes `product`."""
        return next((step for step in self.steps if step.product == product), None)


def plan(given: JobInputs, settings: GeneratorSettings, store: ModelStore) -> Route:
    """The route from what is given.

    Raises:
        EngineError: "route_nothing", "route_mesh_alone", "unknown_model".
    """
    text = bool(given.prompt.strip())
    if not (text or given.image or given.video):
        raise _nothing_to_go_by(given)
    choose = Chooser(settings, store)
    steps: list[Step] = []
    notes: list[str] = []
    seen = "the image" if given.image else "the video's first frame" if given.video else "the mesh seen from the reference camera"
    if text and not (given.image or given.video or given.mesh):
        steps.append(choose.step("image", "the text", "text_to_image"))
        seen = "that image"
    if not given.video:
        video = choose.step("video", seen, "image_to_video", prompted=text)
        if video.card and video.card.takes_prompt and not text:
            captioner = choose.step("caption", seen, "image_to_text")
            if captioner.ready:
                steps.append(captioner)
        steps.append(video)
        if video.card and _only_moves(video.card):
            notes.append(f"No model that makes videos is on this machine: the object only sways. {_best_of('image_to_video')}")
        elif text and video.card and not video.card.takes_prompt:
            notes.append(f"{video.card.name} takes no text: the motion goes by the picture alone.")
    elif text:
        notes.append("The text is not needed: the video says what happens.")
    if not given.mesh:
        steps.append(choose.step("asset", seen, "image_to_3d"))
    elif given.image and given.video:
        notes.append("The image is not needed: mesh and video say everything.")
    return Route(given.words, tuple(steps), tuple(notes))


def require_ready(route: Route) -> None:
    """Raises EngineError "model_missing" or "license_not_accepted" where a step cannot run, with what to do."""
    for step in route.steps:
        if step.card is None or step.ready:
            continue
        card = step.card
        if step.folder is None:
            raise EngineError(
                "model_missing",
                f"To make the {step.product} of {step.source}, Align4D needs a model for {ROLES[card.role]}, for instance {card.name}"
                f" ({card.size_on_disk / 1e9:.1f} GB, {card.license}), and none is on this machine.",
                f"Fetch it in the preferences or by: align4d models fetch {card.id}",
                f"fetch_model:{card.id}",
            )
        raise EngineError(
            "license_not_accepted",
            f"The license of {card.name} ({card.license}) limits commercial use, and nobody has agreed to it here.",
            f"Accept it in the preferences or by: align4d models accept {card.id}",
            f"accept_license:{card.id}",
        )


class Chooser:
    """Picks the model for a role."""

    def __init__(self, settings: GeneratorSettings, store: ModelStore) -> None:
        self.settings, self.store = settings, store

    def step(self, product: Product, source: str, role: Role, prompted: bool = False) -> Step:
        """`prompted`: a model that takes a prompt is preferred."""
        wanted = getattr(self.settings, role)
        card = self._first(role, prompted) if wanted == AUTO else self._named(wanted, role)
        return Step(product, source, card, self.store.find(card), self.store.accepted(card))

    def _first(self, role: Role, prompted: bool) -> ModelCard:
        """The first that can run; else the first that limits nobody, which is what to fetch. Words need more than what is built in."""
        known = [card for card in cards(role) if not (prompted and _only_moves(card))]
        known.sort(key=lambda card: prompted and not card.takes_prompt)
        usable = [card for card in known if self.store.find(card) is not None and self.store.accepted(card)]
        free = [card for card in known if not card.non_commercial]
        return (usable or free or known)[0]

    def _named(self, identifier: str, role: Role) -> ModelCard:
        found = generator_of(identifier)
        if found is None or found.card.role != role:
            known = ", ".join(card.id for card in cards(role))
            message = f"{identifier!r} is no model for {ROLES[role]}."
            raise EngineError("unknown_model", message, f"Choose auto, or one of: {known}.", "clear_overrides")
        return found.card


def _only_moves(card: ModelCard) -> bool:
    """Whether it moves any picture in one way, because it is no model."""
    return card.built_in and not card.takes_prompt


def _best_of(role: Role) -> str:
    """What to fetch for a role, as a sentence."""
    card = next(card for card in cards(role) if not (card.non_commercial or card.built_in))
    return f"For real motion fetch one, for instance {card.name} ({card.size_on_disk / 1e9:.1f} GB): align4d models fetch {card.id}"


def _nothing_to_go_by(given: JobInputs) -> EngineError:
    if given.mesh:
        return EngineError(
            "route_mesh_alone",
            "A mesh alone does not say how it is to move.",
            "Give a video to follow, or a text or an image of which a video can be made.",
        )
    return EngineError("route_nothing", "Nothing is given.", "Give a video, an image or a text, with or without a mesh.")
