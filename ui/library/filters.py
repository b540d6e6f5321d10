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
from core.text.labels import format_size, pluralize
from ui.artifact_picker import search_field
from ui.components import demo_label
from ui.navigation import get_page
from ui.query_params import bind_page, bind_select, bind_text, requested_page, sync_browser_url

PAGE_SIZE = 50  # artifacts on one page
SORT_ORDERS = {
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
TRUST_OPTIONS = {"": "All", "ours": "Made here", "brought in": "Brought in"}
MARK_OPTIONS = {"": "All", "pinned": "Pinned", "alias": "With an alias"}
OWNER_OPTIONS = {"": "All", "mine": "Mine", "others": "Of others"}  # for who signed in
NO_DEMO = "none"  # in the address: of no demo
UNREADABLE_OPTION = (UNREADABLE, "Unreadable")
# Views that are worth a click: what is in their address.
PRESET_VIEWS: dict[str, tuple[str, dict[str, str | list[str]]]] = {
    "All": (":material/list:", {}),
    "Pinned": (":material/keep:", {"marked": "pinned"}),
    "With an alias": (":material/arrow_forward:", {"marked": "alias"}),
    "Brought in": (":material/input:", {"trust": "brought in"}),
    "Does not load": (":material/block:", {"verdict": [Verdict.DOES_NOT_LOAD.value, UNREADABLE]}),
    "Largest": (":material/sort:", {"sort": "largest"}),
}


def choose_query(library: Library) -> Query:
    """The widgets, and what they ask for."""
    sync_browser_url("library-address")
    _show_preset_views()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = search_field(**bind_text("search", clears="page"))
        order = _selectbox("Order", "sort", {key: words for key, (words, *_) in SORT_ORDERS.items()}, width=220)
    chosen = _choose_filters(library)
    _, sort, descending = SORT_ORDERS[order]
    return Query(search, **chosen, sort=sort, descending=descending, page=requested_page("page"), size=PAGE_SIZE)


def _show_preset_views() -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="views"):
        for words, (icon, address) in PRESET_VIEWS.items():
            st.page_link(get_page("library"), label=words, icon=icon, query_params=address)
        with st.popover("Link to this view", icon=":material/link:", type="tertiary"):
            st.caption("Search, filters, order and page are in the address. Keep it as a bookmark, or send it on.")
            st.code(_view_url(), language=None, wrap_lines=True)


def _view_url() -> str:
    asked = [(name, one) for name in st.query_params for one in st.query_params.get_all(name)]
    return f"{(st.context.url or '').partition('?')[0]}?{urlencode(asked)}"


def _choose_filters(library: Library) -> dict[str, Any]:
    """What there is to choose from is what the library holds."""
    labels = {one.key: one.label for one in all_formats()}
    demos = {key or NO_DEMO: demo_label(key) if key else "of no demo" for key in library.count_values("demo")}
    formats = {key: labels.get(key, key) for key in library.count_values("format") if key}
    ranks = {verdict.rank: (verdict.value, verdict.label) for verdict in Verdict} | {len(Verdict): UNREADABLE_OPTION}
    verdicts = dict(ranks[rank] for rank in library.count_values("rank"))
    with st.grid(6, min_column_width=150):
        chosen = _multiselect("Demo", "demo", demos)
        found = {
            "demos": tuple("" if one == NO_DEMO else one for one in chosen),
            "formats": tuple(_multiselect("Format", "format", formats)),
            "tags": tuple(_multiselect("Tag", "tag", {tag: tag for tag in library.count_tags()})),
            "verdicts": tuple(_multiselect("Verdict of its reload", "verdict", verdicts)),
            "trust": _selectbox("Comes from", "trust", TRUST_OPTIONS),
        }
        marked = _selectbox("Marked", "marked", MARK_OPTIONS)
        if library.access.viewer_id:
            found["owner_filter"] = _selectbox("Whose", "whose", OWNER_OPTIONS)
    return found | {"pinned": marked == "pinned" or None, "alias": marked == "alias" or None}


def _multiselect(label: str, name: str, options: dict[str, str]) -> list[str]:
    bound = bind_select(name, list(options), many=True, clears="page")
    return st.multiselect(label, **bound, format_func=options.__getitem__, placeholder="All")


def _selectbox(label: str, name: str, options: dict[str, str], **widget: Any) -> str:
    return st.selectbox(
        label, **bind_select(name, list(options), clears="page"), format_func=options.__getitem__, **widget
    )


def is_filtered(query: Query) -> bool:
    """Whether anything was left out."""
    return query != Query(sort=query.sort, descending=query.descending, page=query.page, size=query.size)


def count_text(result_page: Page) -> str:
    """ "1 artifact, 3.2 MB", or that there are more than could be counted."""
    if result_page.has_more:
        return f"More than {result_page.total - 1:,} artifacts"
    bytes_ = "" if result_page.bytes is None else f", {format_size(result_page.bytes)}"
    return pluralize(result_page.total, "artifact") + bytes_


def load_page(library: Library, query: Query) -> Page:
    """What fits; the first page where the one that was asked for is beyond the last."""
    found = library.page(query)
    return found if found.entries or query.page == 1 else library.page(replace(query, page=1))


def show_pagination(result_page: Page) -> None:
    """The way to the other pages, where there are any."""
    if (last := ceil(result_page.total / PAGE_SIZE)) > 1:
        st.pagination(**bind_page("page", last))
