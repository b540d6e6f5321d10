"""Machines on the pages Elsewhere, Compare and Formats: which are offered and asked, and where their answers stand."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Multiselect

from core.environments import ENVIRONMENTS
from core.environments.machines import MACHINES
from core.jobs import Jobs
from core.library.job_store import Job
from core.queue import Announcement, QueueDatabase, WorkerRegistry
from tests.factories.elsewhere_jobs import add_copies
from tests.factories.library_entries import make_artifact, make_run
from tests.factories.queue_team import WORKER_FACTS, Team
from tests.postgresql_server import new_database
from tests.ui.test_pages import page_text

LIMITED = [machine.label for machine in MACHINES[1:]]
OPENVINO = next(each.key for each in ENVIRONMENTS if "openvino" in each.pins)
ASK = "ask-elsewhere"
OFFER = "Ask on other machines"
NONE_ASKED = "No copy of this run was asked on another machine yet."


def find_machines(app: AppTest) -> Multiselect | None:
    """The choice of machines, where the page has one."""
    return next((widget for widget in app.multiselect if widget.label == "Machines"), None)


def list_buttons(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def test_elsewhere_page_offers_machines_of_a_keras_file_and_asks_none(visit, own_jobs: Jobs):
    app = visit(own_jobs, "elsewhere", run=add_copies(own_jobs, "keras"))
    assert not app.exception
    machines = find_machines(app)
    assert machines is not None
    assert (machines.options, machines.value) == (LIMITED, [])
    assert app.button(key=ASK).label == f"Ask in {len(app.multiselect[0].value)} environments"


def test_elsewhere_page_offers_machines_that_can_change_an_answer(visit, own_jobs: Jobs):
    """ONNX Runtime and tract look at the processor themselves; OpenVINO's kernels can be limited."""
    run = add_copies(own_jobs, "onnx")
    assert find_machines(visit(own_jobs, "elsewhere", **{"run": run, "in": "tract"})) is None
    machines = find_machines(visit(own_jobs, "elsewhere", **{"run": run, "in": OPENVINO}))
    assert machines is not None
    assert machines.options == [machine.label for machine in MACHINES[1:] if "openvino" in machine.packages]


def test_elsewhere_page_takes_machines_from_its_address(visit, own_jobs: Jobs):
    run = add_copies(own_jobs, "keras")
    app = visit(own_jobs, "elsewhere", **{"run": run, "in": "tf-2.15", "on": ["sse41", "no-such"]})
    machines = find_machines(app)
    assert machines is not None
    assert machines.value == ["sse41"]
    asked = {"tf-2.15", "here@sse41", "tf-2.15@sse41"}
    assert app.button(key=ASK).label == f"Ask in {len(asked)} environments"


@pytest.fixture
def team_jobs(tmp_path: Path, postgresql: str) -> Iterator[Jobs]:
    """What a server of a team has, which has one worker, that does nothing."""
    with new_database(postgresql) as url:
        team = Team(tmp_path, url)
        facts = Announcement(name="board", **WORKER_FACTS)
        WorkerRegistry(QueueDatabase(url)).announce("board-1", facts, lost_seconds=600)
        yield team.make_server(kinds="all")


def test_elsewhere_page_of_a_team_asks_its_worker(visit, team_jobs: Jobs):
    run = add_copies(team_jobs, "keras")
    app = visit(team_jobs, "elsewhere", run=run)
    machines = find_machines(app)
    assert machines is not None
    assert machines.options == [*LIMITED, "On board"]
    app.multiselect[0].set_value([]).run()
    machines = find_machines(app)
    assert machines is not None
    machines.set_value(["worker:board"]).run()
    assert app.button(key=ASK).label == "Ask in 1 environment"
    app.button(key=ASK).click().run()
    assert not app.exception
    (job,) = team_jobs.job_store.list_jobs()
    assert (job.request["run"], job.request["environments"]) == (run, ["here@worker:board"])
    assert (app.query_params["job"], app.query_params["on"]) == (job.id, "worker:board")


def test_compare_page_of_a_team_offers_its_worker_as_a_place(visit, team_jobs: Jobs):
    copy = make_artifact(team_jobs.library, make_run(team_jobs.library), "keras")
    app = visit(team_jobs, "compare", artifact=[copy.id], **{f"in-{copy.id}": "here@worker:board"})
    assert not app.exception
    (choice,) = [widget for widget in app.multiselect if "also in" in widget.label]
    assert "Roundtrip, on board" in choice.options
    assert choice.value == ["here@worker:board"]
    (job,) = team_jobs.job_store.list_jobs()
    assert (job.kind, job.request["artifacts"]) == ("compare", [copy.id, f"{copy.id}@here@worker:board"])


def test_formats_page_offers_to_ask_other_machines_where_none_was(visit, copied_entries: Callable):
    jobs, run, _ = copied_entries("digits-mlp", "keras")
    app = visit(jobs, "formats", run=run)
    assert NONE_ASKED in page_text(app)
    next(button for button in app.button if button.label == OFFER).click().run()
    assert not app.exception
    assert app.title[0].value == "Elsewhere"
    assert app.query_params["run"] == run


def test_formats_page_has_a_column_for_each_machine_and_a_sentence(visit, copied_entries: Callable):
    jobs, run, artifacts = copied_entries("digits-mlp", "keras", "onnx")
    changed = {"environment": "here@worker:mac", "verdict": "some-changed", "changed_rows": 3, "rows": 500}
    rounded = {"environment": "here@worker:board", "verdict": "rounding", "max_abs": 1e-7, "rows": 500}
    cells = {each["environment"]: each for each in (changed, rounded)}
    row = {"format": "keras", "here": "bit-identical", "cells": cells, "error": None}
    request = {"run": run, "artifacts": [artifacts["keras"]], "environments": [*cells]}
    result = {"rows": {artifacts["keras"]: row}, "environments": {key: {} for key in cells}}
    done = Job(id="j0123456789", kind="elsewhere", title="x", state="done", request=request, result=result)
    jobs.job_store.create(done)
    app = visit(jobs, "formats", run=run)
    assert not app.exception
    columns = ["In Roundtrip, on board", "In Roundtrip, on mac"]
    table = app.table[0].value.set_index("Format")[columns]
    assert table.loc["Keras file (.keras)"].tolist() == ["✓ kept", "≈ changed"]
    assert table.loc["ONNX"].tolist() == ["– n/a", "– n/a"]
    assert NONE_ASKED not in page_text(app)
    assert OFFER not in list_buttons(app)
