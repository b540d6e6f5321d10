"""The Upgrade page in a browser: its tabs keep what was chosen, and a cured file is read where it is pressed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.library import Library
from core.library.job_store import Job, JobStore
from core.upgrade.row_store import RowStore
from core.upgrade.rows import Status, UpgradeRow
from core.upgrade.sides import get_side
from tests.browser.page_helpers import choose_files, wait_for_address, wait_for_page
from tests.browser.server import serve
from tests.factories.library_entries import make_artifact, make_run
from tests.factories.warm_start import WarmProcess

REQUEST = {"name": "models.zip", "copies": [], "source": "here", "target": "keras-3.3", "again": False}
CURE = {"kind": "rewritten-config", "sentence": "Written for it.", "is_proven": True, "file": "for-keras-3.3.keras"}


def write_cured(home: Path, content: Path) -> str:
    """A finished upgrade of one model that was cured; gives the id of its job."""
    row = UpgradeRow(name="new.keras", status=Status.DOES_NOT_LOAD, format="keras", sha256="0" * 64)
    row = UpgradeRow.model_validate({**row.model_dump(), "cures": [CURE]})
    RowStore(home, get_side("here"), get_side("keras-3.3")).add(row, content)
    result = {"rows": [row.model_dump(mode="json")], "source_label": "a", "target_label": "b", "others": 0}
    job = Job(id="j0123456789", kind="upgrade", title="x", state="done", request=REQUEST, result=result)
    return JobStore(home / "jobs", 100).create(job).id


@pytest.mark.long
def test_upgrade_page_keeps_both_choices_and_sends_cured_file(
    tmp_path: Path, new_page: Callable[..., Page], warm_process: WarmProcess | None
):
    library = Library(tmp_path / "store")
    run = make_run(library)
    make_artifact(library, run)
    (tmp_path / "cured").write_bytes(b"cured")
    job = write_cured(library.home, tmp_path / "cured")
    with serve(library.home, warm=warm_process) as server:
        page = new_page()
        page.goto(f"{server.url}/upgrade?job={job}")
        wait_for_page(page, "Upgrade")
        page.locator("summary", has_text="new.keras").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download: new.keras").click()
        assert download.value.suggested_filename == "new.keras-for-keras-3.3.keras"
        assert Path(download.value.path()).read_bytes() == b"cured"
        choose_files(page, tmp_path / "cured")
        expect(page.get_by_role("button", name="Check the upgrade")).to_be_enabled()
        page.get_by_role("tab", name="Copies of the library").click()
        wait_for_address(page, "part=Copies")
        expect(page.get_by_role("button", name="Check the upgrade")).to_be_disabled()
        page.get_by_role("tab", name="Files").click()
        expect(page.get_by_role("button", name="Check the upgrade")).to_be_enabled()
        page.goto("about:blank")
