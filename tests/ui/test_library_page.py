"""The Library page over entries that were made by hand: what it asks the catalog for, says and keeps."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.formats import get_format
from core.jobs import Jobs
from core.library import Library
from core.library.annotation_files import AliasChange
from core.settings import Settings
from core.worker import Worker
from tests.factories.library_entries import make_artifact, make_run
from ui.artifact_detail import describe_alias


@pytest.fixture(scope="module")
def large_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a library of 60 artifacts of two runs."""
    library = Library(tmp_path_factory.mktemp("large") / "store")
    first, second = make_run(library), make_run(library, demo=None, name="Mine")
    for number in range(60):
        make_artifact(library, first if number % 3 else second, "keras" if number % 2 else "h5", b"x" * (number + 1))
    return library.home


@pytest.fixture
def large_library_jobs(large_home: Path, tmp_path: Path, worker: Worker, config: Settings) -> Jobs:
    """Jobs over a copy of that library."""
    home = shutil.copytree(large_home, tmp_path / "large")
    return Jobs(Library(home), worker, config.model_copy(update={"home": home}))


def page_text(app: AppTest) -> str:
    parts = [*app.title, *app.markdown, *app.caption, *app.error, *app.info, *app.warning, *app.header, *app.subheader]
    return "\n".join(part.value for part in parts).replace("\\", "")


def shown_ids(app: AppTest) -> list[str]:
    return app.dataframe[0].value["Id"].tolist()


def test_library_page_applies_filters_and_order_from_url(visit, large_library_jobs):
    app = visit(large_library_jobs, "library", format="h5", sort="smallest")
    assert "30 artifacts, " in page_text(app)
    assert app.dataframe[0].value["Size"].tolist() == pytest.approx(
        [3 * (number + 1) / 1e3 for number in range(0, 60, 2)]
    )
    app = visit(large_library_jobs, "library", demo="none")
    assert "20 artifacts, " in page_text(app)
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
def test_library_page_ignores_invalid_query_parameters(visit, large_library_jobs, address):
    app = visit(large_library_jobs, "library", **address)
    assert not app.exception
    assert "60 artifacts, " in page_text(app)
    assert len(shown_ids(app)) == 50


@pytest.mark.trust
def test_library_page_escapes_markup_in_annotations(visit, large_library_jobs):
    library = large_library_jobs.library
    id_, hostile = library.find()[0].id, "<img src=x onerror=alert(1)> [a](http://x.example) $x$"
    library.annotate(id_, tags=[hostile[:40]], note=hostile)
    library.annotate(library.artifact(id_).run, name=hostile)
    app = visit(large_library_jobs, "library", search=id_)
    assert app.dataframe[0].value["Note"].tolist() == [hostile]
    assert app.dataframe[0].value["Run"].tolist() == [hostile]
    assert not [markdown for markdown in app.markdown if "<img" in markdown.value]


def test_library_page_without_matches_offers_to_clear_filters(visit, large_library_jobs):
    app = visit(large_library_jobs, "library", search="nothing-has-this")
    assert "No artifact fits. Clear the search or a filter." in page_text(app)
    assert not app.dataframe


def test_library_page_second_choice_with_an_older_address_keeps_the_first(visit, large_library_jobs):
    """As a browser sends it, where the second click is quicker than the answer to the first."""
    app = visit(large_library_jobs, "library")
    (order,) = [box for box in app.selectbox if box.label == "Order"]
    order.select("smallest").run()
    assert app.query_params["sort"] == "smallest"
    del app.query_params["sort"]
    (box,) = [multiselect for multiselect in app.multiselect if multiselect.label == "Format"]
    box.select("keras").run()
    assert (app.query_params["sort"], app.query_params["format"]) == ("smallest", "keras")
    assert app.dataframe[0].value["Size"].tolist() == pytest.approx(
        [3 * (number + 1) / 1e3 for number in range(1, 60, 2)]
    )


def test_library_page_changed_filter_returns_to_first_page(visit, large_library_jobs):
    app = visit(large_library_jobs, "library", page="2")
    assert len(shown_ids(app)) == 10
    (box,) = [multiselect for multiselect in app.multiselect if multiselect.label == "Format"]
    box.select("keras").run()
    assert "30 artifacts, " in page_text(app)
    assert len(shown_ids(app)) == 30


def test_library_page_lists_imported_pinned_and_alias_badges(visit, large_library_jobs):
    library: Library = large_library_jobs.library
    run = make_run(library, demo=None, trust="brought in", brought={"name": "x.h5"})
    id_ = make_artifact(library, run).id
    library.annotate(id_, pinned=True, tags=["try"])
    library.set_alias("champion", id_)
    app = visit(large_library_jobs, "library", trust="brought in")
    table = app.dataframe[0].value
    assert list(table["Marks"][0]) == ["imported", "pinned", "→ champion", "#try"]
    assert table["Demo"].tolist() == [""]
    assert shown_ids(visit(large_library_jobs, "library", marked="alias")) == [id_]


def test_library_page_lists_restores_and_empties_trash(visit, large_library_jobs):
    library = large_library_jobs.library
    ids = [entry.id for entry in library.find()[:2]]
    library.remove_all(ids)
    app = visit(large_library_jobs, "library")
    app.session_state["trash"] = True
    app.run()
    listed = [markdown.value.replace("\\", "") for markdown in app.markdown if "30 days left" in markdown.value]
    names = {
        f"{get_format(item.entry.format).label} · {library.run(item.entry.run).name}"
        for item in library.trashed_entries()
    }
    assert {item.partition("  \n")[0] for item in listed} == names
    assert len(listed) == 2
    (back, _) = [button for button in app.button if button.label == "Bring back"]
    back.click().run()
    assert len(library.trash_ids()) == 1


def test_empty_old_trash_removes_only_expired_entries(large_library_jobs, caplog):
    from core.jobs.maintenance import empty_expired_trash
    from tests.factories.library_entries import set_removal_age

    library = large_library_jobs.library
    old, new = (entry.id for entry in library.find()[:2])
    library.remove_all([old, new])
    set_removal_age(library, old, 31)
    empty_expired_trash(library, 0)
    assert len(library.trash_ids()) == 2
    empty_expired_trash(library, large_library_jobs.config.trash_days)
    assert library.trash_ids() == [new]


def test_alias_is_described_as_far_as_a_viewer_may_see():
    moved = AliasChange(alias="champion", artifact="a000000000b", before="a000000000a", set_by="Ada *Lovelace*")
    first = AliasChange(alias="champion", artifact="a000000000a", created="")
    text = describe_alias("a000000000b", [moved, first])
    assert text.startswith("An alias that points to it since ")
    assert text.endswith(r". Ada \*Lovelace\* set it. Before that it pointed to `a000000000a`.")
    for hidden in ([], [first]):  # changes that name another's copy are not shown
        assert describe_alias("a000000000b", hidden) == "An alias that points to it."
    assert describe_alias("a000000000a", [first]) == "An alias that points to it."


def open_removal(jobs: Jobs, monkeypatch: pytest.MonkeyPatch, ids: list[str]) -> AppTest:
    """The dialog that asks before these are removed."""

    def show(ids):
        from ui.library.trash import confirm_removal

        confirm_removal(ids)

    monkeypatch.setattr("ui.library.trash.current_jobs", lambda: jobs)
    return AppTest.from_function(show, args=(ids,), default_timeout=60).run()


@pytest.mark.parametrize("mark", ["pin", "alias"])
def test_removal_says_what_may_not_go_before_anybody_tries(large_library_jobs, monkeypatch, mark: str):
    library = large_library_jobs.library
    free, kept = (entry.id for entry in library.find()[:2])
    if mark == "pin":
        library.annotate(kept, pinned=True)
    else:
        library.set_alias("champion", kept)
    app = open_removal(large_library_jobs, monkeypatch, [free, kept])
    reason = "It is pinned" if mark == "pin" else "The alias 'champion' points to it"
    assert f"{reason}, so it is not removed. Received: {kept}." in page_text(app)
    assert app.button(key="remove-for-good").disabled
    assert library.trash_ids() == []


def test_removal_of_what_may_go_warns_of_nothing_and_removes(large_library_jobs, monkeypatch):
    library = large_library_jobs.library
    free = library.find()[0].id
    app = open_removal(large_library_jobs, monkeypatch, [free])
    assert not app.error
    app.button(key="remove-for-good").click().run()
    assert library.trash_ids() == [free]


def test_form_of_annotations_says_that_two_words_are_two_aliases(large_library_jobs, monkeypatch):
    def show(entry):
        from ui.library.annotations import edit_annotations

        edit_annotations(entry)

    library = large_library_jobs.library
    monkeypatch.setattr("ui.library.annotations.current_jobs", lambda: large_library_jobs)
    app = AppTest.from_function(show, args=(library.find()[0],), default_timeout=60).run()
    assert "Two words are two aliases." in page_text(app)
    next(widget for widget in app.text_input if widget.label == "Aliases").set_value("champion best")
    app.button[0].click().run()
    assert set(library.aliases()) == {"champion", "best"}
