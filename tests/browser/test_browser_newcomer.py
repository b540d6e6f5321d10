"""What a newcomer meets: cards that are links, a training by one click, groups of formats, copies that stay chosen."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.page_helpers import find_box, wait_for_page
from tests.browser.server import Server
from ui.navigation import PAGES


def test_home_page_cards_are_links_as_a_whole(server: Server, new_page: Callable[..., Page]):
    page = new_page()
    page.goto(server.url)
    wait_for_page(page, "Save a model. Reload it. See what came back.")
    cards = page.locator("[class*=st-key-link-card-]")
    others = [title for title, *_ in PAGES.values() if title not in ("Home", "Train", "Save", "Compare")]
    expect(cards).to_have_count(3 + len(others))
    for index, title in enumerate(["1 · Train", "2 · Save", "3 · Compare", *others]):
        expect(cards.nth(index).get_by_role("link", name=title)).to_have_count(1)
    box = find_box(cards.nth(1))
    cards.nth(1).click(position={"x": box["width"] - 6, "y": box["height"] - 6})  # in the corner, far from the words
    wait_for_page(page, "Save a run")


def test_pages_skip_link_and_navigation_move_focus_to_title(server: Server, new_page: Callable[..., Page]):
    page = new_page()
    page.goto(server.url)
    wait_for_page(page, "Save a model. Reload it. See what came back.")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    card = page.get_by_role("link", name="1 · Train")
    expect(card).to_be_focused()
    expect(card).to_have_css("outline-width", "3px")
    page.keyboard.press("Enter")
    wait_for_page(page, "Train a demo")
    expect(page.get_by_role("heading", name="Train a demo", level=1)).to_be_focused()
