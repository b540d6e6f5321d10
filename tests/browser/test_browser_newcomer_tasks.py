"""Fourteen tasks of a newcomer, by the roles and names that a person reads, each in a few clicks."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, TimeoutError, expect

from core.jobs import Jobs
from tests.browser.page_helpers import choose_files, switch_page, tick_row, wait_for_page, wait_until_idle
from tests.browser.server import Server, serve
from tests.factories import external_models
from tests.factories.populated_library import populate_library
from tests.factories.warm_start import WarmProcess

JOB_MS = 150_000  # milliseconds that a training or a save may take beside all other tests
ENDED_MS = 5_000  # in which whoever looks for a button sees that it is gone
pytestmark = pytest.mark.timeout(500)
HOME_TITLE = "Save a model. Reload it. See what came back."
SAVED = ("keras", "h5", "architecture")
LABELS = ("Keras file (.keras)", "HDF5, legacy (.h5)", "Architecture only (JSON)")
# The most clicks from where a task begins: Home, where it says nothing else.
CLICKS = {
    "train a demo": 2,
    "save a run in three formats": 5,
    "understand what a copy lost, from Save": 1,
    "see the code that saved a copy, from Save": 1,
    "compare the copies, from Save": 1,
    "find what is saved": 1,
    "see how a copy was reloaded": 2,
    "download a copy": 3,
    "rename a run": 4,
    "remove a copy and bring it back": 5,
    "compare all copies of the latest run": 2,
    "find a disagreement": 4,
    "inspect the graph of a copy": 4,
    "import a file": 3,
}


class Newcomer:
    """A person at a page, who knows of it what roles and names say, and whose clicks are counted."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = 0

    def find(self, role: str, name: str, exact: bool = True) -> Locator:
        return self.page.get_by_role(role, name=name, exact=exact).first

    def click(self, role: str, name: str, exact: bool = True) -> None:
        wait_until_idle(self.page)
        self.find(role, name, exact).click()
        self.clicks += 1

    def unfold(self, label: str) -> None:
        """Open an expander, whose head has no role of its own."""
        self.page.get_by_text(label, exact=True).click()
        self.clicks += 1

    def open_page(self, name: str, title: str) -> None:
        self.click("link", name)
        wait_for_page(self.page, title)

    def tick(self, row: int) -> None:
        """Tick a row of the table, whose cells are drawn and have no roles."""
        tick_row(self.page, row, 1)
        self.clicks += 1

    def check(self, task: str) -> int:
        """Check that the task took no more clicks than it may, and begin to count anew; returns how many it took."""
        clicks, self.clicks = self.clicks, 0
        assert 0 < clicks <= CLICKS[task], task
        return clicks

    def stop_what_runs(self) -> None:
        """Cancel what runs, where it has not ended meanwhile."""
        cancel = self.page.get_by_role("button", name="Cancel")
        with contextlib.suppress(TimeoutError):
            cancel.click(timeout=ENDED_MS)
        expect(cancel).to_have_count(0, timeout=JOB_MS)


@pytest.fixture(scope="module")
def newcomer_server(
    tmp_path_factory: pytest.TempPathFactory,
    jobs: Jobs,
    trained: Callable[[str], str],
    saved: Callable[[str, str], dict],
    warm_process: WarmProcess | None,
) -> Iterator[Server]:
    """A running server over a library of one run, saved in three formats."""
    artifacts = [saved("digits-mlp", key)["artifact"] for key in SAVED]
    home = tmp_path_factory.mktemp("newcomer") / "store"
    populate_library(home, jobs, trained("digits-mlp"), *artifacts)
    with serve(home, warm=warm_process) as server:
        yield server


@pytest.fixture
def newcomer(newcomer_server: Server, new_page: Callable[..., Page]) -> Newcomer:
    """A newcomer who sees Home."""
    page = new_page()
    page.goto(newcomer_server.url)
    wait_for_page(page, HOME_TITLE)
    return Newcomer(page)


def test_newcomer_saves_and_understands_what_a_copy_lost(newcomer: Newcomer):
    page = newcomer.page
    newcomer.open_page("2 · Save", "Save a run")
    for label in LABELS:
        wait_until_idle(page)
        page.get_by_role("checkbox", name=label, exact=True).check(force=True)  # its box is drawn by its label
        newcomer.clicks += 1
    newcomer.click("button", "Save 3 formats")
    expect(page.get_by_role("button", name="Compare them")).to_be_visible(timeout=JOB_MS)
    newcomer.check("save a run in three formats")

    saved_url = page.url
    newcomer.click("link", "training state lost", exact=False)
    wait_for_page(page, "Inspect")
    expect(page.get_by_role("tab", name="Findings", selected=True)).to_be_visible()
    expect(page.get_by_text("Optimizer state").filter(visible=True).first).to_be_visible()
    newcomer.check("understand what a copy lost, from Save")

    return_to(page, saved_url)
    newcomer.unfold(f"{LABELS[0]}: files, code and reload result")
    expect(page.get_by_text("def save(").filter(visible=True).first).to_be_visible()
    newcomer.check("see the code that saved a copy, from Save")

    newcomer.click("button", "Compare them")
    wait_for_page(page, "Compare")
    expect(page.get_by_text("Different answers").filter(visible=True).first).to_be_visible(timeout=JOB_MS)
    newcomer.check("compare the copies, from Save")


def return_to(page: Page, url: str) -> None:
    page.goto(url)
    wait_for_page(page, "Save a run")


def test_newcomer_finds_renames_downloads_and_removes_a_copy(newcomer: Newcomer):
    page = newcomer.page
    newcomer.open_page("Library", "Library")
    expect(page.get_by_text("Select one to see all about it")).to_be_visible()
    to_library = newcomer.check("find what is saved")

    newcomer.clicks = to_library
    newcomer.tick(0)
    expect(page.get_by_text("In a fresh process, without the original code")).to_be_visible()
    to_copy = newcomer.check("see how a copy was reloaded")

    newcomer.clicks = to_copy
    with page.expect_download() as download:
        newcomer.click("link", "Download")
    assert Path(download.value.path()).stat().st_size > 0
    newcomer.check("download a copy")

    newcomer.clicks = to_copy
    newcomer.click("textbox", "Name of its run")
    page.keyboard.press("Control+A")
    page.keyboard.type("my first model")
    newcomer.click("button", "Keep changes")
    expect(page.get_by_text("my first model").filter(visible=True).first).to_be_visible()
    newcomer.check("rename a run")

    newcomer.clicks = to_copy
    newcomer.click("button", "Remove")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    newcomer.clicks += 1
    expect(page.get_by_text("1 artifact moved into the trash")).to_be_visible()
    newcomer.click("button", "Undo")
    expect(page.get_by_text("1 artifact moved into the trash")).to_have_count(0)
    newcomer.check("remove a copy and bring it back")


def test_newcomer_compares_latest_run_and_finds_a_disagreement(newcomer: Newcomer):
    page = newcomer.page
    newcomer.open_page("3 · Compare", "Compare")
    newcomer.click("button", "Latest run", exact=False)
    expect(page.get_by_text("Different answers").filter(visible=True).first).to_be_visible(timeout=JOB_MS)
    newcomer.clicks = newcomer.check("compare all copies of the latest run")
    newcomer.click("tab", "Find a disagreement")
    newcomer.click("button", "Find a disagreement")
    expect(page.get_by_role("heading", name="on this picture")).to_be_visible()  # the best so far
    newcomer.check("find a disagreement")
    newcomer.stop_what_runs()  # it would go on for 20 s


def test_newcomer_inspects_a_graph_and_imports_a_file(newcomer: Newcomer, tmp_path: Path):
    page = newcomer.page
    newcomer.open_page("Inspect", "Inspect")
    newcomer.click("combobox", "Artifact", exact=False)
    newcomer.click("option", LABELS[0], exact=False)
    newcomer.click("tab", "Graph")
    expect(page.locator("iframe[src*='/graph/']")).to_be_visible()
    newcomer.check("inspect the graph of a copy")

    switch_page(page, "")
    wait_for_page(page, HOME_TITLE)
    newcomer.open_page("Import", "Import a model")
    path = external_models.write_keras_file(tmp_path)
    choose_files(page, path)
    newcomer.clicks += 1  # the window in which it is chosen is the browser's
    expect(page.get_by_text(path.name, exact=True)).to_be_visible()
    newcomer.click("button", "Import")
    expect(page.get_by_text("What was checked")).to_be_visible()
    newcomer.check("import a file")


# The last here: where the training ends before it is cancelled, its run stays.
def test_newcomer_trains_a_demo(newcomer: Newcomer):
    newcomer.open_page("1 · Train", "Train a demo")
    newcomer.click("button", "Train: Guess the tip")
    expect(newcomer.page.get_by_role("heading", name="Guess the tip")).to_be_visible()
    newcomer.check("train a demo")
    newcomer.stop_what_runs()
