"""What a job computes on."""

from __future__ import annotations

import torch

from ..errors import EngineError


def choose_device(wanted: str) -> str:
    """The torch device for `wanted`, "auto" being the fastest there is.

    Raises:
        EngineError: "no_device" for one that this machine lacks.
    """
    cuda = torch.cuda.is_available()
    if wanted == "auto":
        return "cuda" if cuda else "cpu"
    if wanted not in ("cpu", "cuda") or (wanted == "cuda" and not cuda):
        advice = "Choose the device Auto or CPU, or run align4d doctor."
        raise EngineError("no_device", f"The engine cannot compute on {wanted!r} here.", advice, "use_any_device")
    return wanted
