"""The choice of an upgrade: its models, its two environments, what building these takes, and the job shown."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import streamlit as st

from core.environments.base import Environment
from core.environments.own import HERE
from core.errors import InputError, RoundtripError
from core.jobs.elsewhere import list_readable_copies
from core.jobs.upgrades.bisect import build_line
from core.jobs.uploads import give_models
from core.library.job_store import Job
from core.text.labels import pluralize, short_labels
from core.text.numbers import format_size
from core.upgrade.candidates import count_models
from core.upgrade.sides import list_sides, release_line
from ui.components import describe_runs, show_empty_state, show_error
from ui.job_progress import job_from_query
from ui.query_params import TABS_KEY, bind_multiselect, bind_select
from ui.session import current_jobs
from ui.uploader import ChosenFiles, choose_files

NOT_BUILT = "Whoever runs the server builds them, from the command line: `roundtrip environments build`."


class Sides(NamedTuple):
    """The environments by their keys, and of those that are not built how much they take on the disk, in bytes.

    Read once each time that the page is drawn: it looks at the disk.
    """

    by_key: dict[str, Environment]
    sizes_to_build: dict[str, int]

    def may_ask(self, keys: Iterable[str]) -> bool:
        """Whether these are built, or the one who looks may build them."""
        return current_jobs().library.access.viewer_id is None or not self.sizes_to_build.keys() & set(keys)

    def name(self, key: str) -> str:
        size, label = self.sizes_to_build.get(key), self.by_key[key].label
        return f"{label} (to build, {format_size(size)})" if size else label

    def find_missing(self, keys: Iterable[str]) -> dict[str, int]:
        """Return the sizes of what is to be built for these, by folder: environments that share one are built once."""
        missing = [key for key in keys if key in self.sizes_to_build]
        return {self.by_key[key].folder_name: self.sizes_to_build[key] for key in missing}


class ChosenSides(NamedTuple):
    """The keys of the environments of before and after, and of the releases from one to the other.

    `line` is empty where one of the two is no release of Keras under TensorFlow.
    """

    source: str
    target: str
    line: list[str]


def read_sides() -> Sides:
    """Return the environments as they are on this machine now."""
    states = current_jobs().list_environments()
    sizes = {state["environment"]: state["megabytes"] * 10**6 for state in states if not state["bytes"]}
    return Sides({side.key: side for side in list_sides()}, sizes)


def choose_sides(sides: Sides, job: Job | None) -> ChosenSides | None:
    """Show both choices, of a job those of its request where the address names none; None where there is no pair."""
    for name, which in (("from", "source"), ("to", "target")):
        if job and name not in st.query_params:
            st.query_params[name] = job.request[which]
    offered = {key: side for key, side in sides.by_key.items() if sides.may_ask([key])}
    before = put_older_first([key for key, side in offered.items() if side.describes])
    left, right = st.columns(2)
    with left:
        source = st.selectbox("Before", **bind_select("from", before, clears=("job",)), format_func=sides.name)
    after = [key for key, side in offered.items() if key != source and side.opens & offered[source].opens]
    after.sort(key=lambda key: "keras" not in offered[key].opens)  # releases of Keras first
    with right:
        if not after:
            text = f"No environment that opens what {offered[source].label} opens is built. {NOT_BUILT}"
            st.info(text, icon=":material/construction:")
            return None
        target = st.selectbox("After", **bind_select("to", after, clears=("job",)), format_func=sides.name)
    return ChosenSides(source, target, _find_line(source, target))


def put_older_first(keys: list[str]) -> list[str]:
    """Return these environments with the releases of Keras older than ours first, the newest of them at the top.

    So the choice begins with what most people ask: what breaks with the release that is here.
    """
    line = [side.key for side in release_line(HERE)]
    older = [key for key in reversed(line[: line.index(HERE)]) if key in keys]
    return [*older, *(key for key in keys if key not in older)]


def _find_line(source: str, target: str) -> list[str]:
    try:
        return [side.key for side in build_line(source, target)]
    except InputError:
        return []


def why_no_search(sides: Sides, chosen: ChosenSides, models: int) -> str:
    """Return why no release can be searched between the two, empty where one can."""
    if not chosen.line:
        return "Choose two releases of Keras under TensorFlow."
    if not sides.may_ask(chosen.line):
        return f"Not all releases between the two are built. {NOT_BUILT}"
    return "" if models == 1 else "Choose one model: one is searched at a time."


def show_costs(sides: Sides, chosen: ChosenSides) -> None:
    """Say what building will take, before anything is fetched."""
    ends = sides.find_missing([chosen.source, chosen.target])
    whole = sides.find_missing(chosen.line) if sides.may_ask(chosen.line) else {}
    sentences = [f"{_name_cost(ends)} on the disk."] if ends else []
    if len(whole) > len(ends):
        count = pluralize(len(whole), "environment")
        sentences.append(f"*Find the release* builds up to {count}: {format_size(sum(whole.values()))}.")
    if sentences:
        sentences.append(
            "Packages come from the package index that uv or pip is set to; nothing of your models is sent."
        )
        st.caption(" ".join(sentences))


def _name_cost(missing: dict[str, int]) -> str:
    return f"{pluralize(len(missing), 'environment')} will be built first: {format_size(sum(missing.values()))}"


FILES, COPIES = "Files", "Copies of the library"
FILES_KEY = "upgraded-files"  # of the control that sends them


class ChosenModels(NamedTuple):
    """Files that were sent, or copies of the library by their ids."""

    sent: ChosenFiles
    copies: list[str]

    @property
    def is_filled(self) -> bool:
        return bool(self.sent.files or self.copies) and not self.sent.pending

    @property
    def total(self) -> int:
        """How many models they are, as far as their names tell: weights with their architecture are one, a zip too."""
        return count_models(file.name for file in self.sent.files) + len(self.copies)


def choose_models() -> ChosenModels:
    """Show where models come from: files, or copies of a run. What is chosen in the open tab counts."""
    if "copy" in st.query_params and not {TABS_KEY} & {*st.query_params, *st.session_state}:
        # An address with copies opens the tab in which they stand.
        st.query_params[TABS_KEY] = st.session_state[TABS_KEY] = COPIES
    tabs = st.tabs([FILES, COPIES], key=TABS_KEY, bind="query-params", on_change="rerun")
    # Both are drawn: what was sent stays while the other tab is open.
    with tabs[0]:
        sent = _choose_files()
    with tabs[1]:
        copies = _choose_copies()
    return ChosenModels(ChosenFiles([], []), copies) if tabs[1].open else ChosenModels(sent, [])


def _choose_files() -> ChosenFiles:
    sent = choose_files("Models", FILES_KEY)
    hours = f"{current_jobs().uploads.hours:g}"
    st.caption(
        "Models of any kind, or a .zip of a folder of them. Weights need their architecture (.json) of the same "
        "name. They are checked as imports are, and run in a sandbox only. The files stay here for the next question "
        f"until you remove them, and are deleted after {hours} hours; what became of each model is kept, and what was "
        "cured. A folder is asked from the command line: `roundtrip upgrade PATH`."
    )
    return sent


def _choose_copies() -> list[str]:
    library = current_jobs().library
    runs = {run.id: run for run in library.runs() if run.has_been_run and library.artifacts_of(run.id)}
    if not runs:
        text = "There is no copy in the library yet. Train a demo and save it first."
        show_empty_state(text, "Save a run", "save")
        return []
    labels = describe_runs(library, runs.values())
    run = st.selectbox("Run", **bind_select("run", list(runs), clears=("copy",)), format_func=labels.__getitem__)
    readable = {copy.id: copy for copy in list_readable_copies(library, run)}
    names = short_labels(list(readable), readable)
    return st.multiselect("Copies", **bind_multiselect("copy", list(readable)), format_func=names.__getitem__)


UPGRADE_BUTTON, BISECT_BUTTON = "check-upgrade", "find-release"
BUTTONS = (UPGRADE_BUTTON, BISECT_BUTTON)


def find_job() -> Job | None:
    """Return the job that the address names, or one that runs."""
    named = st.query_params.get("job")
    if named and current_jobs().job_store.read(named).kind == "bisect":
        return job_from_query("bisect", BUTTONS)
    return job_from_query("upgrade", BUTTONS) or job_from_query("bisect", BUTTONS)


def start_upgrade(models: ChosenModels, sides: ChosenSides, again: bool) -> Job | None:
    """Start asking all models; None where the files were refused, which is said."""
    source, target = sides.source, sides.target
    return _start(models, lambda **given: current_jobs().check_upgrade(source, target, again=again, **given))


def start_bisect(models: ChosenModels, sides: ChosenSides) -> Job | None:
    """Start the search for the release that breaks one model; None where that was refused, which is said."""
    return _start(models, lambda **given: current_jobs().bisect(sides.source, sides.target, **given))


def _start(models: ChosenModels, start: Callable[..., Job]) -> Job | None:
    try:
        if not models.sent.files:
            return start(copies=models.copies)
        given = give_models(current_jobs().library, models.sent.files)._asdict()
        given.pop("parts", None)  # a model has none beside it here
        return start(**given)
    except RoundtripError as error:
        show_error(error)
        return None
