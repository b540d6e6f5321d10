"""Widgets bound to query parameters: the address holds their values, and opening it again gives the same page.

Streamlit's own `bind="query-params"` writes a widget's labels; ids outlive labels, so choices with labels use these.
"""

from collections.abc import Callable, Sequence
from typing import NotRequired, TypedDict

import streamlit as st

from core.errors import RoundtripError
from core.library.ids import ID_PATTERN
from ui.components import show_error
from ui.session import current_jobs

ARTIFACT_PARAMS = ("artifact", "beside")  # parameters that take aliases, too
KEY_PREFIX = "in-address-"
CHOSEN_SUFFIX = "-chosen"  # under this key, whether a person gave a widget another value
TABS_KEY = "part"  # also the query parameter of the open tab
SEEN_SUFFIX = "-seen"  # under this key, the values that a widget last took from the address or wrote into it

OPTIONS_SUFFIX = "-options"  # under this key, the options that a widget had when it was drawn last


class WidgetBinding(TypedDict):
    """Keyword arguments of a widget that is bound to a query parameter."""

    key: str
    on_change: Callable[..., None]
    args: tuple[str, ...]


class OptionsBinding(WidgetBinding):
    options: list[str]


class SelectBinding(OptionsBinding):
    index: NotRequired[int]


class SegmentsBinding(OptionsBinding):
    default: NotRequired[str]


class PageBinding(WidgetBinding):
    num_pages: int
    default: int


def bind_select(name: str, options: Sequence[str], clears: tuple[str, ...] = ()) -> SelectBinding:
    """Return keyword arguments that synchronise a selectbox or radio with `?name=`.

    A value in the address that is no option is ignored. A new choice removes the parameters `clears`.
    """
    bound = _bind_options(name, options, clears)
    if _give_one(name, options):
        return {**bound}
    return {**bound, "index": list(options).index(st.session_state[bound["key"]])}


def bind_segments(name: str, options: Sequence[str]) -> SegmentsBinding:
    """Return keyword arguments that synchronise a segmented control with `?name=`, as `bind_select` does."""
    bound = _bind_options(name, options, ())
    if _give_one(name, options):
        return {**bound}
    return {**bound, "default": st.session_state[bound["key"]]}


def bind_multiselect(name: str, options: Sequence[str], clears: tuple[str, ...] = ()) -> OptionsBinding:
    """Return keyword arguments that synchronise a multiselect with `?name=`, as `bind_select` does."""
    key, requested = KEY_PREFIX + name, st.query_params.get_all(name)
    values = dict.fromkeys(requested) if _has_changed(key, requested) else st.session_state[key]
    st.session_state[key] = [value for value in values if value in options]
    return _bind_options(name, options, clears)


def _bind_options(name: str, options: Sequence[str], clears: tuple[str, ...]) -> OptionsBinding:
    key = KEY_PREFIX + name
    st.session_state[key + OPTIONS_SUFFIX] = list(options)
    return {"options": list(options), "key": key, "on_change": _write_param, "args": (name, key, *clears)}


def _give_one(name: str, options: Sequence[str]) -> bool:
    """Give a widget the value in the address, where that is new; returns whether it was given one.

    Where it was not, it is to begin with the value that it has: of a run that the next one cut short, the browser may
    never have got the value.
    """
    key, requested = KEY_PREFIX + name, st.query_params.get_all(name)
    if _has_changed(key, requested):
        valid = [value for value in requested if value in options]
        st.session_state[key] = (valid or list(options))[0]
        return True
    if st.session_state[key] not in options:
        st.session_state[key] = options[0]
        return True
    return False


def bind_text(name: str, clears: tuple[str, ...] = ()) -> WidgetBinding:
    """Return keyword arguments that synchronise a text input with `?name=`; new text removes `clears`."""
    key, requested = KEY_PREFIX + name, st.query_params.get_all(name)
    if _has_changed(key, requested):
        st.session_state[key] = requested[-1] if requested else ""
    return {"key": key, "on_change": _write_param, "args": (name, key, *clears)}


def bind_page(name: str, last: int) -> PageBinding:
    """Return keyword arguments that synchronise a pagination with `?name=`, which is at most `last`."""
    page = min(requested_page(name), last)
    key = f"{KEY_PREFIX}{name}-{page}-{last}"  # a new widget for each address: a pagination takes no new value
    return {"num_pages": last, "default": page, "key": key, "on_change": _write_page, "args": (name, key)}


def _write_page(name: str, key: str) -> None:
    _restore_params()
    st.query_params[name] = str(st.session_state[key])


def requested_page(name: str) -> int:
    """Return the page number in the address; 1 where it has none."""
    text = st.query_params.get(name, "")
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) < 9 else 1


def sync_browser_url(state_key: str) -> None:
    """Have the browser show the address after a link within a page was followed, which it does not by itself."""
    params = {name: st.query_params.get_all(name) for name in st.query_params}
    if st.session_state.get(state_key, params) != params:
        st.query_params.from_dict(params)
    st.session_state[state_key] = params


def _has_changed(key: str, values: list[str]) -> bool:
    """Whether the parameter was changed by a link, and not by the widget with this key."""
    if st.session_state.get(key + SEEN_SUFFIX) == values and key in st.session_state:
        return False
    st.session_state[key + SEEN_SUFFIX] = values
    st.session_state.pop(key + CHOSEN_SUFFIX, None)  # what a person chose before does not count any more
    return True


def _restore_params() -> None:
    """Put back what this page's widgets wrote: a second quick choice comes with the address from before the first."""
    for key in (key for key in map(str, st.session_state) if key.startswith(KEY_PREFIX)):
        if values := st.session_state.get(key + SEEN_SUFFIX):
            st.query_params[key.removeprefix(KEY_PREFIX)] = values
        elif values == []:
            st.query_params.pop(key.removeprefix(KEY_PREFIX), None)


def _take_choice(name: str) -> bool:
    """Whether a person, and not a link, chose another value for `?name=` since this was asked last."""
    return bool(st.session_state.pop(KEY_PREFIX + name + CHOSEN_SUFFIX, False))


def _is_choice(key: str) -> bool:
    """Whether a widget with options was given another value; what is no option is put back.

    Labels change, as of what is built meanwhile. Where the browser sends those of before, as a timer of the page may,
    Streamlit takes them for values: nobody chose anything then.
    """
    options, value = st.session_state.get(key + OPTIONS_SUFFIX), st.session_state[key]
    values = value if isinstance(value, list) else [] if value is None else [value]
    if options is None or all(each in options for each in values):
        return True
    seen = [each for each in st.session_state.get(key + SEEN_SUFFIX, []) if each in options]
    added = [each for each in values if each in options and each not in seen]
    st.session_state[key] = [*seen, *added] if isinstance(value, list) else (seen or options)[0]
    return bool(added)


def _write_param(name: str, key: str, *clears: str) -> None:
    _restore_params()
    if not _is_choice(key):
        return
    value = st.session_state[key]
    st.session_state[key + CHOSEN_SUFFIX] = True
    st.query_params[name] = value
    if value == "" or value is None:
        st.query_params.pop(name, None)
    st.session_state[key + SEEN_SUFFIX] = st.query_params.get_all(name)
    for cleared in clears:
        st.query_params.pop(cleared, None)


def resolve_aliases() -> None:
    """Replace aliases in the address by the ids that they point to now, as in `?artifact=champion`."""
    for name in ARTIFACT_PARAMS:
        requested = st.query_params.get_all(name)
        if any(not ID_PATTERN.fullmatch(text) for text in requested):
            st.query_params[name] = [_resolve_id(text) for text in requested]


def _resolve_id(text: str) -> str:
    try:
        return current_jobs().library.resolve(text)
    except RoundtripError:  # the page shows that there is no such artifact
        return text


def show_tabs(views: dict[str, Callable[[], None]], subject: str) -> None:
    """Show tabs; only the open one is computed, and stands in the address. An error is shown in its tab.

    Whoever chooses another value for the query parameter `subject` sees the first tab of it, not the one last open.
    """
    if _take_choice(subject):
        st.session_state[TABS_KEY] = next(iter(views))
    tabs = st.tabs(list(views), key=TABS_KEY, bind="query-params", on_change="rerun")
    for tab, show in zip(tabs, views.values(), strict=True):
        if tab.open:
            with tab:
                try:
                    show()
                except RoundtripError as error:  # the rest of the page must still be drawn
                    show_error(error)
