"""The cost of our server over Streamlit: until Home is painted, in memory, and as the library grows."""

import tempfile
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page

from benchmarks.house import house, saved, trained
from benchmarks.many import many_artifacts
from benchmarks.measure import Row, Sample, in_turn
from benchmarks.serving import chromium, new_page, one_title, ours, painted, seconds_to_paint
from tests.browser.server import Server

HOME_TITLE = "Save a model. Reload it. See what came back."
FORMATS = ("keras", "saved_model", "h5", "architecture", "checkpoint")
TITLE_APP = "a Streamlit app of one title"


def measure_home() -> list[Row]:
    """First visit to a server that has just become ready, its TensorFlow still warming up."""
    with chromium() as browser, house() as jobs:
        saved(jobs, trained(jobs), *FORMATS)
        jobs.worker.close()
        home = jobs.library.home
        first, beside = in_turn(5, lambda: _first_visit(browser, home), lambda: _first_title(browser))
    return [Row("server ready to Home painted in Chromium", first, beside, TITLE_APP, at_most=1.5)]


def _first_visit(browser: Browser, home: Path) -> float:
    with ours(home) as server, new_page(browser) as page:
        return seconds_to_paint(page, server.url, HOME_TITLE)


def _first_title(browser: Browser) -> float:
    with one_title() as server, new_page(browser) as page:
        return seconds_to_paint(page, server.url, "Hello")


def measure_memory() -> list[Row]:
    """The server process (not its worker) after a training, a save and a comparison, done in the browser."""
    with chromium() as browser, tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        with ours(Path(folder) / "store") as server, new_page(browser) as page:
            _train_save_compare(page, server)
            busy, loaded = _mebibytes(server), _tensorflow_files(server)
        with one_title() as server, new_page(browser) as page:
            seconds_to_paint(page, server.url, "Hello")
            beside = _mebibytes(server)
    label = "memory of the server after a training and a comparison"
    return [
        Row(label, Sample((busy,)), Sample((beside,)), TITLE_APP, unit="MiB", at_most=3),
        Row("files of TensorFlow, Keras or HDF5 mapped into it", Sample((loaded,)), unit="files", at_most=0),
    ]


def _train_save_compare(page: Page, server: Server) -> None:
    seconds_to_paint(page, f"{server.url}/train?demo=digits-mlp", "Train a demo")
    page.get_by_role("spinbutton", name="Epochs").fill("5")
    page.get_by_role("button", name="Train with these settings").click()
    page.get_by_role("button", name="Save it").click()
    painted(page, "Save a run")
    for label in ("SavedModel", "Keras file (.keras)"):
        page.get_by_text(label, exact=True).first.click()
        painted(page, "Save a run")
    page.get_by_role("button", name="Save 2 formats").click()
    page.get_by_role("button", name="Compare them").click()
    page.get_by_role("tab", name="Row by row", selected=True).wait_for()
    painted(page, "Compare")


def _mebibytes(server: Server) -> float:
    return psutil.Process(server.process.pid).memory_info().rss / 2**20


def _tensorflow_files(server: Server) -> int:
    """Return how many files of TensorFlow, Keras and h5py the process has mapped: importing them maps some."""
    mapped = psutil.Process(server.process.pid).memory_maps()
    return sum(any(f"/{name}/" in file.path for name in ("tensorflow", "keras", "h5py")) for file in mapped)


def measure_library() -> list[Row]:
    """The Library page over many artifacts and over few, by servers that have seen both before."""
    with chromium() as browser, house() as jobs, tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        saved(jobs, trained(jobs), *FORMATS)
        jobs.worker.close()
        homes = {count: Path(folder) / str(count) for count in (10, 1000)}
        for count, home in homes.items():
            many_artifacts(jobs.library, home, count)
        with ours(homes[10]) as few, ours(homes[1000]) as many, new_page(browser) as page:
            thousand, ten = in_turn(9, lambda: _library(page, many), lambda: _library(page, few))
    return [Row("Library page with 1,000 artifacts", thousand, ten, "the same page with 10", at_most=2)]


def _library(page: Page, server: Server) -> float:
    return seconds_to_paint(page, f"{server.url}/library", "Library", "[data-testid=stDataFrame] canvas")
