"""Work that outlives its tab, and work that does not outlive its server: found again, or said to be ended (I1–I6)."""

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.library import Library
from core.library.job_store import JobStore
from tests.browser.page_helpers import take_screenshot, wait_for_epoch, wait_for_page, wait_until_idle
from tests.browser.server import Server, serve
from tests.fault_injection.invariants import assert_invariants, hash_entries

SURVIVED = "faults injected and survived: a server stopped during a job"
STOPPED = "The server was stopped in the middle of this."

pytestmark = [pytest.mark.trust, pytest.mark.long]


def start_training(page: Page, server: Server, epochs: int) -> str:
    """Start one, and give its address without the server's once it is under way."""
    page.goto(f"{server.url}/train?demo=digits-mlp")
    wait_for_page(page, "Train a demo")
    page.get_by_role("spinbutton", name="Epochs").fill(str(epochs))
    page.get_by_role("button", name="Train with these settings").click()
    wait_for_epoch(page)
    return read_job_url(page, server)


def start_saving(page: Page, server: Server) -> str:
    """Train a demo, save it in all formats, and give the address once the first copy is done."""
    start_training(page, server, 2)
    page.get_by_role("button", name="Save it").click()
    wait_for_page(page, "Save a run")
    page.get_by_role("button", name=re.compile("Save all")).click()
    expect(page.get_by_text("Bit-identical").filter(visible=True).first).to_be_visible()
    return read_job_url(page, server)


def read_job_url(page: Page, server: Server) -> str:
    page.wait_for_url(re.compile(r"[?&]job=j"))
    return page.url.removeprefix(server.url)


def test_train_page_closed_tab_leaves_training_running(tmp_path: Path, new_page: Callable[..., Page]):
    with serve(tmp_path / "store") as server:
        page = new_page()
        start_training(page, server, 500)
        page.context.close()
        again = new_page()
        again.goto(f"{server.url}/train")
        wait_for_epoch(again)
        again.get_by_role("button", name="Cancel").click()
        expect(again.get_by_text("Cancelled. Nothing was kept")).to_be_visible()
        again.context.close()
    assert_invariants(server.home, {})


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_train_page_after_server_restart_shows_interrupted_job(
    tmp_path: Path, new_page: Callable[..., Page], how: signal.Signals, tally: Callable
):
    with serve(tmp_path / "store") as server:
        page = new_page()
        address = start_training(page, server, 500)
        page.context.close()
        stop_server(server, how)
    with serve(server.home) as again:
        page = new_page()
        page.goto(f"{again.url}{address}")
        expect(page.get_by_text(f"{STOPPED} Nothing was kept")).to_be_visible()
        expect(page.get_by_role("button", name="Train another")).to_be_visible()
        expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
        take_screenshot(page, f"restarted-training-{how.name}")
        page.context.close()
    assert Library(server.home).ids() == []
    assert_invariants(server.home, {})
    tally(SURVIVED)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_save_page_after_server_restart_lists_only_finished_artifacts(
    tmp_path: Path, new_page: Callable[..., Page], how: signal.Signals, tally: Callable
):
    with serve(tmp_path / "store") as server:
        page = new_page()
        address = start_saving(page, server)
        page.context.close()
        stop_server(server, how)
    (job,) = JobStore(server.home / "jobs", 9).list_jobs("save")
    reply = {row["artifact"] for row in job.format_rows.values() if row["state"] == "done"}
    left = [row for row in job.format_rows.values() if row["state"] not in ("done", "failed")]
    assert job.state == "interrupted"
    assert reply
    assert left
    before = hash_entries(server.home)
    with serve(server.home) as again:
        page = new_page()
        page.goto(f"{again.url}{address}")
        expect(page.get_by_text(f"{STOPPED} {len(reply)} of {len(job.format_rows)} were done before")).to_be_visible()
        expect(page.get_by_text("stopped, and not kept")).to_have_count(len(left))
        wait_until_idle(page)
        take_screenshot(page, f"restarted-save-{how.name}")
        page.get_by_role("link", name="Library").first.click()
        wait_for_page(page, "Library")
        page.context.close()
    there = set(Library(server.home).artifacts_of(job.request["run"]))
    assert reply <= there
    assert len(there - reply) <= len(left)
    assert_invariants(server.home, before)
    tally(SURVIVED)


def stop_server(server: Server, how: signal.Signals) -> None:
    server.process.send_signal(how)
    server.process.wait(30)
