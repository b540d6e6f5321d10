"""The suitcase of the tour alone, without a server: a finger drags or scrolls; it moves only where that is welcome."""

import base64
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from core.settings import PROJECT
from ui.browser_component import PICTURE
from ui.tour.suitcase import OBJECTS

FOLDER = PROJECT / "ui" / "tour"
TALL = "<div style='height: 1200px'></div>"  # below the picture, so that the page can be scrolled
SHOW = """async ([source, data]) => {
    const { default: show } = await import(`data:text/javascript;base64,${source}`)
    show({ parentElement: document.body, data })
}"""


def read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


@pytest.fixture
def suitcase_page(new_page: Callable[..., Page]) -> Page:
    """A phone's page with a suitcase that holds everything."""
    page = new_page(390)
    style = PICTURE.read_text(encoding="utf-8") + read("suitcase.css")
    page.set_content(f"<style>{style}</style>{read('suitcase.html')}{TALL}")
    show_suitcase(page)
    return page


def show_suitcase(page: Page, **states: str) -> None:
    """Show the suitcase, which keeps every object but those that have another of the states."""
    parts = {key: {"state": states.get(key, "kept"), "words": "Found."} for key in OBJECTS}
    objects = [{"key": key, "name": name, "meaning": meaning} for key, (name, meaning) in OBJECTS.items()]
    suitcases = [{"key": "keras", "name": "Keras file (.keras)", "size": "1.0 kB", "parts": parts}]
    source = base64.b64encode(read("suitcase.js").encode()).decode()
    page.evaluate(SHOW, [source, {"objects": objects, "suitcases": suitcases}])


class Finger:
    """A finger on the page's touch screen, which goes with the page's context."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def draw(self, *points: tuple[float, float]) -> None:
        """Touch the first point, move over the others, and let go."""
        kinds = ["touchStart", *["touchMove"] * (len(points) - 1)]
        for kind, point in zip(kinds, points, strict=True):
            self._send(kind, dict(zip("xy", point, strict=True)))
        self._send("touchEnd")

    def _send(self, kind: str, *points: dict[str, float]) -> None:
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})


def point_in(item: Locator) -> tuple[float, float]:
    item.scroll_into_view_if_needed()  # waits until it stands still
    box = item.bounding_box()
    return box["x"] + 30, box["y"] + 20


def test_suitcase_is_packed_by_finger_that_begins_sideways(suitcase_page: Page):
    page, case = suitcase_page, suitcase_page.get_by_label("In the suitcase")
    (x, y), (_, end) = point_in(page.get_by_role("button", name="Weights")), point_in(case)
    steps = [(x + 40, y + share * (end - y)) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    Finger(page).draw((x, y), (x + 20, y), *steps)
    expect(case.get_by_role("button", name="Weights")).to_be_visible()
    assert page.evaluate("scrollY") == 0
    page.context.close()  # with its touch screen


def test_suitcase_lets_finger_that_lands_on_an_object_scroll(suitcase_page: Page):
    page, weights = suitcase_page, suitcase_page.get_by_role("button", name="Weights")
    x, y = point_in(weights)
    Finger(page).draw((x, y), *((x, y - 20 * step) for step in range(1, 11)))
    page.wait_for_function("scrollY > 100")
    expect(page.get_by_label("On the table").get_by_role("button", name="Weights")).to_have_count(1)
    page.context.close()


@pytest.mark.parametrize(("motion", "moving"), [("no-preference", 4), ("reduce", 0)])
def test_suitcase_moves_objects_only_where_motion_is_welcome(motion: str, moving: int, suitcase_page: Page):
    suitcase_page.emulate_media(reduced_motion=motion)
    count = "button => { button.click(); return document.getAnimations().length }"
    assert suitcase_page.get_by_role("button", name="Pack all four").evaluate(count) == moving
    expect(suitcase_page.get_by_label("In the suitcase").get_by_role("button")).to_have_count(4)
    suitcase_page.emulate_media(reduced_motion="no-preference")


@pytest.mark.parametrize(
    ("states", "message"),
    [
        ({}, "Nothing fell out of Keras file (.keras)."),
        ({"optimizer": "unusable"}, "but nothing there can train with Optimizer state."),
        (
            {"weights": "changed", "optimizer": "unusable"},
            "but Weights came back changed, and nothing there can train with Optimizer state.",
        ),
        ({"weights": "lost", "optimizer": "unusable"}, "Keras file (.keras): Weights fell out."),
    ],
)
def test_suitcase_message_says_what_became_of_the_objects(states: dict, message: str, new_page: Callable[..., Page]):
    page = new_page(390)
    page.set_content(read("suitcase.html"))
    show_suitcase(page, **states)
    page.get_by_role("button", name="Pack all four").click()
    expect(page.locator(".message")).to_contain_text(message)


@pytest.mark.parametrize(("motion", "moving"), [("no-preference", 2), ("reduce", 0)])
def test_journey_moves_copies_only_where_motion_is_welcome(motion: str, moving: int, new_page: Callable[..., Page]):
    page = new_page(390)
    page.emulate_media(reduced_motion=motion)
    style = PICTURE.read_text(encoding="utf-8") + read("journey.css")
    page.set_content(f"<style>{style}</style>{read('journey.html')}")
    source = base64.b64encode(read("journey.js").encode()).decode()
    copies = [{"key": key, "name": key, "size": "1 kB", "verdict": "", "losses": "", "tone": ""} for key in "ab"]
    data = {"question": "Which?", "copies": copies, "guess": "", "message": "", "stays": ""}
    answered = data | {"guess": "a", "copies": [copy | {"verdict": "Bit-identical"} for copy in copies]}
    page.evaluate(SHOW, [source, data])
    expect(page.locator(".from").get_by_role("button")).to_have_count(2)
    count = f"async given => {{ await ({SHOW})(given); return document.getAnimations().length }}"
    assert page.evaluate(count, [source, answered]) == moving
    expect(page.locator(".to").get_by_role("button")).to_have_count(2)
    page.emulate_media(reduced_motion="no-preference")
