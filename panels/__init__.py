"""What the artist sees; draws state and decides nothing."""

from __future__ import annotations

from . import sidebar

CLASSES = sidebar.CLASSES
