"""The Blender side's own library: no operators, no panels, nothing of the engine but its protocol."""

from __future__ import annotations

EXTENSION = __package__.rpartition(".")[0]
"""Name of the extension's package, under which Blender keeps its preferences and its user folder."""
