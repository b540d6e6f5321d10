"""What the Library page asks for: a search, filters, an order and a page, all of them in the address."""

from dataclasses import replace
from math import ceil
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from core.compare import Verdict
from core.formats import all_formats
from core.library import Library, Page, Query
from core.library.records import UNREADABLE
from core.text.labels import counted, size
from ui.artifact_picker import search_field
from ui.components import demo_label
from ui.navigation import page
from ui.query_params import asked_page, in_address, page_in_address, tell_the_browser, text_in_address

PAGE = 50  # artifacts on one page
ORDERS = {
    "newest": ("Newest first", "created", True),
    "oldest": ("Oldest first", "created", False),
    "largest": ("Largest first", "bytes", True),
    "smallest": ("Smallest first", "bytes", False),
    "name": ("By name of the run", "name", False),
    "format": ("By format", "format", False),
    "demo": ("By demo", "demo", False),
    "best": ("Best verdict first", "verdict", False),
    "worst": ("Worst verdict first", "verdict", True),
}
TRUST = {"": "All", "ours": "Made here", "brought in": "Brought in"}
MARKED = {"": "All", "pinned": "Pinned", "alias": "With an alias"}
WHOSE = {"": "All", "mine": "Mine", "others": "Of others"}  # for who signed in
NO_DEMO = "none"  # in the address: of no demo
UNREADABLE_SAID = (UNREADABLE, "Unreadable")
# Views that are worth a click: what is in their address.
VIEWS = {
    "All": (":material/list:", {}),
    "Pinned": (":material/keep:", {"marked": "pinned"}),
    "With an alias": (":material/arrow_forward:", {"marked": "alias"}),
    "Brought in": (":material/input:", {"trust": "brought in"}),
    "Does not load": (":material/block:", {"verdict": [Verdict.DOES_NOT_LOAD.value, UNREADABLE]}),
    "Largest": (":material/sort:", {"sort": "largest"}),
}


def ask(library: Library) -> Query:
    """The widgets, and what they ask for."""
    tell_the_browser("library-address")
    _views()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = search_field(**text_in_address("search", forget="page"))
        order = _select("Order", "sort", {key: words for key, (words, *_) in ORDERS.items()}, width=220)
    chosen = _filters(library)
    _, sort, descending = ORDERS[order]
    return Query(search, **chosen, sort=sort, descending=descending, page=asked_page("page"), size=PAGE)


def _views() -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="views"):
        for words, (icon, address) in VIEWS.items():
            st.page_link(page("library"), label=words, icon=icon, query_params=address)
        with st.popover("Link to this view", icon=":material/link:", type="tertiary"):
            st.caption("Search, filters, order and page are in the address. Keep it as a bookmark, or send it on.")
            st.code(_address(), language=None, wrap_lines=True)


def _address() -> str:
    asked = [(name, one) for name in st.query_params for one in st.query_params.get_all(name)]
    return f"{(st.context.url or '').partition('?')[0]}?{urlencode(asked)}"


def _filters(library: Library) -> dict[str, Any]:
    """What there is to choose from is what the library holds."""
    labels = {one.key: one.label for one in all_formats()}
    demos = {key or NO_DEMO: demo_label(key) if key else "of no demo" for key in library.kinds("demo")}
    formats = {key: labels.get(key, key) for key in library.kinds("format") if key}
    ranks = {verdict.rank: (verdict.value, verdict.words) for verdict in Verdict} | {len(Verdict): UNREADABLE_SAID}
    verdicts = dict(ranks[rank] for rank in library.kinds("rank"))
    with st.grid(6, min_column_width=150):
        chosen = _choose("Demo", "demo", demos)
        found = {
            "demos": tuple("" if one == NO_DEMO else one for one in chosen),
            "formats": tuple(_choose("Format", "format", formats)),
            "tags": tuple(_choose("Tag", "tag", {tag: tag for tag in library.tags()})),
            "verdicts": tuple(_choose("Verdict of its reload", "verdict", verdicts)),
            "trust": _select("Comes from", "trust", TRUST),
        }
        marked = _select("Marked", "marked", MARKED)
        if library.access.me:
            found["whose"] = _select("Whose", "whose", WHOSE)
    return found | {"pinned": marked == "pinned" or None, "alias": marked == "alias" or None}


def _choose(label: str, name: str, options: dict[str, str]) -> list[str]:
    bound = in_address(name, list(options), many=True, forget="page")
    return st.multiselect(label, **bound, format_func=options.get, placeholder="All")


def _select(label: str, name: str, options: dict[str, str], **more: Any) -> str:
    return st.selectbox(label, **in_address(name, list(options), forget="page"), format_func=options.get, **more)


def is_narrow(query: Query) -> bool:
    """Whether anything was left out."""
    return query != Query(sort=query.sort, descending=query.descending, page=query.page, size=query.size)


def how_many(found: Page) -> str:
    """ "1 artifact, 3.2 MB", or that there are more than could be counted."""
    if found.more:
        return f"More than {found.total - 1:,} artifacts"
    bytes_ = "" if found.bytes is None else f", {size(found.bytes)}"
    return counted(found.total, "artifact") + bytes_


def page_of(library: Library, query: Query) -> Page:
    """What fits; the first page where the one that was asked for is beyond the last."""
    found = library.page(query)
    return found if found.entries or query.page == 1 else library.page(replace(query, page=1))


def turn_pages(found: Page) -> None:
    """The way to the other pages, where there are any."""
    if (last := ceil(found.total / PAGE)) > 1:
        st.pagination(**page_in_address("page", last))
