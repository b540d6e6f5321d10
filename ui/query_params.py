"""Widgets whose choice stands in the address bar, as ids: reopening the address gives the same page.

Streamlit's own `bind="query-params"` writes a widget's labels; ids outlive labels, so choices with labels go through
here.
"""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.errors import RoundtripError
from core.library.records import ID_PATTERN

ARTIFACT_PARAMS = ("artifact", "beside")  # what takes aliases, too


def bind_select(name: str, options: Sequence[str], many: bool = False, clears: str = "") -> dict[str, Any]:
    """Keyword arguments that keep a selectbox (or, with `many`, a multiselect) and `?name=` in step.

    What the address asks for and `options` do not offer is passed over. Another choice takes `?forget=` away.
    """
    key, asked = f"in-address-{name}", st.query_params.get_all(name)
    if _has_changed(key, asked):
        fitting = [one for one in dict.fromkeys(asked) if one in options]
        st.session_state[key] = fitting if many else (fitting or list(options))[0]
    elif not many and st.session_state[key] not in options:
        st.session_state[key] = options[0]
    elif many:
        st.session_state[key] = [one for one in st.session_state[key] if one in options]
    return {"options": list(options), "key": key, "on_change": _write_param, "args": (name, key, clears)}


def bind_text(name: str, clears: str = "") -> dict[str, Any]:
    """Keyword arguments that keep a text input and `?name=` in step."""
    key, asked = f"in-address-{name}", st.query_params.get_all(name)
    if _has_changed(key, asked):
        st.session_state[key] = asked[-1] if asked else ""
    return {"key": key, "on_change": _write_param, "args": (name, key, clears)}


def bind_page(name: str, last: int) -> dict[str, Any]:
    """Keyword arguments that keep a pagination and `?name=` in step; a page that is none is the nearest."""
    asked = min(requested_page(name), last)
    key = f"in-address-{name}-{asked}-{last}"  # another widget for another address: this one takes no new value
    return {"num_pages": last, "default": asked, "key": key, "on_change": _write_page, "args": (name, key)}


def _write_page(name: str, key: str) -> None:
    st.query_params[name] = str(st.session_state[key])


def requested_page(name: str) -> int:
    """The page that the address asks for; the first where it asks for none."""
    asked = st.query_params.get(name, "")
    return max(int(asked), 1) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 1


def sync_browser_url(state_key: str) -> None:
    """Have the browser show the address that a link within the page asked for: it follows such a link without."""
    asked = {one: st.query_params.get_all(one) for one in st.query_params}
    if st.session_state.get(state_key, asked) != asked:
        st.query_params.from_dict(asked)
    st.session_state[state_key] = asked


def _has_changed(key: str, values: list[str]) -> bool:
    """Whether the address asks for something else than it did, by a link and not by this widget."""
    if st.session_state.get(f"{key}-seen") == values and key in st.session_state:
        return False
    st.session_state[f"{key}-seen"] = values
    return True


def _write_param(name: str, key: str, clears: str) -> None:
    chosen = st.session_state[key]
    st.query_params[name] = chosen
    if chosen == "" or chosen is None:
        st.query_params.pop(name, None)
    st.session_state[f"{key}-seen"] = st.query_params.get_all(name)
    st.query_params.pop(clears, None)


def resolve_aliases() -> None:
    """Put ids in place of the aliases in the address: `?artifact=champion` is the artifact it points to now."""
    from ui.session import current_jobs

    for name in ARTIFACT_PARAMS:
        asked = st.query_params.get_all(name)
        if any(not ID_PATTERN.fullmatch(one) for one in asked):
            st.query_params[name] = [_resolve_id(current_jobs().library, one) for one in asked]


def _resolve_id(library: Any, text: str) -> str:
    try:
        return library.resolve(text)
    except RoundtripError:  # the page says that there is no such artifact
        return text
