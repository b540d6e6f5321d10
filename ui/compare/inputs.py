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
from core.inputs.fitting import Fit
from core.inputs.from_images import frame_of
from core.inputs.signature import boxes_of
from core.inputs.source import Given
from core.library import Run
from core.text.labels import kept_rows, size, values_in_words
from ui.compare.input_widgets import fill_held_out, fill_random, fill_typed, fill_upload, restore
from ui.components import plain, show_error
from ui.query_params import in_address
from ui.routes import inputs_address
from ui.session import current_jobs, reference

Specs = list[dict[str, Any]]
KEPT = "held-out"
WAYS = {
    KEPT: ("Held-out rows", ":material/table_rows:"),
    "drawn": ("Draw", ":material/draw:"),
    "typed": ("Type", ":material/keyboard:"),
    "file": ("Upload", ":material/upload_file:"),
    "random": ("Random", ":material/casino:"),
    "found": ("Found", ":material/search:"),
}
LOOKED_AT = 4096  # rows whose range is held against that of the data
PREVIEW = 8  # rows of a table
PICTURES = 12  # side by side on a wide page
SHOWN = 8  # columns of a preview


def ask_inputs(run: Run, specs: Specs, draw: Callable[[], Arrays | None] | None = None) -> InputSet | None:
    """Let a person choose what is asked of models that take what `run` takes; None until something is chosen.

    `draw` shows a canvas and gives one row of inputs by name, None while it is blank; without it, there is no drawing.
    What was chosen stands in the address (`?inputs=`), with the way of choosing (`?ask=`), for a reload to find.
    """
    _take_from_address(run, specs)
    way = st.segmented_control(
        "What to ask",
        **in_address("ask", _ways(run, specs, draw)),
        required=True,
        format_func=lambda one: f"{WAYS[one][1]} {kept_rows(run)[1].capitalize() if one == KEPT else WAYS[one][0]}",
        help="The same inputs go to every artifact, in the same order.",
    )
    try:
        chosen = _fill(way, run, specs, draw)
    except RoundtripError as error:
        show_error(error)
        chosen = None
    if chosen is None:
        st.query_params.pop("inputs", None)
        return None
    _remember(run, chosen)
    _show(run, chosen)
    return chosen


def _ways(run: Run, specs: Specs, draw: Callable | None) -> list[str]:
    """Those that fit this model, and what was found where something was."""
    fitting = {
        "held-out": True,
        "drawn": draw is not None,
        "typed": bool(_boxes(run, specs)),
        "file": True,
        "random": bool(specs) and all(one["shape"] is not None for one in specs),
        "found": _kept(run, "found") is not None,
    }
    return [way for way in WAYS if fitting[way]]


def _boxes(run: Run, specs: Specs) -> tuple:
    return boxes_of(run, specs, reference(run.id).inputs)


def _fill(way: str, run: Run, specs: Specs, draw: Callable[[], Arrays | None] | None) -> InputSet | None:
    if way == "held-out":
        return fill_held_out(run)
    if way == "typed":
        return fill_typed(run, specs, _boxes(run, specs))
    if way == "drawn":
        return _drawn(run, draw())
    if way == "file":
        return _kept(run, way) if fill_upload(run, specs, frame_of(specs, run.image_shape) is not None) else None
    return (fill_random(specs) if way == "random" else None) or _kept(run, way)


def _drawn(run: Run, row: Arrays | None) -> InputSet | None:
    """What stands on the canvas; until something is drawn here, what the address asks for."""
    here = f"drawn-here-{run.id}"
    if row is None:
        return None if st.session_state.get(here) else _kept(run, "drawn")
    st.session_state[here] = True
    return current_jobs().inputs.drawn(row)


# What was chosen last in each way, in this session and by the address


def _take_from_address(run: Run, specs: Specs) -> None:
    """What the address asks for, taken once: its way is shown, and its widgets stand as they stood."""
    asked = st.query_params.get("inputs")
    if not asked or asked == st.session_state.get("inputs-seen"):
        return
    st.session_state["inputs-seen"] = asked
    try:
        kept = current_jobs().inputs.read(asked)
        Fit([Given(one["name"], None, tuple(one["shape"])) for one in kept.columns], specs)
    except RoundtripError as error:
        other = "The inputs in the address are not for this model. " if type(error) is InputError else ""
        st.warning(other + plain(str(error)), icon=":material/search_off:")
        return
    st.session_state[_key(run, kept.kind)] = kept.id
    st.query_params["ask"] = kept.kind
    restore(run, _boxes(run, specs), kept)


def _remember(run: Run, chosen: InputSet) -> None:
    st.session_state[_key(run, chosen.kind)] = chosen.id
    st.session_state["inputs-seen"] = chosen.id
    if st.query_params.get("inputs") != chosen.id:
        st.query_params["inputs"] = chosen.id


def _kept(run: Run, way: str) -> InputSet | None:
    """What was chosen last in this way; None where it is not kept any more."""
    try:
        return current_jobs().inputs.read(st.session_state.get(_key(run, way), ""))
    except RoundtripError:
        return None


def _key(run: Run, way: str) -> str:
    return f"inputs-{run.id}-{way}"


# What is shown of it


def _show(run: Run, chosen: InputSet) -> None:
    """The chosen inputs in words, what was noted about them, a few of them, and all of them to download."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{plain(chosen.words)}**", width="content")
            st.link_button(
                "Download these inputs (NPZ)",
                inputs_address(chosen.id),
                icon=":material/download:",
                type="tertiary",
                help=f"{size(chosen.bytes)}. Use them again here, or with `python -m core compare --inputs FILE`.",
            )
        for note in [*chosen.notes, *_out_of_range(run, chosen)]:
            st.caption(f":material/info: {plain(note)}")
        if chosen.kind != "typed":
            _preview(run, chosen)


def _out_of_range(run: Run, chosen: InputSet) -> list[str]:
    """Numbers far outside of what the run's own data go from and to: no model answers well what it has never seen."""
    known, said = reference(run.id).inputs, []
    for name, array in current_jobs().inputs.take(chosen.id, slice(0, LOOKED_AT)).items():
        if name in known and array.dtype.kind in "fiu" and np.isfinite(array).any():
            least, most = (float(of(array[np.isfinite(array)])) for of in (np.min, np.max))
            low, high = float(np.nanmin(known[name])), float(np.nanmax(known[name]))
            if least < low - (high - low) / 2 or most > high + (high - low) / 2:
                said.append(
                    f"“{name}” goes from {least:.4g} to {most:.4g}; in the data of the run it goes from {low:.4g} to "
                    f"{high:.4g}. Answers to what a model has never seen say little of its copies."
                )
    return said


def _preview(run: Run, chosen: InputSet) -> None:
    frame = frame_of(_as_specs(chosen), run.image_shape)
    drawn = frame is not None and frame.channels == 1
    rows = current_jobs().inputs.take(chosen.id, slice(0, PICTURES if drawn else PREVIEW))
    if drawn:
        _pictures(next(iter(rows.values())), (frame.height, frame.width))
    else:
        _table(rows)
    count = len(next(iter(rows.values())))
    if count < chosen.rows:
        st.caption(f"The first {count:,} of {chosen.rows:,}.")


def _as_specs(chosen: InputSet) -> Specs:
    return [one | {"shape": [None, *one["shape"]]} for one in chosen.columns]


def _pictures(rows: Any, shape: tuple[int, int]) -> None:
    with st.container(horizontal=True, gap="small"):
        for at, row in enumerate(rows):
            st.image(row_image_url(row.astype("float32"), shape, 56), width=56, alt=f"Input {at}")


def _table(rows: Arrays) -> None:
    columns = {name: [values_in_words(row) for row in array] for name, array in list(rows.items())[:SHOWN]}
    st.dataframe(columns, hide_index=True, row_height=32, alt="The first inputs, a line a row")
    if len(rows) > SHOWN:
        st.caption(f"And {len(rows) - SHOWN} more inputs.")
