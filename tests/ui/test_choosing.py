"""Artifacts are chosen out of a page of what fits a search, and what the address names can always be chosen."""

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs import Jobs
from core.library import Library
from core.settings import Settings
from core.worker import Worker
from tests.library.conftest import keep_artifact, keep_run, spoil


@pytest.fixture(scope="module")
def jobs_over(tmp_path_factory: pytest.TempPathFactory, worker: Worker, config: Settings) -> Jobs:
    """Jobs over 60 artifacts of two runs; nothing here changes them."""
    library = Library(tmp_path_factory.mktemp("choosing") / "store")
    first, second = keep_run(library), keep_run(library, demo=None, name="Mine")
    for number in range(60):
        keep_artifact(library, first if number % 3 else second, "keras" if number % 2 else "h5", b"x" * (number + 1))
    return Jobs(library, worker, config.model_copy(update={"home": library.home}))


def said(app: AppTest) -> str:
    return "\n".join(one.value for one in [*app.caption, *app.warning, *app.info, *app.error]).replace("\\", "")


def box(app: AppTest, label: str):
    (found,) = [one for one in (*app.selectbox, *app.multiselect) if one.label == label]
    return found


def test_a_small_library_is_offered_whole_and_without_a_search(visit, empty_jobs):
    run = keep_run(empty_jobs.library)
    kept = [keep_artifact(empty_jobs.library, run, key).id for key in ("keras", "h5", "keras")]
    app = visit(empty_jobs, "inspect", artifact=kept[0])
    assert not app.text_input
    assert len(box(app, "Artifact").options) == 4  # and nothing
    assert [kept[0] in one for one in box(app, "Beside it").options] == [False] * 3


def test_of_a_large_library_the_newest_are_offered_and_others_are_searched(visit, jobs_over):
    library = jobs_over.library
    oldest = library.find()[-1].id
    app = visit(jobs_over, "inspect")
    assert "60 artifacts; the newest 50 can be chosen below." in said(app)
    assert len(box(app, "Artifact").options) == 51
    assert not any(oldest in one for one in box(app, "Artifact").options)
    app.text_input[0].input(oldest).run()
    assert "1 artifact fits." in said(app)
    assert [oldest in one for one in box(app, "Artifact").options] == [False, True]
    app.text_input[0].input("no such words").run()
    assert "No artifact fits. Clear the search." in said(app)


def test_what_was_chosen_stays_chosen_whatever_is_searched(visit, jobs_over):
    ids = [entry.id for entry in jobs_over.library.find()]
    app = visit(jobs_over, "compare", artifact=[ids[0], ids[-1]], baseline=ids[-2])
    for words in ("", ids[30]):
        app.text_input[0].input(words).run()
        assert not app.exception
        assert box(app, "Copies").value == [ids[0], ids[-1]]
        assert box(app, "Held against").value == ids[-2]
    assert any(ids[30] in one for one in box(app, "Copies").options)


def test_what_is_not_there_or_cannot_be_read_is_said_and_not_offered(visit, empty_jobs):
    library = empty_jobs.library
    run = keep_run(library)
    ids = [keep_artifact(library, run).id for _ in range(2)]
    spoil(library.home / "artifacts" / ids[0] / "artifact.json", "{")
    app = visit(empty_jobs, "inspect", artifact=ids[0], beside="a00000000ff")
    assert f"Not in the library any more, or never was: {ids[0]}, a00000000ff" in said(app)
    assert not any(ids[0] in one for one in box(app, "Artifact").options)


def test_resume_offers_the_copies_of_one_run(visit, jobs_over):
    library = jobs_over.library
    (run,) = [run.id for run in library.runs() if run.demo]
    strange = next(entry.id for entry in library.find() if entry.run != run)
    app = visit(jobs_over, "resume", artifact=strange)
    assert f"Not a copy of this run: {strange}" in said(app)
    assert len(box(app, "Copies").options) == 40
    assert len(box(app, "Run").options) == 1
