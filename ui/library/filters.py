"""Query of the Library page: a search, filters, an order and a page, all of them in the address."""

from dataclasses import replace
from math import ceil
from typing import Any

import streamlit as st

from core.compare import Verdict
from core.demos import demo_label
from core.formats import all_formats
from core.library import Library, Page, Query
from core.library.records import UNREADABLE
from ui.artifact_picker import search_field
from ui.navigation import get_page
from ui.query_params import bind_multiselect, bind_page, bind_select, bind_text, requested_page, sync_browser_url

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
TRUST_OPTIONS = {"": "All", "ours": "Made here", "brought in": "Imported"}
MARK_OPTIONS = {"": "All", "pinned": "Pinned", "alias": "With an alias"}
OWNER_OPTIONS = {"": "All", "mine": "Mine", "others": "Of others"}  # for signed-in users
NO_DEMO = "none"  # in the address: artifacts whose run has no demo
UNREADABLE_OPTION = (UNREADABLE, "Unreadable")
# Label of a preset view: its icon, and the query parameters of its address.
PRESET_VIEWS: dict[str, tuple[str, dict[str, str | list[str]]]] = {
    "All": (":material/list:", {}),
    "Pinned": (":material/keep:", {"marked": "pinned"}),
    "With an alias": (":material/arrow_forward:", {"marked": "alias"}),
    "Imported": (":material/input:", {"trust": "brought in"}),
    "Does not load": (":material/block:", {"verdict": [Verdict.DOES_NOT_LOAD.value, UNREADABLE]}),
    "Not verified": (":material/sync_problem:", {"verdict": [Verdict.NOT_VERIFIED.value]}),
    "Largest": (":material/sort:", {"sort": "largest"}),
}


def choose_query(library: Library) -> Query:
    """Show the widgets of the search, and return the query that they make."""
    sync_browser_url("library-address")
    _show_preset_views()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = search_field(**bind_text("search", clears=("page",)))
        order = _selectbox("Order", "sort", {key: label for key, (label, *_) in SORT_ORDERS.items()}, width=220)
    filters = _choose_filters(library)
    _, sort, descending = SORT_ORDERS[order]
    page = requested_page("page")
    return replace(filters, search=search, sort=sort, descending=descending, page=page, size=PAGE_SIZE)


def _show_preset_views() -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="views"):
        for label, (icon, params) in PRESET_VIEWS.items():
            st.page_link(get_page("library"), label=label, icon=icon, query_params=params)


def _choose_filters(library: Library) -> Query:
    """Show a widget for each filter, with the values that the library holds; return the query that has them alone."""
    labels = {format_.key: format_.label for format_ in all_formats()}
    demos = {key or NO_DEMO: demo_label(key) if key else "of no demo" for key in library.count_values("demo")}
    formats = {key: labels.get(key, key) for key in library.count_values("format") if key}
    ranks = {verdict.rank: (verdict.value, verdict.label) for verdict in Verdict} | {len(Verdict): UNREADABLE_OPTION}
    verdicts = dict(ranks[rank] for rank in library.count_values("rank"))
    with st.grid(6, min_column_width=150):
        filters = Query(
            demos=tuple("" if key == NO_DEMO else key for key in _multiselect("Demo", "demo", demos)),
            formats=tuple(_multiselect("Format", "format", formats)),
            tags=tuple(_multiselect("Tag", "tag", {tag: tag for tag in library.count_tags()})),
            verdicts=tuple(_multiselect("Verdict of its reload", "verdict", verdicts)),
            trust=_selectbox("Comes from", "trust", TRUST_OPTIONS),
        )
        marked = _selectbox("Marked", "marked", MARK_OPTIONS)
        owner = _selectbox("Whose", "whose", OWNER_OPTIONS) if library.access.viewer_id else ""
    return replace(filters, pinned=marked == "pinned" or None, alias=marked == "alias" or None, owner_filter=owner)


def _multiselect(label: str, name: str, options: dict[str, str]) -> list[str]:
    bound = bind_multiselect(name, list(options), clears=("page",))
    return st.multiselect(label, **bound, format_func=options.__getitem__, placeholder="All")


def _selectbox(label: str, name: str, options: dict[str, str], **widget: Any) -> str:
    bound = bind_select(name, list(options), clears=("page",))
    return st.selectbox(label, **bound, format_func=options.__getitem__, **widget)


def is_filtered(query: Query) -> bool:
    """Whether a query leaves out any artifact."""
    return query != Query(sort=query.sort, descending=query.descending, page=query.page, size=query.size)


def load_page(library: Library, query: Query) -> Page:
    """Return the requested page of a query's results; the first page where the requested one is beyond the last."""
    page = library.page(query)
    return page if page.entries or query.page == 1 else library.page(replace(query, page=1))


def show_pagination(result_page: Page) -> None:
    """Show links to the other pages, where there are any."""
    if (last := ceil(result_page.total / PAGE_SIZE)) > 1:
        st.pagination(**bind_page("page", last))
