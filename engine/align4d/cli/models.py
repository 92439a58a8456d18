"""`align4d plan` and `align4d models`: what a job would take, and the models that there are, for a terminal and for other programs."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from ..errors import Cancelled, EngineError, as_engine_error
from ..generators.catalog import cards
from ..inputs.foreground_model import installed
from ..models.card import ROLES, ModelCard
from ..models.fetch import fetch
from ..models.mask_models import MASK_MODELS
from ..models.store import ModelStore
from ..pipeline.route import JobInputs, Route, Step, plan
from ..pipeline.settings import settings_for
from ..priors.catalog import prior_cards


def run(options: argparse.Namespace, console: Console) -> int:
    """Carries out `plan` or an action of `models`; 0 where it succeeded."""
    store = ModelStore()
    try:
        if options.command == "plan":
            return _plan(options, store, console)
        return {"list": _list, "fetch": _fetch, "use": _use, "accept": _accept, "remove": _remove}[options.action](options, store, console)
    except Cancelled:
        _say(options, console, {"event": "cancelled"}, "Stopped. What has come stays: fetch again to go on.")
        return 130
    except Exception as error:
        failure = as_engine_error(error)
        told = {"event": "failed", **failure.as_dict()}
        _say(options, console, told, f"[red]{escape(failure.message)}[/red] {escape(failure.advice)}")
        return 1


def _plan(options: argparse.Namespace, store: ModelStore, console: Console) -> int:
    settings = settings_for("artist", dict(options.set)).generators
    route = plan(JobInputs(bool(options.mesh), bool(options.video), bool(options.image), options.prompt), settings, store)
    budget = round(settings.memory_gb * 1e9)
    if options.json:
        _print(route_as_json(route, budget))
        return 0
    console.print(f"From {route.name}:" if route.steps else f"From {route.name}: nothing has to be generated.")
    for step in route.steps:
        console.print(f"  {step.product} of {step.source}: {escape(_sentence(step, budget))}")
    for note in route.notes:
        console.print(f"  {note}")
    return 0


def route_as_json(route: Route, budget: int = 0) -> dict[str, Any]:
    """A route for other programs. `budget`: of a GPU's memory [bytes]; 0: all that there is."""
    steps = [
        {
            "product": step.product,
            "source": step.source,
            "ready": step.ready,
            "sentence": _sentence(step, budget),
            "model": _told(step.card, step.folder is not None),
        }
        for step in route.steps
    ]
    return {"name": route.name, "ready": route.ready, "steps": steps, "notes": list(route.notes)}


def _sentence(step: Step, budget: int) -> str:
    """What a step takes, in words."""
    card = step.card
    if card is None:
        return "by the engine itself"
    if card.built_in:
        return f"{card.name} (built in)"
    need = f"up to {card.need.within(budget) / 1e9:.1f} GB of GPU memory, at least {card.need.offloaded / 1e9:.1f} GB"
    if 0 < budget < card.need.offloaded:
        need = f"at least {card.need.offloaded / 1e9:.1f} GB of GPU memory, more than the {budget / 1e9:.1f} GB that it may use"
    if step.folder is None:
        state = f"not on this machine, {card.size_on_disk / 1e9:.1f} GB to fetch"
    else:
        state = "on this machine" if step.accepted else "on this machine, its license is not accepted"
    return f"{card.name} ({_license(card)}): {need}; {state}"


def _license(card: ModelCard) -> str:
    return f"{card.license}, limits commercial use" if card.non_commercial else card.license


def _told(card: ModelCard | None, there: bool) -> dict[str, Any] | None:
    if card is None:
        return None
    return {
        "id": card.id,
        "role": card.role,
        "name": card.name,
        "license": card.license,
        "non_commercial": card.non_commercial,
        "source": card.source,
        "size_on_disk": card.size_on_disk,
        "memory": card.need.device,
        "memory_offloaded": card.need.offloaded,
        "there": there,
    }


def _list(options: argparse.Namespace, store: ModelStore, console: Console) -> int:
    told = []
    for card in _all_cards():
        folder = store.find(card)
        entry = _told(card, folder is not None) or {}
        told.append({**entry, "accepted": store.accepted(card), "folder": "" if card.built_in or folder is None else str(folder)})
    if options.json:
        _print({"root": str(store.root), "masks_installed": installed(), "models": told})
        return 0
    for role, words in ROLES.items():
        console.print(f"[bold]{words[0].upper()}{words[1:]}[/bold]")
        for card in (one for one in _all_cards() if one.role == role):
            console.print(f"  {card.id:12} {escape(_line(card, store))}")
    return 0


def _line(card: ModelCard, store: ModelStore) -> str:
    if card.built_in:
        return f"{card.name}: built in"
    folder = store.find(card)
    state = f"in {folder}" if folder else f"not here, {card.size_on_disk / 1e9:.1f} GB to fetch"
    pending = "" if store.accepted(card) else f"; to be accepted first: align4d models accept {card.id}"
    return f"{card.name} ({_license(card)}): {state}{pending}"


def _fetch(options: argparse.Namespace, store: ModelStore, console: Console) -> int:
    """Asks before it uses the network, unless told not to; the first Ctrl+C stops it and keeps what has come."""
    card = _card(options)
    store.require_accepted(card)
    if not options.yes:
        question = f"Fetch {card.name} from {card.publisher} (about {card.size_on_disk / 1e9:.1f} GB, {_license(card)})? [y/N] "
        if options.json or not sys.stdin.isatty():
            raise EngineError("no_leave", "The network is used only with your leave.", "Run it again with --yes.")
        if console.input(escape(question)).strip().lower() not in ("y", "yes"):
            return 1
    cancelled = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: cancelled.set())
    try:
        with Progress(TextColumn(card.name), BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=console, disable=options.json) as bar:
            task = bar.add_task("", total=None)

            def show(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)
                if options.json:
                    _print({"event": "progress", "done": done, "total": total})

            folder = fetch(card, store, show, cancelled.is_set)
    finally:
        signal.signal(signal.SIGINT, before)
    _say(options, console, {"event": "finished", "folder": str(folder)}, f"{card.name} lies in {folder}.")
    return 0


def _use(options: argparse.Namespace, store: ModelStore, console: Console) -> int:
    card = _card(options)
    store.use(card, options.folder.expanduser())
    _say(options, console, {"event": "finished"}, f"{card.name} is taken from {options.folder}.")
    return 0


def _accept(options: argparse.Namespace, store: ModelStore, console: Console) -> int:
    card = _card(options)
    store.accept(card)
    _say(options, console, {"event": "finished"}, f"The license of {card.name} ({card.license}) is accepted.")
    return 0


def _remove(options: argparse.Namespace, store: ModelStore, console: Console) -> int:
    _say(options, console, {"event": "finished"}, store.remove(_card(options)))
    return 0


def _card(options: argparse.Namespace) -> ModelCard:
    known = {card.id: card for card in _all_cards() if not card.built_in}
    if options.model not in known:
        raise EngineError("unknown_model", f"There is no model {options.model!r} to fetch.", f"Known are: {', '.join(known)}.")
    return known[options.model]


def _all_cards() -> list[ModelCard]:
    """Of generators, of what cuts objects out, and of multiview priors."""
    return [*cards(), *(model.card for model in MASK_MODELS), *prior_cards()]


def _say(options: argparse.Namespace, console: Console, told: dict[str, Any], sentence: str) -> None:
    if options.json:
        _print(told)
    else:
        console.print(sentence)


def _print(told: dict[str, Any]) -> None:
    print(json.dumps(told, ensure_ascii=False), flush=True)
