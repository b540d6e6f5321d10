"""Widgets whose choice stands in the address bar, as ids: reopening the address gives the same page.

Streamlit's own `bind="query-params"` writes a widget's labels; ids outlive labels, so choices with labels go through
here.
"""

from collections.abc import Sequence
from typing import Any

import streamlit as st


def in_address(name: str, options: Sequence[str], many: bool = False) -> dict[str, Any]:
    """Keyword arguments that keep a selectbox (or, with `many`, a multiselect) and `?name=` in step.

    What the address asks for and `options` do not offer is passed over.
    """
    key, asked = f"in-address-{name}", st.query_params.get_all(name)
    if st.session_state.get(f"{key}-seen") != asked or key not in st.session_state:
        st.session_state[f"{key}-seen"] = asked
        fitting = [one for one in dict.fromkeys(asked) if one in options]
        st.session_state[key] = fitting if many else (fitting or list(options))[0]
    elif not many and st.session_state[key] not in options:
        st.session_state[key] = options[0]
    elif many:
        st.session_state[key] = [one for one in st.session_state[key] if one in options]
    return {"options": list(options), "key": key, "on_change": _write, "args": (name, key)}


def _write(name: str, key: str) -> None:
    chosen = st.session_state[key]
    st.query_params[name] = chosen
    st.session_state[f"{key}-seen"] = st.query_params.get_all(name)
