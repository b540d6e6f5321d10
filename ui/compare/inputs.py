"""How inputs are asked for: held-out rows, a drawing, typed values, a file, random numbers. Each becomes an input set,
whose id stands in the address."""

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from core.arrays import Arrays
from core.errors import InputError, RoundtripError
from core.figures.images import row_image_url
from core.inputs import InputSet
from core.inputs.fitting import InputFitter
from core.inputs.from_images import image_frame
from core.inputs.signature import form_fields
from core.inputs.source import SourceArray
from core.library import Run
from core.text.labels import format_size, format_values, reference_row_labels
from ui.compare.input_widgets import (
    restore_widgets,
    show_held_out_widgets,
    show_random_widgets,
    show_typed_widgets,
    show_upload_widget,
)
from ui.components import escape_markdown, show_error
from ui.query_params import bind_select
from ui.routes import inputs_url
from ui.session import current_jobs, load_reference

Specs = list[dict[str, Any]]
HELD_OUT = "held-out"
INPUT_KINDS = {
    HELD_OUT: ("Held-out rows", ":material/table_rows:"),
    "drawn": ("Draw", ":material/draw:"),
    "typed": ("Type", ":material/keyboard:"),
    "file": ("Upload", ":material/upload_file:"),
    "random": ("Random", ":material/casino:"),
    "found": ("Found", ":material/search:"),
}
RANGE_CHECK_ROWS = 4096  # rows whose range is held against that of the data
PREVIEW_ROWS = 8  # rows of a table
PREVIEW_IMAGES = 12  # side by side on a wide page
PREVIEW_COLUMNS = 8  # columns of a preview


def choose_inputs(run: Run, specs: Specs, draw: Callable[[], Arrays | None] | None = None) -> InputSet | None:
    """Let a person choose what is asked of models that take what `run` takes; None until something is chosen.

    `draw` shows a canvas and gives one row of inputs by name, None while it is blank; without it, there is no drawing.
    What was chosen stands in the address (`?inputs=`), with the way of choosing (`?ask=`), for a reload to find.
    """
    _restore_from_query(run, specs)
    way = st.segmented_control(
        "What to ask",
        **bind_select("ask", _available_kinds(run, specs, draw)),
        required=True,
        format_func=lambda one: (
            f"{INPUT_KINDS[one][1]} "
            f"{reference_row_labels(run)[1].capitalize() if one == HELD_OUT else INPUT_KINDS[one][0]}"
        ),
        help="The same inputs go to every artifact, in the same order.",
    )
    try:
        chosen = _make_inputs(way, run, specs, draw)
    except RoundtripError as error:
        show_error(error)
        chosen = None
    if chosen is None:
        st.query_params.pop("inputs", None)
        return None
    _remember_inputs(run, chosen)
    _show_inputs(run, chosen)
    return chosen


def _available_kinds(run: Run, specs: Specs, draw: Callable | None) -> list[str]:
    """Those that fit this model, and what was found where something was."""
    fitting = {
        "held-out": True,
        "drawn": draw is not None,
        "typed": bool(_form_fields(run, specs)),
        "file": True,
        "random": bool(specs) and all(one["shape"] is not None for one in specs),
        "found": _last_inputs(run, "found") is not None,
    }
    return [way for way in INPUT_KINDS if fitting[way]]


def _form_fields(run: Run, specs: Specs) -> tuple:
    return form_fields(run, specs, load_reference(run.id).inputs)


def _make_inputs(kind: str, run: Run, specs: Specs, draw: Callable[[], Arrays | None] | None) -> InputSet | None:
    if kind == "held-out":
        return show_held_out_widgets(run)
    if kind == "typed":
        return show_typed_widgets(run, specs, _form_fields(run, specs))
    if kind == "drawn":
        return _drawn_inputs(run, draw())
    if kind == "file":
        return (
            _last_inputs(run, kind)
            if show_upload_widget(run, specs, image_frame(specs, run.image_shape) is not None)
            else None
        )
    return (show_random_widgets(specs) if kind == "random" else None) or _last_inputs(run, kind)


def _drawn_inputs(run: Run, row: Arrays | None) -> InputSet | None:
    """What stands on the canvas; until something is drawn here, what the address asks for."""
    here = f"drawn-here-{run.id}"
    if row is None:
        return None if st.session_state.get(here) else _last_inputs(run, "drawn")
    st.session_state[here] = True
    return current_jobs().inputs.add_drawn(row)


# What was chosen last in each way, in this session and by the address


def _restore_from_query(run: Run, specs: Specs) -> None:
    """What the address asks for, taken once: its way is shown, and its widgets stand as they stood."""
    asked = st.query_params.get("inputs")
    if not asked or asked == st.session_state.get("inputs-seen"):
        return
    st.session_state["inputs-seen"] = asked
    try:
        kept = current_jobs().inputs.read(asked)
        InputFitter([SourceArray(one["name"], None, tuple(one["shape"])) for one in kept.columns], specs)
    except RoundtripError as error:
        other = "The inputs in the address are not for this model. " if type(error) is InputError else ""
        st.warning(other + escape_markdown(str(error)), icon=":material/search_off:")
        return
    st.session_state[_session_key(run, kept.kind)] = kept.id
    st.query_params["ask"] = kept.kind
    restore_widgets(run, _form_fields(run, specs), kept)


def _remember_inputs(run: Run, input_set: InputSet) -> None:
    st.session_state[_session_key(run, input_set.kind)] = input_set.id
    st.session_state["inputs-seen"] = input_set.id
    if st.query_params.get("inputs") != input_set.id:
        st.query_params["inputs"] = input_set.id


def _last_inputs(run: Run, kind: str) -> InputSet | None:
    """What was chosen last in this way; None where it is not kept any more."""
    try:
        return current_jobs().inputs.read(st.session_state.get(_session_key(run, kind), ""))
    except RoundtripError:
        return None


def _session_key(run: Run, kind: str) -> str:
    return f"inputs-{run.id}-{kind}"


# What is shown of it


def _show_inputs(run: Run, input_set: InputSet) -> None:
    """The chosen inputs in words, what was noted about them, a few of them, and all of them to download."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{escape_markdown(input_set.words)}**", width="content")
            st.link_button(
                "Download these inputs (NPZ)",
                inputs_url(input_set.id),
                icon=":material/download:",
                type="tertiary",
                help=(
                    f"{format_size(input_set.bytes)}. Use them again here, or with `roundtrip compare --inputs FILE`."
                ),
            )
        for note in [*input_set.notes, *_range_notes(run, input_set)]:
            st.caption(f":material/info: {escape_markdown(note)}")
        if input_set.kind != "typed":
            _show_preview(run, input_set)


def _range_notes(run: Run, input_set: InputSet) -> list[str]:
    """Numbers far outside of what the run's own data go from and to: no model answers well what it has never seen."""
    known, said = load_reference(run.id).inputs, []
    for name, array in current_jobs().inputs.read_rows(input_set.id, slice(0, RANGE_CHECK_ROWS)).items():
        if name in known and array.dtype.kind in "fiu" and np.isfinite(array).any():
            least, most = (float(of(array[np.isfinite(array)])) for of in (np.min, np.max))
            low, high = float(np.nanmin(known[name])), float(np.nanmax(known[name]))
            if least < low - (high - low) / 2 or most > high + (high - low) / 2:
                said.append(
                    f"“{name}” goes from {least:.4g} to {most:.4g}; in the data of the run it goes from {low:.4g} to "
                    f"{high:.4g}. Answers to what a model has never seen say little of its copies."
                )
    return said


def _show_preview(run: Run, input_set: InputSet) -> None:
    frame = image_frame(_column_specs(input_set), run.image_shape)
    drawn = frame is not None and frame.channels == 1
    rows = current_jobs().inputs.read_rows(input_set.id, slice(0, PREVIEW_IMAGES if drawn else PREVIEW_ROWS))
    if drawn:
        _show_images(next(iter(rows.values())), (frame.height, frame.width))
    else:
        _show_table(rows)
    count = len(next(iter(rows.values())))
    if count < input_set.rows:
        st.caption(f"The first {count:,} of {input_set.rows:,}.")


def _column_specs(input_set: InputSet) -> Specs:
    return [one | {"shape": [None, *one["shape"]]} for one in input_set.columns]


def _show_images(rows: Any, shape: tuple[int, int]) -> None:
    with st.container(horizontal=True, gap="small"):
        for at, row in enumerate(rows):
            st.image(row_image_url(row.astype("float32"), shape, 56), width=56, alt=f"Input {at}")


def _show_table(rows: Arrays) -> None:
    columns = {name: [format_values(row) for row in array] for name, array in list(rows.items())[:PREVIEW_COLUMNS]}
    st.dataframe(columns, hide_index=True, row_height=32, alt="The first inputs, a line a row")
    if len(rows) > PREVIEW_COLUMNS:
        st.caption(f"And {len(rows) - PREVIEW_COLUMNS} more inputs.")
