"""Choice of artifacts from a library of any size, and of the code or weights that complete half a model."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

import streamlit as st

from core.compare import Verdict
from core.formats import label_format
from core.jobs.participants import list_code_sources
from core.library import Entry, Page, Query
from core.library.ids import ID_PATTERN
from core.text.labels import mark_imported, number_equal, pluralize
from ui.components import escape_markdown
from ui.query_params import bind_multiselect, bind_select
from ui.session import current_jobs

MAX_LISTED = 50  # artifacts; others are found by a search
MAX_REQUESTED = 200  # artifacts that an address can ask for
READABLE = Query(verdicts=tuple(verdict.value for verdict in Verdict), size=MAX_LISTED)
NO_ARTIFACT = ""


class ArtifactChoices(NamedTuple):
    """Artifacts to choose from.

    Attributes:
        entries: By id; those that the address names first.
        listed: The ids that the search gave, newest first.
        names: The label of each, by id.
        missing: The ids in the address that are not in the library.
    """

    entries: dict[str, Entry]
    listed: list[str]
    names: dict[str, str]
    missing: list[str]


def load_artifact_choices(*params: str, run: str = "") -> ArtifactChoices | None:
    """Return the artifacts that these query parameters name, and others to choose from; of one run, or of all.

    Shows a search where there are more than a page. Returns None where there is no artifact at all.
    """
    library = current_jobs().library
    readable = replace(READABLE, run=run)
    page = library.page(readable)
    if not page.entries:
        return None
    if is_large := page.total > MAX_LISTED:
        page = _search_artifacts(readable, page)
    requested = list(dict.fromkeys(id_ for name in params for id_ in st.query_params.get_all(name)))
    ids = tuple(id_ for id_ in requested if ID_PATTERN.fullmatch(id_))[:MAX_REQUESTED]
    chosen = library.page(replace(readable, ids=ids, size=None)).entries if ids else []
    runs = library.run_names()
    entries = {
        entry.id: entry._replace(run_name=runs.get(entry.run or "", entry.run_name))
        for entry in (*chosen, *page.entries)
    }
    missing = [id_ for id_ in requested if id_ not in entries and not _is_empty_or_run(id_)]
    chosen_run = next((entries[id_].run for id_ in requested if id_ in entries), None)
    newest = page.entries[0].run if page.entries else None
    main_run = run or (None if is_large else chosen_run or newest) or ""
    names = _choice_labels(entries, is_large, main_run)
    return ArtifactChoices(entries, [entry.id for entry in page.entries], names, missing)


def search_field(**widget: Any) -> str:
    """Show the search field for artifacts and return its text; `widget` has its key, or binds it to the address."""
    text = st.text_input(
        "Search",
        type="search",
        placeholder="run, demo, format, tag, note, id or SHA-256",
        live=True,
        max_chars=200,
        width=420,
        **widget,
    )
    return text or ""


def _is_empty_or_run(id_: str) -> bool:
    return not id_ or bool(ID_PATTERN.fullmatch(id_) and id_.startswith("r"))


def _search_artifacts(query: Query, page: Page) -> Page:
    """Show a search field, and return a page of what matches it; `page` itself while the field is empty."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = search_field(key="choosing")
        page = current_jobs().library.page(replace(query, search=search)) if search else page
        st.caption(_match_count_text(page, search), width="content")
    return page


def _match_count_text(page: Page, search: str) -> str:
    if not page.entries:
        return "No artifact fits. Clear the search."
    count = f"More than {page.total - 1:,} artifacts" if page.has_more else pluralize(page.total, "artifact")
    if search and page.total <= len(page.entries):
        return f"{count} {'fits' if page.total == 1 else 'fit'}."
    return f"{count}{' fit' if search else ''}; the newest {len(page.entries)} can be chosen below. Search for others."


def _choice_labels(entries: dict[str, Entry], is_large: bool, main_run: str) -> dict[str, str]:
    """Return the label of each: its format, its run where that is not `main_run`; equal ones are numbered by age.

    In a large library always with its time, because there a label must not depend on the results of a search.
    """
    names = {}
    for id_, entry in entries.items():
        of_run = f" · {entry.run_name}" if entry.run != main_run else ""
        names[id_] = mark_imported(label_format(str(entry.format)) + of_run, entry)
    if is_large:
        return {id_: f"{name} · {_exact_time(entries[id_])}" for id_, name in names.items()}
    oldest_first = sorted(names, key=lambda id_: entries[id_].created or "")
    return number_equal({id_: names[id_] for id_ in oldest_first})


def _exact_time(entry: Entry) -> str:
    """Return the local time of an entry to the millisecond, which tells equal ones apart."""
    return datetime.fromisoformat(str(entry.created)).astimezone().strftime("%d %b %Y, %H:%M:%S.%f")[:-3]


def choose_artifacts(choices: ArtifactChoices, label: str, name: str, **widget: Any) -> list[str]:
    """Choose any of the artifacts, in chips that wrap; the choice stands in the address under `name`."""
    bound = bind_multiselect(name, _option_ids(choices, name))
    return st.multiselect(label, **bound, format_func=choices.names.__getitem__, wrap=True, **widget)


def choose_artifact(
    choices: ArtifactChoices,
    label: str,
    name: str,
    leading: dict[str, str],
    excluded: Iterable[str] = (),
    **widget: Any,
) -> str:
    """Choose one of `leading` (labels by id) or of the artifacts; the choice stands in the address under `name`."""
    ids = [id_ for id_ in _option_ids(choices, name) if id_ not in set(excluded)]
    labels = leading | {id_: choices.names[id_] for id_ in ids}
    choice: Any = st.selectbox(label, **bind_select(name, list(labels)), format_func=labels.__getitem__, **widget)
    return choice


def _option_ids(choices: ArtifactChoices, name: str) -> list[str]:
    """Return the ids of the options: chosen ones that are not listed, then all listed ones."""
    chosen = [id_ for id_ in dict.fromkeys(st.query_params.get_all(name)) if id_ in choices.entries]
    return [*(id_ for id_ in chosen if id_ not in choices.listed), *choices.listed]


def warn_missing(ids: list[str], text: str = "Not in the library any more, or never was") -> None:
    """Warn about ids in the address that cannot be chosen."""
    if ids:
        names = escape_markdown(", ".join(ids))[:200]
        st.warning(f"{text}: {names}. Choose others below.", icon=":material/search_off:")


def choose_one_or_two(choices: ArtifactChoices) -> tuple[str, str]:
    """Return the ids of the chosen artifact and of the one beside it, "" for none; both stand in the address."""
    warn_missing(choices.missing)
    left, right = st.columns(2)
    with left:
        first = choose_artifact(choices, "Artifact", "artifact", {NO_ARTIFACT: "Choose one to look into"})
    with right:
        second = choose_artifact(
            choices,
            "Beside it",
            "beside",
            {NO_ARTIFACT: "Nothing: look into one alone"},
            excluded=[first],
            help="Choose another artifact to see where the two differ: in layers, weights, signatures, text, files.",
            disabled=not first,
        )
    return first, second if first else NO_ARTIFACT


def offer_newest_run(choices: ArtifactChoices, name: str, whose: str = "Latest run") -> None:
    """Offer to choose all listed copies of the run that was saved last; they go into the address under `name`.

    `whose` is what the button calls that run.
    """
    if not choices.listed:
        return
    newest = choices.entries[choices.listed[0]]
    ids = [id_ for id_ in choices.listed if choices.entries[id_].run == newest.run]
    st.button(
        f"{whose}, {'its only copy' if len(ids) == 1 else f'all {len(ids)} copies'}",
        type="primary",
        icon=":material/done_all:",
        help=escape_markdown(newest.run_name or ""),
        on_click=st.query_params.__setitem__,
        args=(name, ids),
    )


def choose_code_sources(ids: Iterable[str], question_of: Callable[[str], str]) -> dict[str, str]:
    """Choose what completes each copy that is half a model, under a question; the choice stands in the address."""
    library = current_jobs().library
    labels = {id_: {source.key: source.label for source in list_code_sources(library, id_)} for id_ in ids}
    halves = [id_ for id_ in labels if next(iter(labels[id_])) != "none"]
    if not halves:
        return {}
    with st.expander(f"What is missing in {pluralize(len(halves), 'copy', 'copies')}", icon=":material/join:"):
        return {id_: _choose_code_source(id_, question_of(id_), labels[id_]) for id_ in halves}


def _choose_code_source(id_: str, question: str, labels: dict[str, str]) -> str:
    choice: Any = st.selectbox(
        question,
        **bind_select(f"code-{id_}", list(labels)),
        format_func=labels.__getitem__,
        help="This copy is half a model, or has layers of its own: something must bring the other half.",
    )
    return choice
