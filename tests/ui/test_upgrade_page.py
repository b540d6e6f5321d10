"""The Upgrade page without a browser: what it offers, and what it says of models and of releases."""

from pathlib import Path
from unittest.mock import patch

import pytest
from streamlit.testing.v1 import AppTest

from core.environments.own import HERE
from core.errors import InputError
from core.jobs import Jobs
from core.library.job_store import Job
from core.upgrade.row_store import RowStore
from core.upgrade.rows import UpgradeRow
from core.upgrade.sides import get_side, release_line
from tests.factories.elsewhere_jobs import write_built
from tests.factories.library_entries import make_artifact, make_run
from tests.factories.private_entries import BO
from tests.factories.sent_files import list_whole_uploads, send_files
from tests.factories.shown_tables import shown_tables
from tests.ui.test_pages import page_text
from ui.components import escape_markdown
from ui.upgrade.choice import put_older_first

ERROR = {"code": "does-not-load", "sentence": "No."}
OUTCOME = {"environment": "keras-3.3", "verdict": "does-not-load", "error": ERROR}
SAME = {"environment": "keras-3.3", "verdict": "bit-identical"}
ROWS = [
    {"name": "good.keras", "status": "alike", "format": "keras", "outcome": SAME},
    {
        "name": "new.keras",
        "status": "does-not-load",
        "format": "keras",
        "outcome": OUTCOME,
        "cause": "Keras 3.3 does not know Dense(quantization_config=None) (since Keras 3.13, in “scores”).",
        "cures": [{"kind": "rewritten-config", "sentence": "Write its config for Keras 3.3.", "is_proven": True}],
    },
]
CURED = "**Cured, and proven there.** Write its config for Keras 3.3."
REQUEST = {"name": "models.zip", "copies": [], "source": "here", "target": "keras-3.3", "again": False}


def test_upgrade_page_of_empty_library_takes_files_and_says_size(visit, empty_jobs: Jobs):
    app = visit(empty_jobs, "upgrade", **{"from": "here", "to": "keras-3.3"})
    assert not app.exception
    assert [box.value for box in app.selectbox] == ["here", "keras-3.3"]
    text = page_text(app)
    assert "1 environment will be built first: 1.2 GB on the disk." in text
    assert "*Find the release* builds up to 4 environments" in text
    assert "There is no copy in the library yet." in text
    assert "Choose at least one model." in text
    assert "until you remove them, and are deleted after 24 hours" in text
    assert "Save a run" in [button.label for button in app.button]
    assert [app.button(key=key).disabled for key in ("check-upgrade", "find-release")] == [True, True]


def test_upgrade_page_offers_only_environments_with_a_format_in_common(visit, empty_jobs: Jobs):
    app = visit(empty_jobs, "upgrade", **{"from": "onnxruntime-1.20"})
    assert app.selectbox[0].value == "onnxruntime-1.20"
    assert not any("Keras 3.3" in option for option in app.selectbox[1].options)


def test_upgrade_page_shows_verdict_cause_and_cure_of_each_model(visit, empty_jobs: Jobs):
    labels = {"source_label": "Keras 3.15.1 (here)", "target_label": "Keras 3.3"}
    result = {"name": "models.zip", "source": "here", "target": "keras-3.3", **labels, "others": 1, "rows": ROWS}
    job = Job(id="j0123456789", kind="upgrade", title="x", state="done", request=REQUEST, result=result)
    empty_jobs.job_store.create(job)
    app = visit(empty_jobs, "upgrade", job=job.id)
    assert not app.exception
    text = page_text(app).replace("\\", "")
    assert "1 of 2 models answer the same. Does not load: 1. Cured and proven: 1 of those that do not load." in text
    assert "Keras 3.3 does not know Dense(quantization_config=None) (since Keras 3.13" in text
    assert [box.value.replace("\\", "") for box in app.success] == [CURED]
    (table,) = shown_tables(app)
    assert list(table) == ["Model", "After", "Cause", "Cure"]
    assert table["After"] == ["✓ Bit-identical", "✗ Does not load"]
    assert table["Cause"] == ["–", ROWS[1]["cause"]]
    assert table["Cure"] == ["–", "proven there"]


def test_upgrade_page_says_that_it_shows_the_last_rows_so_far(visit, empty_jobs: Jobs):
    detail = {"rows": ROWS, "asked": 45}
    job = Job(id="j0123456789", kind="upgrade", title="x", state="cancelled", request=REQUEST, detail=detail)
    empty_jobs.job_store.create(job)
    app = visit(empty_jobs, "upgrade", job=job.id)
    assert not app.exception
    assert "The last 2 of 45 models that were asked so far." in page_text(app)
    kept = "45 models were looked at before, and those with an answer will not be asked again"
    assert [box.value for box in app.info] == [f"Cancelled. {kept}; start it again when you like."]


def test_upgrade_page_says_which_release_is_the_first(visit, empty_jobs: Jobs):
    steps = [
        {"environment": key, "label": label, "release": "", "status": status, "cause": "", "outcome": outcome}
        for key, label, status, outcome in (
            ("keras-3.3", "Keras 3.3", "does-not-load", OUTCOME),
            ("keras-3.6", "Keras 3.6", "alike", {**SAME, "verdict": "rounding"}),
        )
    ]
    result = {"name": "a.keras", "format": "keras", "source": "here", "target": "keras-3.3", "steps": steps}
    result |= {"first": "keras-3.3", "last_alike": "keras-3.6"}
    job = Job(id="j0123456789", kind="bisect", title="x", state="done", request=REQUEST, result=result)
    empty_jobs.job_store.create(job)
    app = visit(empty_jobs, "upgrade", job=job.id)
    assert not app.exception
    text = page_text(app).replace("\\", "")
    assert "Keras 3.3 is the first that does not load it; Keras 3.6 still answers the same." in text
    (table,) = shown_tables(app)
    assert table["There"] == ["✗ Does not load", "✓ Same answers (rounding only)"]


STOPPED = {"cancelled": "Cancelled.", "interrupted": "The server was stopped in the middle of this."}
KEPT_ROWS = [{**row, "sha256": "0" * 64} for row in ROWS]
LEFT = {"name": "left.keras", "status": "not-verified", "sha256": "1" * 64}
STEP = {"environment": "keras-3.3", "label": "Keras 3.3", "release": "3.3", "status": "alike", "cause": ""}


@pytest.mark.parametrize("state", STOPPED)
@pytest.mark.parametrize(
    ("kind", "detail", "kept"),
    [
        ("upgrade", {"rows": []}, "Nothing was kept"),
        ("upgrade", {"rows": [*KEPT_ROWS, LEFT]}, "2 models were asked before, and will not be asked again"),
        ("bisect", {"steps": [{**STEP, "outcome": SAME}]}, "1 release was asked, as below; the search begins anew"),
    ],
    ids=["nothing", "models", "releases"],
)
def test_upgrade_page_says_what_is_kept_of_a_stopped_job(visit, empty_jobs, state, kind, detail, kept):
    job = Job(id="j0123456789", kind=kind, title="x", state=state, request=REQUEST, detail=detail)
    empty_jobs.job_store.create(job)
    app = visit(empty_jobs, "upgrade", job=job.id)
    assert not app.exception
    boxes = app.info if state == "cancelled" else app.warning
    assert boxes[0].value == f"{STOPPED[state]} {kept}; start it again when you like."
    assert len(shown_tables(app)) == bool(detail.get("rows") or detail.get("steps"))


FILES = ("a.weights.h5", "a.json")
ENDS = {"from": "here", "to": "keras-3.3"}


@pytest.fixture
def asked(empty_jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """What the page gives to jobs that it starts, which are recorded as running and never run."""
    calls: list[dict] = []

    def start(kind: str, source: str, target: str, **given) -> Job:
        names = sorted(path.name for path in given["path"].iterdir()) if "path" in given else []
        calls.append({"kind": kind, "sides": (source, target), "names": names, **given})
        job = Job(id="j0123456789", kind=kind, title="x", state="running", request=REQUEST)
        return empty_jobs.job_store.create(job)

    for method, kind in (("check_upgrade", "upgrade"), ("bisect", "bisect")):
        monkeypatch.setattr(empty_jobs, method, lambda *args, kind=kind, **given: start(kind, *args, **given))
    return calls


def send(app: AppTest, jobs: Jobs, *names: str) -> AppTest:
    """The page once these files were sent."""
    return send_files(app, "upgraded-files-0", jobs.uploads, dict.fromkeys(names, b"x"))


def test_upgrade_page_checks_files_that_were_sent(visit, empty_jobs: Jobs, asked: list[dict]):
    app = visit(empty_jobs, "upgrade", **ENDS)
    send(app, empty_jobs, *FILES, "b.keras")
    assert app.button(key="check-upgrade").label == "Check 2 models"
    assert app.button(key="find-release").disabled
    app.checkbox[0].check().run()
    app.button(key="check-upgrade").click().run()
    assert not app.exception
    call = asked[0]
    assert (call["kind"], call["sides"], call["again"]) == ("upgrade", ("here", "keras-3.3"), True)
    assert call["names"] == ["a.json", "a.weights.h5", "b.keras"]
    assert app.query_params["job"] == "j0123456789"
    assert "cancel-j0123456789" in [button.key for button in app.button]
    assert sorted(list_whole_uploads(empty_jobs.uploads)) == sorted(
        [*FILES, "b.keras"]
    )  # for the next question, as the page says


def test_upgrade_page_searches_release_for_weights_with_their_architecture(visit, empty_jobs: Jobs, asked: list[dict]):
    app = visit(empty_jobs, "upgrade", **ENDS)
    send(app, empty_jobs, *FILES)
    app.button(key="find-release").click().run()
    assert [(call["kind"], call["names"]) for call in asked] == [("bisect", ["a.json", "a.weights.h5"])]


def test_upgrade_page_counts_the_open_tab_and_keeps_what_was_chosen(visit, empty_jobs: Jobs, asked: list[dict]):
    run = make_run(empty_jobs.library)
    copies = [make_artifact(empty_jobs.library, run, key).id for key in ("keras", "onnx")]
    app = visit(empty_jobs, "upgrade", **ENDS, run=run.id, copy=copies[0])
    assert app.button(key="check-upgrade").label == "Check 1 model"
    send(app, empty_jobs, *FILES)
    app.multiselect[0].set_value(copies).run()
    assert app.button(key="check-upgrade").label == "Check 2 models"
    app.button(key="check-upgrade").click().run()
    assert not app.exception
    assert [(call["copies"], call["names"]) for call in asked] == [(copies, [])]
    assert (app.query_params["run"], app.query_params["copy"]) == (run.id, copies)
    assert app.query_params["part"] == "Copies of the library"


def test_upgrade_page_shows_refusal(visit, empty_jobs: Jobs, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_, temporary_folder, **__):
        raise InputError("These two open no format in common.", cure="Choose another pair.")

    monkeypatch.setattr(empty_jobs, "check_upgrade", refuse)
    app = visit(empty_jobs, "upgrade", **ENDS)
    send(app, empty_jobs, *FILES)
    app.button(key="check-upgrade").click().run()
    assert "These two open no format in common" in app.error[0].value
    assert "job" not in app.query_params


def test_upgrade_page_begins_with_the_release_before_ours_and_ours(visit, empty_jobs: Jobs):
    line = [side.key for side in release_line(HERE)]
    app = visit(empty_jobs, "upgrade")
    assert [box.value for box in app.selectbox] == [line[line.index(HERE) - 1], HERE]


def test_put_older_first_gives_the_newest_release_before_ours_first():
    offered = [HERE, "onnxruntime-1.20", "keras-3.3", "keras-3.12", "tf-2.15"]
    assert put_older_first(offered) == ["keras-3.12", "keras-3.3", "tf-2.15", HERE, "onnxruntime-1.20"]
    assert put_older_first(["onnxruntime-1.20", HERE]) == ["onnxruntime-1.20", HERE]


def test_upgrade_page_offers_no_search_between_engines(visit, empty_jobs: Jobs):
    app = visit(empty_jobs, "upgrade", **{"from": "onnxruntime-1.20", "to": "here"})
    send(app, empty_jobs, "a.onnx")
    assert [app.button(key=key).disabled for key in ("check-upgrade", "find-release")] == [False, True]
    assert "Choose two releases of Keras under TensorFlow." in app.button(key="find-release").help


def test_upgrade_page_of_signed_in_person_says_who_builds(visit, own_jobs: Jobs):
    bos = own_jobs.for_viewer(BO)
    app = visit(bos, "upgrade")
    assert not app.exception
    assert "Whoever runs the server builds them" in app.info[0].value
    assert "check-upgrade" not in [button.key for button in app.button]
    write_built(own_jobs.config, "keras-3.3")
    app = visit(bos, "upgrade")
    send(app, bos, "a.keras")
    assert [box.value for box in app.selectbox] == ["keras-3.3", "here"]
    assert [app.button(key=key).disabled for key in ("check-upgrade", "find-release")] == [False, True]
    assert "Not all releases between the two are built." in app.button(key="find-release").help


def test_upgrade_page_asks_once_which_environments_are_built(visit, empty_jobs: Jobs, monkeypatch: pytest.MonkeyPatch):
    real, calls = empty_jobs.list_environments, []
    monkeypatch.setattr(empty_jobs, "list_environments", lambda: calls.append(1) or real())
    visit(empty_jobs, "upgrade")
    assert len(calls) == 1


def test_upgrade_page_offers_cured_file_and_reads_it_on_click_only(visit, empty_jobs: Jobs, tmp_path: Path):
    row = UpgradeRow.model_validate({**ROWS[1], "name": "_new_.keras", "sha256": "0" * 64})
    row = row.model_copy(update={"cures": [row.cures[0].model_copy(update={"file": "for-keras-3.3.keras"})]})
    (tmp_path / "cured").write_bytes(b"cured")
    RowStore(empty_jobs.library.home, get_side("here"), get_side("keras-3.3")).add(row, tmp_path / "cured")
    result = {"rows": [row.model_dump(mode="json")], "source_label": "a", "target_label": "b", "others": 3}
    job = Job(id="j0123456789", kind="upgrade", title="x", state="done", request=REQUEST, result=result)
    empty_jobs.job_store.create(job)
    with patch.object(Path, "read_bytes", side_effect=AssertionError("read before it was pressed")):
        app = visit(empty_jobs, "upgrade", job=job.id)
    assert not app.exception
    labels = [button.label for button in app.get("download_button")]
    assert labels[-1] == "Download: " + escape_markdown("_new_.keras-for-keras-3.3.keras")
    assert "3 other files were not asked" in page_text(app)
