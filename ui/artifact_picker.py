"""Choosing artifacts out of a library of any size: what stands in the address, and one page of what fits a search."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import streamlit as st

from core.compare import Verdict
from core.formats import get_format
from core.library import Entry, Page, Query
from core.library.records import ID
from core.text.labels import counted, marked
from ui.components import plain
from ui.query_params import in_address
from ui.session import current_jobs

OFFERED = 50  # artifacts; others are found by a search
MOST_NAMED = 200  # that an address can ask for
READABLE = tuple(verdict.value for verdict in Verdict)


class Offer(NamedTuple):
    """What can be chosen: `entries` by id, those that the address names first; the ids that were `found`, newest
    first; what each is called; and the ids in the address that are `missing`."""

    entries: dict[str, Entry]
    found: list[str]
    names: dict[str, str]
    missing: list[str]


def offer(*named: str, run: str = "") -> Offer | None:
    """The artifacts that these names in the address ask for, and others to choose from, of one run or of all.

    Where there are more than a page, there is a search. None where there is none at all.
    """
    library = current_jobs().library
    every = Query(verdicts=READABLE, run=run, size=OFFERED)
    found = whole = library.page(every)
    if not whole.entries:
        return None
    if is_large := whole.total > OFFERED:
        found = _search(every, whole)
    wanted = dict.fromkeys(_asked(named))
    asked = [id_ for id_ in wanted if ID.fullmatch(id_)][:MOST_NAMED]
    kept = library.page(Query(ids=tuple(asked), verdicts=READABLE, run=run, size=None)).entries if asked else []
    entries = {entry.id: entry for entry in (*kept, *found.entries)}
    missing = [id_ for id_ in wanted if id_ not in entries and not _is_none_or_run(id_)]
    return Offer(entries, [entry.id for entry in found.entries], _names(entries, is_large, run), missing)


def search_field(**state: Any) -> str:
    """The field in which artifacts are searched; `state` is its key, or what keeps it and the address in step."""
    words = st.text_input(
        "Search",
        type="search",
        placeholder="run, demo, format, tag, note, id or SHA-256",
        live=True,
        max_chars=200,
        width=420,
        **state,
    )
    return words or ""


def _asked(named: Iterable[str]) -> list[str]:
    return [id_ for name in named for id_ in st.query_params.get_all(name)]


def _is_none_or_run(id_: str) -> bool:
    return not id_ or bool(ID.fullmatch(id_) and id_.startswith("r"))


def _search(every: Query, whole: Page) -> Page:
    """The search, and what fits it."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = search_field(key="choosing")
        found = current_jobs().library.page(replace(every, search=words)) if words else whole
        st.caption(_said(found, words), width="content")
    return found


def _said(found: Page, words: str) -> str:
    if not found.entries:
        return "No artifact fits. Clear the search."
    many = f"More than {found.total - 1:,} artifacts" if found.more else counted(found.total, "artifact")
    if words and found.total <= len(found.entries):
        return f"{many} {'fits' if found.total == 1 else 'fit'}."
    return f"{many}{' fit' if words else ''}; the newest {len(found.entries)} can be chosen below. Search for others."


def _names(entries: dict[str, Entry], is_large: bool, run: str) -> dict[str, str]:
    """What each is called in a list: its format; its run where there are several; its id where two would be called the
    same, and in a large library always: there a name must not depend on what else was found."""
    several = not run and (is_large or len({entry.run for entry in entries.values()}) > 1)
    names = {
        id_: marked(get_format(entry.format).label + (f" · {entry.run_name}" if several else ""), entry)
        for id_, entry in entries.items()
    }
    counts = Counter(names.values())
    return {id_: f"{name} · {id_}" if is_large or counts[name] > 1 else name for id_, name in names.items()}


def choose_many(offered: Offer, label: str, name: str, **more: Any) -> list[str]:
    """Any of the artifacts; the choice stands in the address under `name`."""
    bound = in_address(name, _options(offered, name), many=True)
    return st.multiselect(label, **bound, format_func=offered.names.get, **more)


def choose_one(
    offered: Offer, label: str, name: str, first: dict[str, str], besides: Iterable[str] = (), **more: Any
) -> str:
    """One of `first` (id to words), or of the artifacts; the choice stands in the address under `name`."""
    words = first | {id_: offered.names[id_] for id_ in _options(offered, name) if id_ not in set(besides)}
    return st.selectbox(label, **in_address(name, list(words)), format_func=words.get, **more)


def _options(offered: Offer, name: str) -> list[str]:
    """What was found, after what is chosen already and was not."""
    chosen = [id_ for id_ in dict.fromkeys(st.query_params.get_all(name)) if id_ in offered.entries]
    return [*(id_ for id_ in chosen if id_ not in offered.found), *offered.found]


def say_missing(ids: list[str], words: str = "Not in the library any more, or never was") -> None:
    """That the address asks for what is not there."""
    if ids:
        st.warning(
            f"{words}: {plain(', '.join(ids))[:200]}. Choose others below.",
            icon=":material/search_off:",
        )
