"""How a test run ends where it ran in Blender's Python module."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

_code = 0


def pytest_sessionfinish(exitstatus: int) -> None:
    """Keeps the exit code."""
    global _code
    _code = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Once all is reported, leaves without Python's own end: bpy 4.2 crashes there after its glTF exporter has run."""
    bpy = sys.modules.get("bpy")
    if bpy is None or bpy.app.binary_path or bpy.app.version >= (4, 5, 0):
        return
    shutil.rmtree(os.environ["BLENDER_USER_RESOURCES"], ignore_errors=True)  # the temporary folder of the tests' own conftest
    config.get_terminal_writer().flush()
    sys.stdout.flush()
    os._exit(_code)
