"""Models of one file: in a folder of the artist's, where rembg keeps them, and on their way from their publisher."""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import ssl
import urllib.request
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from ..errors import EngineError
from .card import ModelCard

_CHUNK = 1 << 20
_PATIENCE = 30.0
"""Seconds without an answer after which the connection counts as broken."""


def find_file(card: ModelCard, place: Path) -> Path:
    """The file of a model of one file: `place` itself, or in that folder by its own name or its publisher's.

    Raises EngineError "model_not_found", "model_layout".
    """
    if place.is_file():
        if place.suffix != PurePosixPath(card.parts[0]).suffix:
            raise EngineError("model_layout", f"{place} is not {card.name}.", f"Choose the file {card.parts[0]}.")
        return place
    if not place.is_dir():
        raise EngineError("model_not_found", f"There is no file {place}.", f"Choose the file {card.parts[0]}, or its folder.")
    published = PurePosixPath(card.file.url).name if card.file else ""
    found = next((place / name for name in (card.parts[0], published) if (place / name).is_file()), None)
    if found is None:
        raise EngineError("model_layout", f"{place} holds no {card.parts[0]}.", "Choose the folder that holds the model's file.")
    return found


def kept_by_rembg(card: ModelCard) -> Path | None:
    """The file where rembg, which uses the same ones, has put it: in a folder for each model, or in the one for all of older versions."""
    home, data = os.environ.get("U2NET_HOME"), os.environ.get("XDG_DATA_HOME")
    root = home or os.environ.get("REMBG_HOME") or (os.path.join(data, "rembg") if data else "~/.rembg")
    old = home or os.path.join(data or "~", ".u2net")
    places = (Path(root, "models", card.id), Path(old))
    return next((file for place in places if (file := place.expanduser() / card.parts[0]).is_file()), None)


def download(url: str, target: io.BufferedWriter, have: int, tell: Callable[[int], None]) -> None:
    """Goes on with a file that holds the first `have` bytes and is open for appending; from the beginning where the server offers no parts.

    Args:
        tell: called with the bytes that are here; it may raise to stop.

    Raises:
        OSError, http.client.HTTPException: without a connection, or where it breaks off; what has come stays.
    """
    asked = urllib.request.Request(url, headers={"User-Agent": "align4d", **({"Range": f"bytes={have}-"} if have else {})})
    with urllib.request.urlopen(asked, timeout=_PATIENCE, context=_certificates()) as answer:
        here = have
        if answer.status != http.client.PARTIAL_CONTENT:
            target.truncate(0)
            here = 0
        while block := answer.read(_CHUNK):
            target.write(block)
            here += len(block)
            tell(here)


def _certificates() -> ssl.SSLContext:
    """The system's certificates, and certifi's where it is installed: Blender's Python finds none of the system's on some machines."""
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError):
        import certifi

        context.load_verify_locations(certifi.where())
    return context
