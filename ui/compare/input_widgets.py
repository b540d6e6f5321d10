"""The widgets for each way of asking, and the input set that they make."""

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.demos.base import InputField
from core.errors import RoundtripError, UnknownName
from core.inputs import InputSet, row_from_values
from core.inputs.dispatch import DATA_SUFFIXES, IMAGE_SUFFIXES
from core.inputs.from_random import count_free_axes
from core.inputs.held_out import class_indices
from core.inputs.signature import values_from_row
from core.library import Run
from core.text.labels import reference_row_labels
from ui.components import escape_markdown, show_error
from ui.session import current_jobs, load_reference

MAX_ROWS = 1_000_000
MAX_SEED = 2**32 - 1
MAX_INLINE_OPTIONS = 4  # choices that stand side by side
PERSISTENT: dict[str, Any] = {"persist_state": "session"}


def _set_widget_defaults(**values: Any) -> None:
    """Values that widgets begin with; what a person has changed since stands."""
    for key, value in values.items():
        st.session_state.setdefault(key, value)


# Held-out rows

IMPORT_ROWS_HELP = (
    "Random rows that it was asked when it was brought in; copies are held against what it answered then."
)


def show_held_out_widgets(run: Run) -> InputSet:
    kept = load_reference(run.id)
    key = f"held-{run.id}"
    known = class_indices(run, kept.targets)
    left, *middle, right = st.columns([3, 2] if known is None else [3, 3, 2], gap="medium")
    classes, most = [], kept.rows
    if known is not None:
        with middle[0]:
            classes = st.pills(
                "Classes",
                run.labels,
                selection_mode="multi",
                key=f"{key}-classes",
                format_func=escape_markdown,
                wrap=True,
                help="Only rows of these classes; none chosen means all.",
                **PERSISTENT,
            )
        most = sum(int((known == run.labels.index(one)).sum()) for one in classes) or most
    with right:
        seed = _show_seed_widget(key)
    with left:
        rows = _show_row_slider(run, key, most)
    return _read_or_remake(
        _cached_held_out_id, run.id, rows, tuple(classes), seed, current_jobs().library.access.viewer_id
    )


def _show_row_slider(run: Run, key: str, max_rows: int) -> int:
    if max_rows == 1:
        st.caption("There is one such row.")
        return 1
    _set_widget_defaults(**{f"{key}-rows": max_rows})
    # Whoever asked for all rows asks for all rows of other classes, too.
    all_ = st.session_state[f"{key}-rows"] == st.session_state.get(f"{key}-most")
    st.session_state[f"{key}-rows"] = max_rows if all_ else min(max(st.session_state[f"{key}-rows"], 1), max_rows)
    st.session_state[f"{key}-most"] = max_rows
    help_ = IMPORT_ROWS_HELP if run.trust == "brought in" else "Rows that the model never saw in training."
    return st.slider(
        reference_row_labels(run)[1].capitalize(), 1, max_rows, key=f"{key}-rows", help=help_, **PERSISTENT
    )


def _show_seed_widget(key: str) -> int | None:
    drawn = st.toggle(
        "Pick at random",
        key=f"{key}-drawn",
        help="Off: the first ones. On: any, by a number to repeat it.",
        **PERSISTENT,
    )
    if not drawn:
        return None
    _set_widget_defaults(**{f"{key}-seed": 0})
    return int(st.number_input("Seed", 0, MAX_SEED, key=f"{key}-seed", **PERSISTENT))


@st.cache_data(show_spinner=False, max_entries=512)
def _cached_held_out_id(run_id: str, rows: int, classes: tuple[str, ...], seed: int | None, owner: str | None) -> str:
    return current_jobs().inputs.add_held_out(current_jobs().library, run_id, rows, list(classes), seed).id


def _read_or_remake(make: Any, *args: Any) -> InputSet:
    """The set of that id; made anew where it was forgotten since."""
    try:
        return current_jobs().inputs.read(make(*args))
    except UnknownName:
        make.clear()
        return current_jobs().inputs.read(make(*args))


# Typed values


def show_typed_widgets(run: Run, specs: list[dict[str, Any]], fields: Sequence[InputField]) -> InputSet:
    with st.grid(3, min_column_width=220, gap="medium"):
        values = [_show_field(one, f"type-{run.id}-{at}") for at, one in enumerate(fields)]
    return current_jobs().inputs.add_typed(row_from_values(run, specs, fields, values), _typed_label(fields, values))


def _typed_label(fields: Sequence[InputField], values: Sequence[Any]) -> str:
    if len(fields) > MAX_INLINE_OPTIONS:
        return "One row, typed"
    return "Typed: " + ", ".join(
        f"{box.label} {_short_value(value)}" for box, value in zip(fields, values, strict=True)
    )


def _short_value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else f"“{value[:40]}”"


def _show_field(field: InputField, key: str) -> Any:
    label = escape_markdown(field.label)
    if field.kind == "choice":
        _set_widget_defaults(**{key: field.example})
        if len(field.options) <= MAX_INLINE_OPTIONS:
            return st.segmented_control(
                label, field.options, required=True, key=key, format_func=escape_markdown, **PERSISTENT
            )
        return st.selectbox(label, field.options, key=key, **PERSISTENT)
    if field.kind == "text":
        _set_widget_defaults(**{key: str(field.example)})
        return st.text_input(label, key=key, max_chars=2000, **PERSISTENT)
    _set_widget_defaults(**{key: float(field.example)})
    if field.minimum is None or field.maximum is None or not field.minimum <= st.session_state[key] <= field.maximum:
        return st.number_input(label, key=key, step=None, format="%.6g", **PERSISTENT)
    step, shown = _slider_step(field)
    return st.slider(label, float(field.minimum), float(field.maximum), step=step, format=shown, key=key, **PERSISTENT)


def _slider_step(field: InputField) -> tuple[float, str]:
    """A step as fine as the example is written, or a hundredth of the range where that is finer."""
    range_ = field.maximum - field.minimum
    if all(float(one).is_integer() for one in (field.example, field.minimum, field.maximum)):
        return 1.0, "%d"
    decimals = min(len(repr(float(field.example)).partition(".")[2]), 3)
    return (10.0**-decimals, f"%.{decimals}f") if range_ > 10 * 10.0**-decimals else (range_ / 100, "%.3g")


# A file


def show_upload_widget(run: Run, specs: list[dict[str, Any]], allows_images: bool) -> bool:
    """Ask for a file; False when the one that was given last does not fit, and why is shown."""
    count = st.session_state.setdefault("upload-count", 0)
    kinds = [*DATA_SUFFIXES, *IMAGE_SUFFIXES] if allows_images else list(DATA_SUFFIXES)
    given = st.file_uploader(
        f"A {'PNG or JPEG picture, or a ' if allows_images else ''}CSV, JSON, NPZ or NPY file for {_specs_text(specs)}",
        type=kinds,
        accept_multiple_files=allows_images,
        key=f"upload-{run.id}-{count}",
        help="Names, shapes and types are held against what the model takes; several pictures may be given at once.",
    )
    if given:
        _store_upload(run, specs, given if isinstance(given, list) else [given])
    if error := st.session_state.get("upload-error"):
        show_error(error)
    return not error


def _specs_text(specs: list[dict[str, Any]]) -> str:
    named = [f"{escape_markdown(one['name'])} ({_spec_text(one)})" for one in specs[:6]]
    return ", ".join(named) + (" …" if len(specs) > 6 else "") if named else "this model"


def _spec_text(spec: dict[str, Any]) -> str:
    shape = [size for size in (spec["shape"] or [None])[1:] if size != 1]
    what = "text" if spec["dtype"] == "object" else "numbers" if shape else "a number"
    return f"{' × '.join('any' if size is None else str(size) for size in shape)} {what}".strip()


def _store_upload(run: Run, specs: list[dict[str, Any]], files: list[Any]) -> None:
    """Keep what was uploaded on the disk, and let go of its bytes: else they stay in memory while the session lasts."""
    st.session_state.pop("upload-error", None)
    try:
        with st.spinner("Reading the file"):
            kept = current_jobs().inputs.add_upload([(one.name, one) for one in files], specs, run.image_shape)
        st.query_params["inputs"] = kept.id
    except RoundtripError as error:
        st.session_state["upload-error"] = error.to_json()
    context = get_script_run_ctx()
    for one in files:
        context.uploaded_file_mgr.remove_file(context.session_id, one.file_id)
    st.session_state["upload-count"] += 1
    st.rerun()


# Random numbers


def show_random_widgets(specs: list[dict[str, Any]]) -> InputSet | None:
    whole = any(one["dtype"].startswith(("int", "uint")) for one in specs)
    _set_widget_defaults(
        **{"random-rows": 1000, "random-low": 0.0, "random-high": 10.0 if whole else 1.0, "random-seed": 0}
    )
    with st.form("random-form", border=False):
        columns = st.columns(4)
        rows = columns[0].number_input("Rows", 1, MAX_ROWS, step=1, key="random-rows", **PERSISTENT)
        low = columns[1].number_input("From", key="random-low", format="%g", **PERSISTENT)
        high = columns[2].number_input("To, not included", key="random-high", format="%g", **PERSISTENT)
        seed = columns[3].number_input(
            "Seed", 0, MAX_SEED, key="random-seed", help="The same seed, rows.", **PERSISTENT
        )
        sizes = {one["name"]: _show_axis_sizes(one) for one in specs if count_free_axes(one)}
        pressed = st.form_submit_button("Make these rows", icon=":material/casino:", type="primary")
    return _make_random_inputs(specs, int(rows), low, high, int(seed), sizes) if pressed else None


def _show_axis_sizes(spec: dict[str, Any]) -> list[int]:
    """A size for each axis that the model leaves free."""
    label = f"Size of “{escape_markdown(spec['name'])}”"
    keys = [f"random-size-{spec['name']}-{at}" for at in range(count_free_axes(spec))]
    _set_widget_defaults(**dict.fromkeys(keys, 8))
    return [int(st.number_input(f"{label}, axis {at + 1}", 1, key=key, **PERSISTENT)) for at, key in enumerate(keys)]


def _make_random_inputs(
    specs: list, rows: int, low: float, high: float, seed: int, sizes: dict[str, list[int]]
) -> InputSet:
    """Make them with progress; a press of Cancel runs the page again, which ends this before anything is kept."""
    place, words = st.empty(), f"Making {rows:,} rows"
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, text=words)
        st.button("Cancel", icon=":material/stop_circle:", key="random-cancel")
    kept = current_jobs().inputs.add_random(
        specs, rows, low, high, seed, sizes, lambda done: bar.progress(min(done, 1.0), words)
    )
    place.empty()
    return kept


# What stands in the address


def restore_widgets(run: Run, fields: Sequence[InputField], input_set: InputSet) -> None:
    """Set the widgets as they stood when a set was made, so that they would make it again."""
    origin = input_set.origin
    if input_set.kind == "held-out" and origin["run"] == run.id:
        st.session_state.update(_held_out_state(f"held-{run.id}", input_set))
    elif input_set.kind == "random":
        st.session_state.update({f"random-{name}": float(origin[name]) for name in ("low", "high")})
        st.session_state.update({"random-rows": min(origin["rows"], MAX_ROWS), "random-seed": origin["seed"]})
        for name, sizes in origin["sizes"].items():
            st.session_state.update({f"random-size-{name}-{at}": size for at, size in enumerate(sizes)})
    elif input_set.kind == "typed":
        values = values_from_row(fields, current_jobs().inputs.read_rows(input_set.id, [0]))
        st.session_state.update({f"type-{run.id}-{at}": value for at, value in enumerate(values)})


def _held_out_state(key: str, input_set: InputSet) -> dict[str, Any]:
    seed = input_set.origin["seed"]
    drawn = {f"{key}-drawn": seed is not None, f"{key}-seed": seed or 0}
    return drawn | {f"{key}-classes": input_set.origin["classes"], f"{key}-rows": input_set.rows}
