"""The choice of the environments and machines in which copies answer, too, beside those that answer here."""

from collections.abc import Mapping
from operator import itemgetter

import streamlit as st

from core.environments.machines import THIS_MACHINE, WORKER, split_key
from core.jobs.environment_states import list_worker_names
from core.jobs.places.known_places import list_combined, list_environments_of, list_takers
from core.jobs.places.place import Place, at_place
from core.library import Entry
from core.text.labels import short_labels
from core.text.numbers import format_size
from ui.components import escape_markdown
from ui.elsewhere import show_costs
from ui.query_params import bind_select
from ui.session import current_jobs

PARAM_PREFIX = "in-"  # before a copy's id, of the query parameter with its environments


def choose_placed_copies(entries: Mapping[str, Entry], ids: list[str]) -> list[str]:
    """Choose for each copy the environments and machines that it is also asked in; returns participants.

    Nothing is shown where none takes any of them.
    """
    offered = {id_: places for id_ in ids if (places := _list_offered(entries[id_]))}
    if not offered:
        return []
    names, placed = short_labels(ids, entries), []
    is_chosen = any(st.query_params.get_all(PARAM_PREFIX + id_) for id_ in offered)
    with st.expander(
        "Ask them in other environments and on other machines, too", icon=":material/deployed_code:", expanded=is_chosen
    ):
        with st.grid(2, min_column_width=300):
            for id_, places in offered.items():
                placed += [at_place(id_, key) for key in _choose_places(id_, names[id_], places)]
        _show_costs(placed)
    return placed


def _list_offered(entry: Entry) -> list[Place]:
    """The places that take a copy, those that are built first, then the smallest; who signed in builds none.

    On other machines those that are built, too.
    """
    jobs, format_key = current_jobs(), str(entry.format)
    workers = [WORKER + name for name in list_worker_names(jobs)]
    takers = list_takers(format_key, workers)
    sized = [(place.size_to_build(jobs.config), place) for place in takers]
    built = [place for size, place in sized if not size and split_key(place.key)[1] == THIS_MACHINE]
    sized += [(0, each) for place in built for each in list_combined(place, format_key, workers)]
    is_signed_in = jobs.library.access.viewer_id is not None
    return [place for size, place in sorted(sized, key=itemgetter(0)) if not (size and is_signed_in)]


def _choose_places(id_: str, name: str, places: list[Place]) -> list[str]:
    labels = {place.key: _label(place) for place in places}
    return st.multiselect(
        f"{escape_markdown(name)}, also in",
        **bind_select(PARAM_PREFIX + id_, list(labels), many=True),
        format_func=labels.__getitem__,
        placeholder="Nowhere else",
        help="The same copy answers the same inputs with other packages, with fewer of this processor's instructions, "
        "or on a worker of the team, in a process of that environment.",
    )


def _label(place: Place) -> str:
    size = place.size_to_build(current_jobs().config)
    return f"{place.label} (to build, {format_size(size)})" if size else place.label


def _show_costs(placed: list[str]) -> None:
    """Say what building will take, before anything is fetched."""
    needed = list_environments_of(placed)
    show_costs([state for state in current_jobs().list_environments() if state["environment"] in needed])
