"""Pictures whose colours follow the theme, also where it changes while they are shown."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageColor
from playwright.sync_api import Locator, Page, expect

from core.demos import get_demo
from tests.browser.page_helpers import TIMEOUT_MS, wait_for_page
from tests.browser.server import Server
from tests.helpers import wait_until
from ui.drawing import THEME_COLOURS

INK_LIGHT, INK_DARK = (ImageColor.getrgb(colour) for colour in THEME_COLOURS["ink"])
TIPS = get_demo("tips")
NEAR = 100  # of the 360 between the two: a thin stroke is smoothed with the ground


def measure_distance(picture: Locator, colour: tuple[int, ...]) -> np.ndarray:
    """How far each pixel of a picture is from a colour."""
    with Image.open(io.BytesIO(picture.screenshot())) as image:
        return np.linalg.norm(np.asarray(image.convert("RGB"), dtype=float) - colour, axis=-1)


def check_letter_changes(picture: Locator, before: tuple[int, ...], after: tuple[int, ...], theme: str) -> None:
    """Give the window another theme, and wait until the pixel that is most of a letter has the other colour."""
    expect(picture).to_be_visible()
    distance = measure_distance(picture, before)
    place = np.unravel_index(distance.argmin(), distance.shape)
    assert distance[place] < NEAR
    picture.page.emulate_media(color_scheme=theme)
    wait_until(lambda: measure_distance(picture, after)[place] < NEAR, TIMEOUT_MS / 1000)


@pytest.mark.parametrize(
    ("path", "title", "alt", "inks", "theme"),
    [
        (
            "",
            "Save a model. Reload it. See what came back.",
            "A trained model is architecture",
            (INK_LIGHT, INK_DARK),
            "dark",
        ),
        pytest.param(
            "train", "Train a demo", TIPS.data_description, (INK_DARK, INK_LIGHT), "light", marks=pytest.mark.long
        ),
    ],
    ids=["home", "train"],
)
def test_letters_of_a_picture_follow_a_theme_that_changes(
    path: str, title: str, alt: str, inks: tuple, theme: str, server: Server, new_page: Callable[..., Page]
):
    page = new_page(dark=theme == "light")
    page.goto(f"{server.url}/{path}")
    wait_for_page(page, title)
    page.evaluate("window.isTheSame = true")
    check_letter_changes(page.get_by_alt_text(alt), *inks, theme)
    assert page.evaluate("window.isTheSame") is True  # not loaded anew
