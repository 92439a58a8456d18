"""The models that make what is missing: which one has a role, and one of them opened at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from align4d.errors import EngineError
from align4d.generators.catalog import generator_of
from align4d.generators.generator_settings import GeneratorSettings
from align4d.generators.interfaces import GenerationOptions, Generator
from align4d.models.card import ModelCard, Role
from align4d.models.placing import Place
from align4d.models.store import ModelStore
from align4d.pipeline.route import Chooser, Product, Route, Step, require_ready

PRODUCTS: dict[Role, Product] = {"text_to_image": "image", "image_to_text": "caption", "image_to_video": "video", "image_to_3d": "asset"}


class CannotOpen(EngineError):
    """A model cannot be loaded here: no fault of the item, so that the building stops."""


class Workshop(Protocol):
    """Where generators come from; travels to the workers of a cluster, so it has to be picklable."""

    def require(self, roles: set[Role]) -> None:
        """Raises EngineError where a role has no model on this machine, or one whose license nobody accepted."""

    def card(self, role: Role) -> ModelCard:
        """Of the model that has the role."""

    def open(self, role: Role) -> Generator:
        """Loads it. Raises EngineError."""


@dataclass(frozen=True)
class ModelWorkshop:
    """The models of this machine.

    Attributes:
        settings: which model has which role, and how it works.
        device: "cpu" or "cuda".
        models: root of the model store; None: the user's own.
    """

    settings: GeneratorSettings
    device: str
    models: Path | None = None

    def require(self, roles: set[Role]) -> None:
        """See `Workshop`."""
        require_ready(Route("a dataset", tuple(self._step(role) for role in sorted(roles))))

    def card(self, role: Role) -> ModelCard:
        """See `Workshop`."""
        card = self._step(role).card
        assert card is not None  # a step with a role has one
        return card

    def open(self, role: Role) -> Generator:
        """See `Workshop`."""
        step, chosen = self._step(role), generator_of(self.card(role).id)
        assert chosen is not None and step.folder is not None  # `require` has seen to it
        options = GenerationOptions(self.settings.steps, self.settings.scale, self.settings.frames)
        place = Place(torch.device(self.device), round(self.settings.memory_gb * 1e9))
        place.limit()
        return chosen.open(step.folder, place, options)

    def _step(self, role: Role) -> Step:
        return Chooser(self.settings, ModelStore(self.models)).step(PRODUCTS[role], "the item", role, prompted=True)


class OpenGenerator:
    """At most one generator is in memory; asking for another role closes it. One of these lives in each process."""

    def __init__(self) -> None:
        self._workshop: Workshop | None = None
        self._role: Role | None = None
        self._generator: Generator | None = None

    def of(self, workshop: Workshop, role: Role) -> Generator:
        """The generator of a role, kept open for the next item. Raises CannotOpen."""
        if self._generator is None or (self._workshop, self._role) != (workshop, role):
            self.close()
            try:
                self._generator = workshop.open(role)
            except EngineError as error:
                raise CannotOpen(error.code, error.message, error.advice, error.fix) from error
            self._workshop, self._role = workshop, role
        return self._generator

    def close(self) -> None:
        """Lets go of it."""
        generator, self._generator = self._generator, None
        if generator is not None:
            generator.close()


opened = OpenGenerator()
"""This process's."""
