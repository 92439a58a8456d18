"""The pages are plain files: their lines of prose fit an editor, and what they lead to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LONGEST = 120


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_lines_of_prose_are_short(page: Path) -> None:
    """Tables, code and pictures are as long as they are."""
    prose = [line for line in page.read_text(encoding="utf-8").splitlines() if not line.startswith(("|", "    ", "#", "!["))]
    assert len(prose) > 0 and [line for line in prose if len(line) > LONGEST] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []
