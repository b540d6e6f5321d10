"""Artifacts are chosen out of a page of what fits a search, and what the address names can always be chosen."""

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs import Jobs
from core.library import Library
from core.settings import Settings
from core.worker import Worker
from tests.factories.library_entries import make_artifact, make_run
from tests.helpers import overwrite_file


@pytest.fixture(scope="module")
def large_library_jobs(tmp_path_factory: pytest.TempPathFactory, worker: Worker, config: Settings) -> Jobs:
    """Jobs over 60 artifacts of two runs; nothing here changes them."""
    library = Library(tmp_path_factory.mktemp("choosing") / "store")
    first, second = make_run(library), make_run(library, demo=None, name="Mine")
    for number in range(60):
        make_artifact(library, first if number % 3 else second, "keras" if number % 2 else "h5", b"x" * (number + 1))
    return Jobs(library, worker, config.model_copy(update={"home": library.home}))


def page_messages(app: AppTest) -> str:
    return "\n".join(caption.value for caption in [*app.caption, *app.warning, *app.info, *app.error]).replace("\\", "")


def find_select_box(app: AppTest, label: str):
    (selectbox,) = [item for item in (*app.selectbox, *app.multiselect) if item.label == label]
    return selectbox


def test_artifact_picker_small_library_has_no_search(visit, empty_jobs):
    run = make_run(empty_jobs.library)
    stored = [make_artifact(empty_jobs.library, run, key).id for key in ("keras", "h5", "keras")]
    app = visit(empty_jobs, "inspect", artifact=stored[0])
    assert not app.text_input
    assert len(find_select_box(app, "Artifact").options) == 4  # and nothing
    assert sorted(find_select_box(app, "Artifact").options)[1:] == [
        "HDF5, legacy (.h5)",
        "Keras file (.keras)",
        "Keras file (.keras) #2",
    ]
    assert find_select_box(app, "Beside it").options[1:] == ["Keras file (.keras) #2", "HDF5, legacy (.h5)"]


def test_artifact_picker_large_library_offers_newest_and_search(visit, large_library_jobs):
    library = large_library_jobs.library
    oldest = library.find()[-1].id
    app = visit(large_library_jobs, "inspect")
    assert "60 artifacts; the newest 50 can be chosen below." in page_messages(app)
    assert len(find_select_box(app, "Artifact").options) == 51
    app.text_input[0].input(oldest).run()
    assert "1 artifact fits." in page_messages(app)
    (_, label) = find_select_box(app, "Artifact").options
    app = visit(large_library_jobs, "inspect", artifact=oldest)
    assert label in find_select_box(app, "Artifact").options
    assert oldest not in label
    app = visit(large_library_jobs, "inspect")
    app.text_input[0].input("no such words").run()
    assert "No artifact fits. Clear the search." in page_messages(app)


def test_artifact_picker_selection_survives_search(visit, large_library_jobs):
    ids = [entry.id for entry in large_library_jobs.library.find()]
    app = visit(large_library_jobs, "compare", artifact=[ids[0], ids[-1]], baseline=ids[-2])
    for words in ("", ids[30]):
        app.text_input[0].input(words).run()
        assert not app.exception
        assert find_select_box(app, "Copies").value == [ids[0], ids[-1]]
        assert find_select_box(app, "Compared with").value == ids[-2]
    assert len(set(find_select_box(app, "Copies").options)) == 3


def test_inspect_page_opens_another_artifact_with_its_overview(visit, empty_jobs):
    run = make_run(empty_jobs.library)
    first, second = (make_artifact(empty_jobs.library, run, key).id for key in ("keras", "h5"))
    app = visit(empty_jobs, "inspect", artifact=first, part="Files")
    assert "The files as they lie on the disk" in page_messages(app)
    find_select_box(app, "Artifact").set_value(second).run()
    assert not app.exception
    assert app.query_params["artifact"] == second
    assert "The files as they lie on the disk" not in page_messages(app)
    assert "What this copy is, where it came from" in page_messages(app)


def test_artifact_picker_reports_missing_and_unreadable_artifacts(visit, empty_jobs):
    library = empty_jobs.library
    run = make_run(library)
    ids = [make_artifact(library, run).id for _ in range(2)]
    overwrite_file(library.home / "artifacts" / ids[0] / "artifact.json", "{")
    app = visit(empty_jobs, "inspect", artifact=ids[0], beside="a00000000ff")
    assert f"Not in the library any more, or never was: {ids[0]}, a00000000ff" in page_messages(app)
    assert len(find_select_box(app, "Artifact").options) == 2  # nothing, and the readable one


def test_resume_page_offers_only_artifacts_of_the_run(visit, large_library_jobs):
    library = large_library_jobs.library
    (run,) = [run.id for run in library.runs() if run.demo]
    strange = next(entry.id for entry in library.find() if entry.run != run)
    app = visit(large_library_jobs, "resume", artifact=strange)
    assert f"Not a copy of this run: {strange}" in page_messages(app)
    assert len(find_select_box(app, "Copies").options) == 40
    assert len(find_select_box(app, "Run").options) == 1


def test_compare_page_offers_all_copies_of_newest_run(visit, empty_jobs):
    library = empty_jobs.library
    make_artifact(library, make_run(library), "keras")
    newest = make_run(library, demo=None, name="Mine")
    ids = [make_artifact(library, newest, key, key.encode()).id for key in ("keras", "h5", "weights")]
    app = visit(empty_jobs, "compare")
    (button,) = [item for item in app.button if item.label.startswith("Latest run, ")]
    assert button.label == "Latest run, all 3 copies"
    button.click().run()
    assert sorted(app.multiselect[0].value) == sorted(ids)
    assert sorted(app.query_params["artifact"]) == sorted(ids)
