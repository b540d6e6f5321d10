"""The Upgrade page without a browser: what it offers, and what it says of models and of releases."""

from core.jobs import Jobs
from core.library.job_store import Job
from tests.ui.test_pages import page_text

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
    assert "There is no copy in the library yet." in text
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
    table = app.dataframe[0].value
    assert table["After"].tolist() == ["✓ Bit-identical", "✗ Does not load"]
    assert table["Cure"].tolist() == ["–", "proven there"]


def test_upgrade_page_says_that_it_shows_the_last_rows_so_far(visit, empty_jobs: Jobs):
    detail = {"rows": ROWS, "asked": 45}
    job = Job(id="j0123456789", kind="upgrade", title="x", state="cancelled", request=REQUEST, detail=detail)
    empty_jobs.job_store.create(job)
    app = visit(empty_jobs, "upgrade", job=job.id)
    assert not app.exception
    assert "The last 2 of 45 models that were asked so far." in page_text(app)
    assert [box.value for box in app.info] == [
        "Cancelled. What became of 2 models stands below; start it again when you like."
    ]


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
    assert app.dataframe[0].value["There"].tolist() == ["✗ Does not load", "✓ Same answers (rounding only)"]
