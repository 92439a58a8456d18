"""Why the last button did nothing, for the sidebar, where another button repairs that."""

from __future__ import annotations

from ..errors import UserError

last: UserError | None = None
"""An error with a `fix`, until some button works; None where there is none."""
