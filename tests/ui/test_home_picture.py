"""The picture on Home: what each format keeps of a model, and what nobody could use."""

import re

from core.formats import get_format
from ui.home_picture import draw_home_picture


def picture_words(format_key: str) -> list[str]:
    """The words in the three cells of a format's row."""
    words = re.findall(r">([^<>]+)</text>", draw_home_picture([get_format(format_key)], is_dark=False))
    return words[-3:]


def test_home_picture_claims_no_optimizer_that_cannot_be_trained_with():
    assert picture_words("saved_model") == ["as a graph", "kept", "not usable"]
    assert picture_words("keras") == ["kept", "kept", "kept"]
    assert picture_words("weights") == ["not kept", "kept", "kept"]
    assert picture_words("architecture") == ["kept", "not kept", "not kept"]
