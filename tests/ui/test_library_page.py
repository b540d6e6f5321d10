"""The Library page over entries that were made by hand: what it asks the catalog for, says and keeps."""

import pytest
from streamlit.testing.v1 import AppTest

from core.formats import get_format
from core.jobs import Jobs
from core.library import Library
from tests.library.conftest import keep_artifact, keep_run


@pytest.fixture
def jobs_over(empty_jobs: Jobs) -> Jobs:
    """Jobs over 60 artifacts of two runs."""
    library = empty_jobs.library
    first, second = keep_run(library), keep_run(library, demo=None, name="Mine")
    for number in range(60):
        keep_artifact(library, first if number % 3 else second, "keras" if number % 2 else "h5", b"x" * (number + 1))
    return empty_jobs


def said(app: AppTest) -> str:
    parts = [*app.title, *app.markdown, *app.caption, *app.error, *app.info, *app.warning, *app.subheader]
    return "\n".join(part.value for part in parts).replace("\\", "")


def shown(app: AppTest) -> list[str]:
    return app.dataframe[0].value["Id"].tolist()


def test_filters_orders_and_pages_are_those_of_the_address(visit, jobs_over):
    app = visit(jobs_over, "library", format="h5", sort="smallest")
    assert "30 artifacts, " in said(app)
    assert app.dataframe[0].value["Size"].tolist() == [3 * (number + 1) for number in range(0, 60, 2)]
    app = visit(jobs_over, "library", demo="none")
    assert "20 artifacts, " in said(app)
    assert set(app.dataframe[0].value["Run"]) == {"Mine"}


@pytest.mark.trust
@pytest.mark.parametrize(
    "address",
    [
        {"page": "0", "format": "../../etc/passwd", "sort": "'", "marked": "x"},
        {"page": "9999999", "verdict": "<b>", "tag": "x", "demo": '"'},
        {"page": "2; DROP", "trust": "x", "artifact": "../../x"},
    ],
)
def test_what_the_address_cannot_mean_is_passed_over(visit, jobs_over, address):
    app = visit(jobs_over, "library", **address)
    assert not app.exception
    assert "60 artifacts, " in said(app)
    assert len(shown(app)) == 50


@pytest.mark.trust
def test_marks_with_html_and_markdown_are_text(visit, jobs_over):
    library = jobs_over.library
    id_, hostile = library.find()[0].id, "<img src=x onerror=alert(1)> [a](http://x.example) $x$"
    library.annotate(id_, tags=[hostile[:40]], note=hostile)
    library.annotate(library.artifact(id_).run, name=hostile)
    app = visit(jobs_over, "library", search=id_)
    assert app.dataframe[0].value["Note"].tolist() == [hostile]
    assert app.dataframe[0].value["Run"].tolist() == [hostile]
    assert not [one for one in app.markdown if "<img" in one.value]


def test_a_view_without_a_hit_offers_the_way_out(visit, jobs_over):
    app = visit(jobs_over, "library", search="nothing-has-this")
    assert "No artifact fits. Clear the search or a filter." in said(app)
    assert not app.dataframe


def test_another_filter_begins_at_the_first_page(visit, jobs_over):
    app = visit(jobs_over, "library", page="2")
    assert len(shown(app)) == 10
    (box,) = [one for one in app.multiselect if one.label == "Format"]
    box.select("keras").run()
    assert "30 artifacts, " in said(app)
    assert len(shown(app)) == 30


def test_what_is_brought_in_pinned_or_named_is_marked_in_the_list(visit, jobs_over):
    library: Library = jobs_over.library
    run = keep_run(library, demo=None, trust="brought in", brought={"name": "x.h5"})
    id_ = keep_artifact(library, run).id
    library.annotate(id_, pinned=True, tags=["try"])
    library.set_alias("champion", id_)
    app = visit(jobs_over, "library", trust="brought in")
    table = app.dataframe[0].value
    assert list(table["Marks"][0]) == ["brought in", "pinned", "→ champion", "#try"]
    assert table["Demo"].tolist() == [""]
    assert shown(visit(jobs_over, "library", marked="alias")) == [id_]


def test_the_trash_is_listed_with_its_days_and_emptied_on_request(visit, jobs_over):
    library = jobs_over.library
    ids = [entry.id for entry in library.find()[:2]]
    library.remove_all(ids)
    app = visit(jobs_over, "library")
    app.session_state["trash"] = True
    app.run()
    listed = [one.value.replace("\\", "") for one in app.markdown if "30 days left" in one.value]
    names = {
        f"{get_format(one.entry.format).label} · {library.run(one.entry.run).name}" for one in library.trashed_entries()
    }
    assert {one.partition("  \n")[0] for one in listed} == names
    assert len(listed) == 2
    (back, _) = [one for one in app.button if one.label == "Bring back"]
    back.click().run()
    assert len(library.trash_ids()) == 1


def test_old_trash_is_emptied_by_the_server(jobs_over, caplog):
    from tests.library.test_trash import removed_days_ago
    from ui.library.trash import empty_expired_trash

    library = jobs_over.library
    old, new = (entry.id for entry in library.find()[:2])
    library.remove_all([old, new])
    removed_days_ago(library, old, 31)
    never = Jobs(library, jobs_over.worker, jobs_over.config.model_copy(update={"trash_days": 0}))
    empty_expired_trash(never)
    assert len(library.trash_ids()) == 2
    empty_expired_trash(jobs_over)
    assert library.trash_ids() == [new]
