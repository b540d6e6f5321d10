"""Choice of a comparison's inputs (test examples, a drawing, typed values, a file, random numbers), and their preview.

Each becomes an input set, whose id stands in the address.
"""

from collections.abc import Callable

import numpy as np
import streamlit as st

from core.arrays import Arrays
from core.errors import InputError, RoundtripError, UnknownName
from core.figures.images import row_image_url
from core.inputs import InputSet
from core.inputs.fitting import InputSpecs
from core.inputs.from_images import image_frame
from core.inputs.options import DrawnChoice, FileChoice, InputChoice, InputOptions, RandomChoice
from core.inputs.store import ProgressCallback, ignore_progress
from core.text.labels import pluralize, reference_row_labels
from core.text.numbers import format_size
from core.text.predictions import format_values
from ui.compare.input_widgets import (
    choose_held_out,
    choose_input_files,
    choose_plane,
    choose_random,
    choose_typed,
    files_key,
    restore_widgets,
)
from ui.components import escape_markdown, show_error
from ui.query_params import bind_segments
from ui.routes import inputs_url
from ui.session import current_jobs
from ui.uploader import ChosenFiles, forget_files

RANGE_CHECK_ROWS = 4096  # rows whose range is compared with that of the data
PREVIEW_ROWS = 8  # rows of a table
PREVIEW_IMAGES = 12  # images side by side on a wide page
PREVIEW_COLUMNS = 8  # columns of a table


def show_inputs(options: InputOptions, input_set: InputSet) -> None:
    """Show the notes on the chosen inputs; under their words a preview and a download, folded where they are known."""
    first_rows = current_jobs().inputs.read_rows(input_set.id, slice(0, RANGE_CHECK_ROWS))
    for note in [*input_set.notes, *options.range_notes(first_rows)]:
        st.caption(f":material/info: {escape_markdown(note)}")
    label, is_unfolded = escape_markdown(input_set.words), input_set.kind not in ("held-out", "typed")
    key = f"preview-{input_set.kind}"
    with st.expander(label, is_unfolded, icon=":material/preview:", on_change="rerun", key=key) as expander:
        if not expander.open:
            return
        if input_set.kind != "typed":
            _show_preview(options, input_set, first_rows)
        st.link_button(
            "Download these inputs (NPZ)",
            inputs_url(input_set.id),
            icon=":material/download:",
            type="tertiary",
            help=f"{format_size(input_set.bytes)}. Use them again here, or with `roundtrip compare --inputs FILE`.",
        )


def _show_preview(options: InputOptions, input_set: InputSet, inputs: Arrays) -> None:
    frame = image_frame(input_set.specs, options.run.image_shape)
    if frame is not None and frame.channels == 1:
        count = _show_images(next(iter(inputs.values()))[:PREVIEW_IMAGES], frame[:2])
    else:
        count = _show_table({name: array[:PREVIEW_ROWS] for name, array in inputs.items()})
    if count < input_set.rows:
        st.caption(f"The first {count:,} of {input_set.rows:,}.")


def _show_images(rows: np.ndarray, shape: tuple[int, int]) -> int:
    with st.container(horizontal=True, gap="small"):
        for index, row in enumerate(rows):
            st.image(row_image_url(row.astype("float32"), shape, 56), width=56, alt=f"Input {index}")
    return len(rows)


def _show_table(rows: Arrays) -> int:
    columns = {name: [format_values(row) for row in array] for name, array in list(rows.items())[:PREVIEW_COLUMNS]}
    st.dataframe(columns, hide_index=True, row_height=32, alt="The first inputs, a line a row")
    if len(rows) > PREVIEW_COLUMNS:
        st.caption(f"And {pluralize(len(rows) - PREVIEW_COLUMNS, 'more input', 'more inputs')}.")
    return len(next(iter(rows.values())))


INPUT_KINDS = {
    "held-out": ("Test examples", ":material/table_rows:"),
    "drawn": ("Draw", ":material/draw:"),
    "typed": ("Type", ":material/keyboard:"),
    "file": ("Upload", ":material/upload_file:"),
    "random": ("Random", ":material/casino:"),
    "plane": ("Between three", ":material/change_history:"),
    "found": ("Found", ":material/search:"),
}
COMPARED_VALUES = "compared-values"  # in the session: the id of the input set of typed values that was compared


def choose_inputs(options: InputOptions, draw: Callable[[], Arrays | None] | None = None) -> InputSet | None:
    """Show the choice of inputs and return the chosen input set; None until there is one.

    Its id stands in the address as `?inputs=`, its kind as `?ask=`, so that a reload finds both.

    Args:
        draw: Shows a canvas and returns one row of inputs by name, None while it is blank; None for no canvas.
    """
    _restore_from_query(options)
    kinds = [kind for kind in options.kinds if kind != "drawn" or draw]
    kinds += ["found"] * (_last_inputs(options, "found") is not None)
    labels = INPUT_KINDS | {"held-out": (reference_row_labels(options.run)[1].capitalize(), ":material/table_rows:")}
    kind = st.segmented_control(
        "What to ask",
        **bind_segments("ask", kinds),
        required=True,
        format_func=lambda kind: f"{labels[kind][1]} {labels[kind][0]}",
        help="The same inputs go to every artifact, in the same order.",
    )
    try:
        input_set = _choose_of_kind(kind or kinds[0], options, draw)
    except RoundtripError as error:
        show_error(error)
        input_set = None
    if input_set is None:
        st.query_params.pop("inputs", None)
        return None
    st.session_state[_session_key(options, input_set.kind)] = input_set.id
    st.session_state["inputs-seen"] = input_set.id
    if st.query_params.get("inputs") != input_set.id:
        st.query_params["inputs"] = input_set.id
    show_inputs(options, input_set)
    return input_set


def _choose_of_kind(kind: str, options: InputOptions, draw: Callable[[], Arrays | None] | None) -> InputSet | None:
    """Show the widgets of a kind; return the set that they make, else the last one of this kind."""
    match kind:
        case "held-out":
            with st.expander(f"Which {reference_row_labels(options.run)[1]}", icon=":material/tune:"):
                return _cached_inputs(options, choose_held_out(options))
        case "typed":
            return _cached_inputs(options, choose_typed(options))
        case "plane":
            return _cached_inputs(options, choose_plane(options))
        case "random" if choice := choose_random(options):
            return _make_random(options, choice)
        case "drawn" if draw:
            return _make_drawn(options, draw())
        case "file":
            chosen = choose_input_files(options)
            if chosen.files and not chosen.pending:
                _store_files(options, chosen)
            if error := st.session_state.get("upload-error"):
                show_error(error)
                return None
    return _last_inputs(options, kind)


def _cached_inputs(options: InputOptions, choice: InputChoice) -> InputSet:
    """Return the input set of a choice; made again where it was evicted from the store."""
    jobs = current_jobs()
    key = (options.run.id, options.specs, choice, jobs.library.access.viewer_id)
    try:
        return jobs.inputs.read(_cached_id(*key, options))
    except UnknownName:
        _cached_id.clear(*key, options)
        return jobs.inputs.read(_cached_id(*key, options))


@st.cache_data(show_spinner=False, max_entries=512)
def _cached_id(run_id: str, specs: InputSpecs, choice: InputChoice, owner: str | None, _options: InputOptions) -> str:
    return _make(_options, choice).id


def _make(options: InputOptions, choice: InputChoice, on_progress: ProgressCallback = ignore_progress) -> InputSet:
    return options.make(choice, current_jobs().inputs, current_jobs().library, on_progress)


def _make_random(options: InputOptions, choice: RandomChoice) -> InputSet:
    """Make rows with progress; a press of Cancel runs the page again, which ends this before anything is stored."""
    placeholder, text = st.empty(), f"Making {pluralize(choice.rows, 'row')}"
    with placeholder.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, text=text)
        st.button("Cancel", icon=":material/stop_circle:", key="random-cancel")
    input_set = _make(options, choice, lambda fraction: bar.progress(min(fraction, 1.0), text))
    placeholder.empty()
    return input_set


def _make_drawn(options: InputOptions, row: Arrays | None) -> InputSet | None:
    """Return the drawing as an input set; while nothing was drawn in this session, the one in the address."""
    state_key = f"drawn-here-{options.run.id}"
    if row is None:
        return None if st.session_state.get(state_key) else _last_inputs(options, "drawn")
    st.session_state[state_key] = True
    return _make(options, DrawnChoice(row))


def _store_files(options: InputOptions, chosen: ChosenFiles) -> None:
    """Store files as an input set, and run the page again."""
    st.session_state.pop("upload-error", None)
    try:
        with st.spinner("Reading the file"):
            st.query_params["inputs"] = _make(options, FileChoice(chosen.files)).id
    except RoundtripError as error:
        st.session_state["upload-error"] = error.to_json()
    forget_files(files_key(options), chosen)
    st.rerun()


# The last input set of each kind, from this session and from the address


def _restore_from_query(options: InputOptions) -> None:
    """Show the input set in the address, once: select its kind, and set the widgets to its choice."""
    requested, inputs = st.query_params.get("inputs"), current_jobs().inputs
    if not requested or requested == st.session_state.get("inputs-seen"):
        return
    st.session_state["inputs-seen"] = requested
    try:
        input_set = inputs.read(requested)
        options.require_fit(input_set)
    except RoundtripError as error:
        reason = "The inputs in the address are not for this model. " if type(error) is InputError else ""
        st.warning(reason + escape_markdown(str(error)), icon=":material/search_off:")
        return
    st.session_state[_session_key(options, input_set.kind)] = input_set.id
    st.query_params["ask"] = input_set.kind
    restore_widgets(options.run.id, options.read_choice(input_set, inputs))


def _last_inputs(options: InputOptions, kind: str) -> InputSet | None:
    """Return the last input set of a kind; None where there is none, or it is not stored any more."""
    try:
        return current_jobs().inputs.read(st.session_state.get(_session_key(options, kind), ""))
    except RoundtripError:
        return None


def _session_key(options: InputOptions, kind: str) -> str:
    return f"inputs-{options.run.id}-{kind}"


def is_comparison_requested(inputs: InputSet) -> bool:
    """Whether the user asked to compare on exactly these values; shows the button for it until then."""
    if st.session_state.get(COMPARED_VALUES) != inputs.id:
        st.button(
            "Compare on these values",
            icon=":material/compare_arrows:",
            on_click=st.session_state.__setitem__,
            args=(COMPARED_VALUES, inputs.id),
            help="Each copy is reloaded where its model was never seen, and every number of its answer is compared.",
        )
    return st.session_state.get(COMPARED_VALUES) == inputs.id
