"""Choosing artifacts out of a library of any size: what stands in the address, and one page of what fits a search."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import streamlit as st

from core.compare import Verdict
from core.formats import get_format
from core.library import Entry, Page, Query
from core.library.records import ID_PATTERN
from core.text.labels import mark_imported, pluralize
from ui.components import escape_markdown
from ui.query_params import bind_select
from ui.session import current_jobs

MAX_LISTED = 50  # artifacts; others are found by a search
MAX_REQUESTED = 200  # that an address can ask for
READABLE_VERDICTS = tuple(verdict.value for verdict in Verdict)


class ArtifactChoices(NamedTuple):
    """What can be chosen: `entries` by id, those that the address names first; the ids that were `found`, newest
    first; what each is called; and the ids in the address that are `missing`."""

    entries: dict[str, Entry]
    listed: list[str]
    names: dict[str, str]
    missing: list[str]


def load_artifact_choices(*params: str, run: str = "") -> ArtifactChoices | None:
    """The artifacts that these names in the address ask for, and others to choose from, of one run or of all.

    Where there are more than a page, there is a search. None where there is none at all.
    """
    library = current_jobs().library
    every = Query(verdicts=READABLE_VERDICTS, run=run, size=MAX_LISTED)
    found = whole = library.page(every)
    if not whole.entries:
        return None
    if is_large := whole.total > MAX_LISTED:
        found = _search_artifacts(every, whole)
    wanted = dict.fromkeys(_requested_ids(params))
    asked = [id_ for id_ in wanted if ID_PATTERN.fullmatch(id_)][:MAX_REQUESTED]
    kept = (
        library.page(Query(ids=tuple(asked), verdicts=READABLE_VERDICTS, run=run, size=None)).entries if asked else []
    )
    entries = {entry.id: entry for entry in (*kept, *found.entries)}
    missing = [id_ for id_ in wanted if id_ not in entries and not _is_empty_or_run(id_)]
    return ArtifactChoices(
        entries, [entry.id for entry in found.entries], _choice_labels(entries, is_large, run), missing
    )


def search_field(**widget: Any) -> str:
    """The field in which artifacts are searched; `state` is its key, or what keeps it and the address in step."""
    words = st.text_input(
        "Search",
        type="search",
        placeholder="run, demo, format, tag, note, id or SHA-256",
        live=True,
        max_chars=200,
        width=420,
        **widget,
    )
    return words or ""


def _requested_ids(params: Iterable[str]) -> list[str]:
    return [id_ for name in params for id_ in st.query_params.get_all(name)]


def _is_empty_or_run(id_: str) -> bool:
    return not id_ or bool(ID_PATTERN.fullmatch(id_) and id_.startswith("r"))


def _search_artifacts(query: Query, first_page: Page) -> Page:
    """The search, and what fits it."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = search_field(key="choosing")
        found = current_jobs().library.page(replace(query, search=words)) if words else first_page
        st.caption(_match_count_text(found, words), width="content")
    return found


def _match_count_text(page: Page, search: str) -> str:
    if not page.entries:
        return "No artifact fits. Clear the search."
    many = f"More than {page.total - 1:,} artifacts" if page.has_more else pluralize(page.total, "artifact")
    if search and page.total <= len(page.entries):
        return f"{many} {'fits' if page.total == 1 else 'fit'}."
    return f"{many}{' fit' if search else ''}; the newest {len(page.entries)} can be chosen below. Search for others."


def _choice_labels(entries: dict[str, Entry], is_large: bool, run: str) -> dict[str, str]:
    """What each is called in a list: its format; its run where there are several; its id where two would be called the
    same, and in a large library always: there a name must not depend on what else was found."""
    several = not run and (is_large or len({entry.run for entry in entries.values()}) > 1)
    names = {
        id_: mark_imported(get_format(entry.format).label + (f" · {entry.run_name}" if several else ""), entry)
        for id_, entry in entries.items()
    }
    counts = Counter(names.values())
    return {id_: f"{name} · {id_}" if is_large or counts[name] > 1 else name for id_, name in names.items()}


def choose_artifacts(choices: ArtifactChoices, label: str, name: str, **widget: Any) -> list[str]:
    """Any of the artifacts; the choice stands in the address under `name`."""
    bound = bind_select(name, _option_ids(choices, name), many=True)
    return st.multiselect(label, **bound, format_func=choices.names.get, **widget)


def choose_artifact(
    choices: ArtifactChoices,
    label: str,
    name: str,
    leading: dict[str, str],
    excluded: Iterable[str] = (),
    **widget: Any,
) -> str:
    """One of `first` (id to words), or of the artifacts; the choice stands in the address under `name`."""
    words = leading | {id_: choices.names[id_] for id_ in _option_ids(choices, name) if id_ not in set(excluded)}
    return st.selectbox(label, **bind_select(name, list(words)), format_func=words.get, **widget)


def _option_ids(choices: ArtifactChoices, name: str) -> list[str]:
    """What was found, after what is chosen already and was not."""
    chosen = [id_ for id_ in dict.fromkeys(st.query_params.get_all(name)) if id_ in choices.entries]
    return [*(id_ for id_ in chosen if id_ not in choices.listed), *choices.listed]


def warn_missing(ids: list[str], text: str = "Not in the library any more, or never was") -> None:
    """That the address asks for what is not there."""
    if ids:
        st.warning(
            f"{text}: {escape_markdown(', '.join(ids))[:200]}. Choose others below.",
            icon=":material/search_off:",
        )
