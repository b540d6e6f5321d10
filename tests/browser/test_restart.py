"""Work that outlives its tab, and work that does not outlive its server: found again, or said to be ended (I1–I6)."""

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.library import Library
from core.library.job_store import JobStore
from tests.browser.conftest import heading, picture, settled
from tests.browser.server import Server, serve
from tests.faults.oracle import hold_invariants, state

SURVIVED = "faults injected and survived: a server stopped during a job"
STOPPED = "The server was stopped in the middle of this."

pytestmark = [pytest.mark.trust, pytest.mark.long]


def begin_training(page: Page, server: Server, epochs: int) -> str:
    """Start one, and give its address without the server's once it is under way."""
    page.goto(f"{server.url}/train?demo=digits-mlp")
    heading(page, "Train a demo")
    page.get_by_role("spinbutton", name="Epochs").fill(str(epochs))
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_text("Epoch ").first).to_be_visible()
    return address_of_the_job(page, server)


def begin_saving(page: Page, server: Server) -> str:
    """Train a demo, save it in all formats, and give the address once the first copy is done."""
    begin_training(page, server, 2)
    page.get_by_role("button", name="Save it").click()
    heading(page, "Save a run")
    page.get_by_role("button", name=re.compile("Save in all")).click()
    expect(page.get_by_text("Bit-identical").first).to_be_visible()
    return address_of_the_job(page, server)


def address_of_the_job(page: Page, server: Server) -> str:
    page.wait_for_url(re.compile(r"[?&]job=j"))
    return page.url.removeprefix(server.url)


def test_a_training_goes_on_when_its_tab_is_closed_and_is_found_again(tmp_path: Path, new_page: Callable[..., Page]):
    with serve(tmp_path / "store") as server:
        page = new_page()
        begin_training(page, server, 500)
        page.context.close()
        again = new_page()
        again.goto(f"{server.url}/train")
        expect(again.get_by_text("Epoch ").first).to_be_visible()
        again.get_by_role("button", name="Cancel").click()
        expect(again.get_by_text("Cancelled. Nothing was kept")).to_be_visible()
        again.context.close()
    hold_invariants(server.home, {})


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_training_whose_server_is_restarted_is_said_to_be_ended(
    tmp_path: Path, new_page: Callable[..., Page], how: signal.Signals, tally: Callable
):
    with serve(tmp_path / "store") as server:
        page = new_page()
        address = begin_training(page, server, 500)
        page.context.close()
        stop(server, how)
    with serve(server.home) as again:
        page = new_page()
        page.goto(f"{again.url}{address}")
        expect(page.get_by_text(f"{STOPPED} Nothing was kept")).to_be_visible()
        expect(page.get_by_role("button", name="Train another")).to_be_visible()
        expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
        picture(page, f"restarted-training-{how.name}")
        page.context.close()
    assert Library(server.home).ids() == []
    hold_invariants(server.home, {})
    tally(SURVIVED)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_of_a_save_whose_server_is_restarted_what_was_done_is_there_and_the_rest_is_not(
    tmp_path: Path, new_page: Callable[..., Page], how: signal.Signals, tally: Callable
):
    with serve(tmp_path / "store") as server:
        page = new_page()
        address = begin_saving(page, server)
        page.context.close()
        stop(server, how)
    (job,) = JobStore(server.home / "jobs", 9).list_jobs("save")
    told = {row["artifact"] for row in job.format_rows.values() if row["state"] == "done"}
    left = [row for row in job.format_rows.values() if row["state"] not in ("done", "failed")]
    assert job.state == "interrupted"
    assert told
    assert left
    before = state(server.home)
    with serve(server.home) as again:
        page = new_page()
        page.goto(f"{again.url}{address}")
        expect(page.get_by_text(f"{STOPPED} {len(told)} of {len(job.format_rows)} were done before")).to_be_visible()
        expect(page.get_by_text("stopped, and not kept")).to_have_count(len(left))
        settled(page)
        picture(page, f"restarted-save-{how.name}")
        page.get_by_role("link", name="Library").first.click()
        heading(page, "Library")
        page.context.close()
    there = set(Library(server.home).artifacts_of(job.request["run"]))
    assert told <= there
    assert len(there - told) <= len(left)
    hold_invariants(server.home, before)
    tally(SURVIVED)


def stop(server: Server, how: signal.Signals) -> None:
    server.process.send_signal(how)
    server.process.wait(30)
