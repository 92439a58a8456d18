"""Files by which a batch and whoever submitted it know of each other: either of them may end, and the other goes on."""

from __future__ import annotations

EVENT_FILE = "events.jsonl"
"""Where a job of a batch tells its events, in its folder, a line each as on the pipe."""

CANCEL_FILE = "cancel"
"""Who puts this file into the folder of a job of a batch cancels it."""

BATCH_LOCK = "batch.lock"
"""Locked in the folder of a batch by the process that makes it, see `hold`."""
