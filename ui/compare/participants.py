"""The participants of a comparison, its baseline, the code that copies need, and the environments that answer too."""

from collections.abc import Mapping
from operator import itemgetter
from typing import NamedTuple

import streamlit as st

from core.environments.machines import THIS_MACHINE, WORKER, split_key
from core.jobs.environment_states import list_worker_names
from core.jobs.places.known_places import list_combined, list_environments_of, list_takers
from core.jobs.places.place import Place, at_place, place_of
from core.library import Entry
from core.text.labels import capitalize_first, live_model_phrase, short_labels
from core.text.numbers import format_size
from ui.artifact_picker import ArtifactChoices, choose_artifact, choose_code_sources
from ui.components import escape_markdown
from ui.elsewhere import show_costs
from ui.query_params import bind_multiselect
from ui.session import current_jobs

PARAM_PREFIX = "in-"  # before a copy's id, of the query parameter with its environments


def choose_baseline(choices: ArtifactChoices, ids: list[str]) -> str:
    """Choose the baseline: the live model of a run of the copies, or an artifact other than a single chosen copy."""
    runs = {entry.run or "": entry.run_name or "" for entry in (choices.entries[id_] for id_ in ids)}
    phrases = {id_: live_model_phrase(name, current_jobs().library.run(id_)) for id_, name in runs.items()}
    return choose_artifact(
        choices,
        "Compared with",
        "baseline",
        {id_: capitalize_first(phrase) for id_, phrase in phrases.items()},
        excluded=ids if len(ids) == 1 else (),
        help="The baseline: every answer is compared with its answer to the same input. The live model is the one that "
        "was trained; for test examples its answers were kept at the end of the training.",
    )


def choose_sources_of(entries: dict[str, Entry], ids: list[str]) -> dict[str, str]:
    """Choose where the code that a copy lacks comes from, for each copy that lacks any."""

    names = short_labels(ids, entries)

    def question_of(id_: str) -> str:
        return f"{names[id_]}: which code builds its layers?"

    return choose_code_sources(ids, question_of)


class Participants(NamedTuple):
    """The models of a comparison, for whatever loads them.

    Attributes:
        baseline: An artifact, or a run for its live model.
        others: The artifacts compared with it, also such that are at a place (see `core.jobs.places.place`).
        names: The label of each on the page.
        sources: Where the code that an artifact lacks comes from.
    """

    baseline: str
    others: list[str]
    names: dict[str, str]
    entries: dict[str, Entry]
    sources: dict[str, str]

    @property
    def ids(self) -> list[str]:
        """All of them, the baseline first."""
        return list(dict.fromkeys([self.baseline, *self.others]))

    @property
    def here(self) -> "Participants":
        """Those that are loaded here."""
        return self._replace(others=[id_ for id_ in self.others if not place_of(id_)])

    @property
    def left_out(self) -> str:
        """Whom `here` leaves out, in a sentence; empty for nobody."""
        names = [self.names[id_] for id_ in self.others if place_of(id_)]
        return f"Loaded here only, so left out: {'; '.join(names)}." if names else ""


def choose_placed_copies(entries: Mapping[str, Entry], ids: list[str]) -> list[str]:
    """Choose for each copy the environments and machines that it is also asked in; returns participants.

    Nothing is shown where none takes any of them.
    """
    sizes: dict[str, int] = {}
    offered = {id_: labels for id_ in ids if (labels := _label_offered(entries[id_], sizes))}
    if not offered:
        return []
    names, placed = short_labels(ids, entries), []
    is_chosen = any(st.query_params.get_all(PARAM_PREFIX + id_) for id_ in offered)
    with st.expander(
        "Ask them in other environments and on other machines, too", icon=":material/deployed_code:", expanded=is_chosen
    ):
        with st.grid(2, min_column_width=300):
            for id_, labels in offered.items():
                placed += [at_place(id_, key) for key in _choose_places(id_, names[id_], labels)]
        _show_costs(placed)
    return placed


def _label_offered(entry: Entry, sizes: dict[str, int]) -> dict[str, str]:
    """The labels of the places that take a copy, by key: those that are built first, then the smallest.

    On other machines those that are built, too; who signed in builds none. `sizes` keeps what is to be built for a
    place, in bytes, for the next copy: most places take several.
    """
    jobs, format_key = current_jobs(), str(entry.format)
    workers = [WORKER + name for name in list_worker_names(jobs)]
    takers = list_takers(format_key, workers)
    sized = [(_size_to_build(place, sizes), place) for place in takers]
    built = [place for size, place in sized if not size and split_key(place.key)[1] == THIS_MACHINE]
    sized += [(0, each) for place in built for each in list_combined(place, format_key, workers)]
    is_signed_in = jobs.library.access.viewer_id is not None
    offered = [(size, place) for size, place in sorted(sized, key=itemgetter(0)) if not (size and is_signed_in)]
    return {place.key: _label(place, size) for size, place in offered}


def _size_to_build(place: Place, sizes: dict[str, int]) -> int:
    if place.key not in sizes:
        sizes[place.key] = place.size_to_build(current_jobs().config)
    return sizes[place.key]


def _choose_places(id_: str, name: str, labels: dict[str, str]) -> list[str]:
    return st.multiselect(
        f"{escape_markdown(name)}, also in",
        **bind_multiselect(PARAM_PREFIX + id_, list(labels)),
        format_func=labels.__getitem__,
        placeholder="Nowhere else",
        help="The same copy answers the same inputs with other packages, with fewer of this processor's instructions, "
        "or on a worker of the team, in a process of that environment.",
    )


def _label(place: Place, size: int) -> str:
    return f"{place.label} (to build, {format_size(size)})" if size else place.label


def _show_costs(placed: list[str]) -> None:
    """Say what building will take, before anything is fetched."""
    if needed := list_environments_of(placed):
        show_costs([state for state in current_jobs().list_environments() if state["environment"] in needed])
