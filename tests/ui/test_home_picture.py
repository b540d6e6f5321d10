"""The picture on Home: what each format keeps of a model, and what nobody could use."""

import re

import pytest

from core.formats import get_format
from tests.factories.contrast import contrast
from ui.drawing import THEME_COLOURS
from ui.home_picture import PART_COLOURS, draw_home_picture


def picture_words(format_key: str) -> list[str]:
    """The words in the three cells of a format's row."""
    words = re.findall(r">([^<>]+)</text>", draw_home_picture([get_format(format_key)]))
    return words[-3:]


def test_home_picture_claims_no_optimizer_that_cannot_be_trained_with():
    assert picture_words("saved_model") == ["as a graph", "kept", "not usable"]
    assert picture_words("keras") == ["kept", "kept", "kept"]
    assert picture_words("weights") == ["not kept", "kept", "kept"]
    assert picture_words("architecture") == ["kept", "not kept", "not kept"]


@pytest.mark.parametrize(("theme", "ground"), [(0, "#FFFFFF"), (1, "#12111A")])
def test_home_picture_has_letters_and_outlines_that_are_seen(theme: int, ground: str):
    picture = draw_home_picture([get_format(key) for key in ("keras", "saved_model", "architecture")])
    for name, colours in THEME_COLOURS.items():
        picture = picture.replace(f"var(--{name})", colours[theme])
    letters = set(re.findall(r'<text [^>]*fill="([^"]+)"', picture)) - {"#FFFFFF"}
    outlines = set(re.findall(r'stroke="([^"]+)"', picture))
    assert letters == {colours[theme] for colours in THEME_COLOURS.values()}
    assert min(contrast(colour, ground) for colour in letters) >= 4.5
    assert min(contrast(colour, "#FFFFFF") for colour in PART_COLOURS.values()) >= 4.5
    assert min(contrast(colour, ground) for colour in outlines) >= 3
