"""Every page without a browser: what it says on an empty library, on a furnished one, and to bad input."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Title

from core.compatibility.checks import COLUMNS
from core.demos import DEMOS, get_demo
from core.formats import formats_at_hand
from core.jobs import Jobs
from core.library.job_store import Job
from core.settings import PROJECT
from core.text.numbers import format_size
from tests.exports.test_proof_kit import make_artifact_with_outcome
from tests.factories.shown_tables import shown_tables
from tests.helpers import wait_until_done
from ui.demo_picture import draw_demo_picture
from ui.navigation import PAGES

MODEL_RUNTIMES = ("tensorflow", "keras", "h5py", "onnx", "onnxruntime", "ai_edge_litert", "openvino", "sklearn")
QUEUE = ("procrastinate", "psycopg")  # which only the machines of a team need


def find_title(block: Block) -> list[int]:
    """The places on the way down to the title of a page."""
    for place, child in block.children.items():
        if isinstance(child, Title):
            return [place]
        if isinstance(child, Block) and (below := find_title(child)):
            return [place, *below]
    return []


@pytest.mark.parametrize("page", ["home", "train", "sweep", "upgrade"])
def test_copy_link_moves_nothing_that_stands_after_it(visit, empty_jobs: Jobs, page: str):
    bare, addressed = (find_title(visit(empty_jobs, page, **address).main) for address in ({}, {"about": "it"}))
    assert bare
    assert bare == addressed


def page_text(app: AppTest) -> str:
    """All text of a page; where no line may end, between a number and its unit, is a space like any other."""
    parts = [*app.title, *app.markdown, *app.caption, *app.error, *app.info, *app.warning, *app.header, *app.subheader]
    return "\n".join(part.value for part in parts).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("page", "sentence", "button"),
    [
        ("home", "Train your first model", "Train a model"),
        ("train", "Which digit, 0 to 9", "Train: Read a digit"),
        ("save", "There is nothing to save yet", "Train a model"),
        ("library", "Nothing is saved yet", "Train a model"),
        ("inspect", "There is nothing to look into yet", "Train a model"),
        ("compare", "There is nothing to compare yet", "Train a model"),
        ("resume", "There is no copy to resume from yet", "Train a model"),
        ("health", "Nothing is kept yet, so there is nothing to verify", "Train a model"),
    ],
)
def test_pages_of_empty_library_offer_next_step(visit, empty_jobs: Jobs, page: str, sentence: str, button: str):
    app = visit(empty_jobs, page)
    assert not app.exception
    assert sentence in page_text(app)
    assert button in [item.label for item in app.button]


@pytest.mark.parametrize("page", [key.replace("-", "_") for key in PAGES])
def test_page_buttons_have_names_of_their_own(visit, copied_entries: Callable, page: str):
    jobs, run, artifacts = copied_entries("digits-mlp", "keras", "architecture")
    app = visit(jobs, page, artifact=artifacts["keras"], run=run)
    assert not app.exception
    labels = [button.label for button in app.button]
    assert sorted(labels) == sorted(set(labels))


def test_pages_in_navigation_match_scripts():
    assert {path.stem.replace("_", "-") for path in (PROJECT / "pages").glob("*.py")} == set(PAGES)


def test_save_page_disables_formats_unfit_for_tf_module_with_reason(visit, jobs: Jobs, trained: Callable):
    app = visit(jobs, "save", run=trained("digits-core"))
    boxes = {box.label: box.disabled for box in app.checkbox}
    assert boxes["SavedModel"] is False
    assert boxes["Keras file (.keras)"] is True
    assert "Takes Keras models only" in page_text(app).replace("\\", "")


def test_the_library_lists_and_filters(visit, jobs: Jobs, saved: Callable):
    row = saved("digits-mlp", "saved_model")
    app = visit(jobs, "library", search=row["artifact"])
    assert "1 artifact, " in page_text(app)
    assert app.dataframe[0].value["Id"].tolist() == [row["artifact"]]
    assert app.dataframe[0].value["Verdict of its reload"].tolist() == ["Bit-identical · cannot be trained"]


def test_resume_page_shows_verdict_of_each_copy(visit, jobs: Jobs, trained: Callable, saved: Callable):
    run = trained("digits-core")
    artifact_ids = [saved("digits-core", key)["artifact"] for key in ("checkpoint", "saved_model")]
    app = visit(jobs, "resume", run=run, artifact=artifact_ids, epochs="1")
    assert [button.disabled for button in app.button if button.label == "Resume training"] == [False]
    assert jobs.wait(jobs.resume(run, artifact_ids, 1).id).state == "done"
    text = page_text(app.run()).replace("\\", "")
    assert not app.exception
    assert "Every batch's loss is the live model's, to the last bit" in text
    assert "It came back as functions that answer" in text
    (table,) = shown_tables(app)
    assert table["Step count"] == ["✓ kept (80)", "✓ kept"]
    assert [button.disabled for button in app.button if button.label == "Resume training"] == [True]


def test_resume_page_without_a_choice_offers_all_copies_of_the_run(visit, copied_entries: Callable):
    jobs, run, artifacts = copied_entries("digits-mlp", "keras", "saved_model")
    app = visit(jobs, "resume", run=run)
    (offer,) = [button for button in app.button if button.label == "This run, all 2 copies"]
    app = offer.click().run()
    (chosen,) = [box.value for box in app.multiselect if box.label == "Copies"]
    assert not app.exception
    assert sorted(chosen) == sorted(artifacts.values())


@pytest.mark.parametrize(
    ("page", "address"),
    [("train", {"job": "j0000000000"}), ("train", {"job": "../../x"}), ("save", {"job": "j0000000000"})],
)
def test_pages_unknown_job_in_url_shows_one_sentence(visit, jobs: Jobs, trained: Callable, page: str, address: dict):
    trained("digits-mlp")
    app = visit(jobs, page, **address)
    assert not app.exception
    assert "Nothing in the library has this id" in app.error[0].value.replace("\\", "")


@pytest.mark.parametrize("page", ["import_model", "save", "train"])
def test_pages_job_of_another_page_in_url_shows_one_sentence(visit, jobs: Jobs, saved: Callable, page: str):
    saved("digits-mlp", "keras")
    other = next(job for job in jobs.job_store.list_jobs("train" if page == "save" else "save"))
    app = visit(jobs, page, job=other.id)
    assert not app.exception
    assert [error.value for error in app.error] == [
        f"This is no job of this page\\. Received\\: {other.id}\\. Open it where it was started\\."
    ]


def test_pages_render_without_loading_model_runtimes_or_queue(tmp_path: Path):
    code = f"""
import os, sys
os.environ["ROUNDTRIP_HOME"] = {str(tmp_path)!r}
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({str(PROJECT / "ui" / "main.py")!r}, default_timeout=60).run()
for page in {list(PAGES)!r}:
    app.switch_page({str(PROJECT / "pages")!r} + f"/{{page.replace('-', '_')}}.py").run()
    assert not app.exception, app.exception
print(sorted(set({MODEL_RUNTIMES + QUEUE!r}) & set(sys.modules)))
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "[]", run.stderr[-2000:]


def test_train_page_button_of_card_trains_with_defaults(visit, empty_jobs: Jobs):
    app = visit(empty_jobs, "train")
    assert not app.number_input  # settings are folded away
    app.button(key="train-tips").click().run()
    (job,) = empty_jobs.job_store.list_jobs("train")
    empty_jobs.cancel(job.id)
    assert (job.request["demo"], job.request["settings"]) == ("tips", get_demo("tips").defaults.model_dump())
    assert app.query_params["job"] == job.id


def test_train_page_of_finished_job_begins_with_score(visit, jobs: Jobs):
    job = wait_until_done(jobs, jobs.train("digits-core", epochs=1))
    run = jobs.library.run(job.result["run"])
    app = visit(jobs, "train", job=job.id)
    assert [box.value for box in app.success] == [f"**Done:** {run.score:.1%} of the test examples right."]


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.key)
def test_demo_picture_is_drawn_from_rows_for_both_themes(demo):
    picture = draw_demo_picture.__wrapped__(demo.key)
    assert 9 <= len(re.findall(r"<(image|text|polyline|circle) ", picture)) <= 250
    assert "#1E1B2E" not in picture.partition("</style>")[2]  # of one theme: nobody would see it in the other
    assert ElementTree.fromstring(picture).tag.endswith("svg")


def test_save_page_marks_saved_formats_with_size_of_last_save(visit, copied_entries: Callable):
    jobs, run, artifacts = copied_entries("tips", "keras", "saved_model")
    sizes = {key: jobs.library.artifact(id_).bytes for key, id_ in artifacts.items()}
    app = visit(jobs, "save", run=run)
    assert not app.exception
    assert [bar.proto.text for bar in app.get("progress")] == [
        f":material/check: Saved, {format_size(sizes[key])}" for key in ("keras", "saved_model")
    ]
    assert [bar.proto.value for bar in app.get("progress")] == [int(100 * sizes["keras"] / sizes["saved_model"]), 100]
    app.checkbox(key=f"format-{run}-h5").check().run()
    assert app.button(key="save-some").label == "Save 1 format"


def test_formats_page_tries_only_what_needs_no_build(visit, empty_jobs: Jobs, monkeypatch):
    jobs, library = empty_jobs, empty_jobs.library
    run = library.artifact(make_artifact_with_outcome(library, "keras")).run
    at_hand, asked = formats_at_hand("keras", 0, "ours"), []

    def record(run: str, formats: list[str]) -> Job:
        asked.extend(formats)
        request = {"run": run, "formats": formats, "options": {}}
        return jobs.job_store.create(Job(id="j0123456789", kind="save", title="x", state="cancelled", request=request))

    monkeypatch.setattr(jobs, "save", record)
    app = visit(jobs, "formats", run=run)
    assert f"{len(at_hand) - 1} of {len(at_hand)} formats have not been tried on this run." in page_text(app)
    next(button for button in app.button if button.label == "Try them all").click().run()
    assert not app.exception
    assert sorted(["keras", *asked]) == sorted(at_hand)


def test_formats_page_says_losses_first_and_folds_empty_columns(visit, jobs: Jobs, trained: Callable, saved: Callable):
    for key in ("h5", "keras"):
        saved("digits-mlp", key)
    app = visit(jobs, "formats", run=trained("digits-mlp"))
    assert not app.exception
    labels = [item.label for item in app.expander if " · " in item.label]
    sentences = dict(label.split(" · ", 1) for label in reversed(labels))  # what each is for stands further below
    assert sentences["**HDF5, legacy (.h5)**"].replace("\\", "") == "Loses optimizer state and further training."
    assert sentences["**Keras file (.keras)**"].replace("\\", "") == "Everything that was tried came back as it was."
    (switch,) = app.toggle
    assert switch.label.endswith(": Vocabulary, State, Takes text")
    assert not {"Vocabulary", "State", "Takes text"} & set(app.table[0].value)
    assert app.table[0].value.set_index("Format")["Optimizer state"]["HDF5, legacy (.h5)"] == "✗ lost"
    switch.set_value(True).run()
    assert set(app.table[0].value) == {"Format"} | {column.label for column in COLUMNS}
