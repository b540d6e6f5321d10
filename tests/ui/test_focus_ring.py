"""The ring around what has the keyboard's focus is seen on every ground of both themes."""

import re
import tomllib

import pytest

from core.settings import PROJECT
from tests.factories.contrast import contrast

THEMES = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
RING = re.compile(r":focus-visible \{\s*outline: 3px solid light-dark\((#\w{6}), (#\w{6})\);")


@pytest.mark.parametrize(("number", "theme"), [(1, "light"), (2, "dark")])
@pytest.mark.parametrize("ground", ["backgroundColor", "secondaryBackgroundColor"])
def test_focus_ring_has_the_contrast_that_lines_need(number: int, theme: str, ground: str):
    style = (PROJECT / "ui" / "style.css").read_text(encoding="utf-8")
    ring = RING.search(style)
    assert ring is not None
    assert contrast(ring[number], THEMES[theme][ground]) >= 3
