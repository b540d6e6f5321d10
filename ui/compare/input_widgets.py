"""The widgets for each way of asking, and the input set that they make."""

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.demos.base import Box
from core.errors import RoundtripError, UnknownName
from core.inputs import InputSet, row_of
from core.inputs.dispatch import PICTURES, TABLES
from core.inputs.from_random import free_axes
from core.inputs.held_out import classes_of
from core.inputs.signature import values_of
from core.library import Run
from core.text.labels import kept_rows
from ui.components import plain, show_error
from ui.session import current_jobs, reference

MOST_ROWS = 1_000_000
MOST_SEED = 2**32 - 1
FEW = 4  # choices that stand side by side
KEEP: dict[str, Any] = {"persist_state": "session"}


def _state(**values: Any) -> None:
    """Values that widgets begin with; what a person has changed since stands."""
    for key, value in values.items():
        st.session_state.setdefault(key, value)


# Held-out rows

ASKED_AT_IMPORT = "Random rows that it was asked when it was brought in; copies are held against what it answered then."


def fill_held_out(run: Run) -> InputSet:
    kept = reference(run.id)
    key = f"held-{run.id}"
    known = classes_of(run, kept.targets)
    left, *middle, right = st.columns([3, 2] if known is None else [3, 3, 2], gap="medium")
    classes, most = [], kept.rows
    if known is not None:
        with middle[0]:
            classes = st.pills(
                "Classes",
                run.labels,
                selection_mode="multi",
                key=f"{key}-classes",
                format_func=plain,
                wrap=True,
                help="Only rows of these classes; none chosen means all.",
                **KEEP,
            )
        most = sum(int((known == run.labels.index(one)).sum()) for one in classes) or most
    with right:
        seed = _seed(key)
    with left:
        rows = _row_count(run, key, most)
    return _read_again(_held_out, run.id, rows, tuple(classes), seed, current_jobs().library.access.me)


def _row_count(run: Run, key: str, most: int) -> int:
    if most == 1:
        st.caption("There is one such row.")
        return 1
    _state(**{f"{key}-rows": most})
    # Whoever asked for all rows asks for all rows of other classes, too.
    all_ = st.session_state[f"{key}-rows"] == st.session_state.get(f"{key}-most")
    st.session_state[f"{key}-rows"] = most if all_ else min(max(st.session_state[f"{key}-rows"], 1), most)
    st.session_state[f"{key}-most"] = most
    help_ = ASKED_AT_IMPORT if run.trust == "brought in" else "Rows that the model never saw in training."
    return st.slider(kept_rows(run)[1].capitalize(), 1, most, key=f"{key}-rows", help=help_, **KEEP)


def _seed(key: str) -> int | None:
    drawn = st.toggle(
        "Pick at random", key=f"{key}-drawn", help="Off: the first ones. On: any, by a number to repeat it.", **KEEP
    )
    if not drawn:
        return None
    _state(**{f"{key}-seed": 0})
    return int(st.number_input("Seed", 0, MOST_SEED, key=f"{key}-seed", **KEEP))


@st.cache_data(show_spinner=False, max_entries=512)
def _held_out(run_id: str, rows: int, classes: tuple[str, ...], seed: int | None, whose: str | None) -> str:
    return current_jobs().inputs.held_out(current_jobs().library, run_id, rows, list(classes), seed).id


def _read_again(make: Any, *asked: Any) -> InputSet:
    """The set of that id; made anew where it was forgotten since."""
    try:
        return current_jobs().inputs.read(make(*asked))
    except UnknownName:
        make.clear()
        return current_jobs().inputs.read(make(*asked))


# Typed values


def fill_typed(run: Run, specs: list[dict[str, Any]], boxes: Sequence[Box]) -> InputSet:
    with st.grid(3, min_column_width=220, gap="medium"):
        values = [_box(one, f"type-{run.id}-{at}") for at, one in enumerate(boxes)]
    return current_jobs().inputs.typed(row_of(run, specs, boxes, values), _typed_words(boxes, values))


def _typed_words(boxes: Sequence[Box], values: Sequence[Any]) -> str:
    if len(boxes) > FEW:
        return "One row, typed"
    return "Typed: " + ", ".join(f"{box.label} {_short(value)}" for box, value in zip(boxes, values, strict=True))


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else f"“{value[:40]}”"


def _box(box: Box, key: str) -> Any:
    label = plain(box.label)
    if box.kind == "choice":
        _state(**{key: box.example})
        if len(box.options) <= FEW:
            return st.segmented_control(label, box.options, required=True, key=key, format_func=plain, **KEEP)
        return st.selectbox(label, box.options, key=key, **KEEP)
    if box.kind == "text":
        _state(**{key: str(box.example)})
        return st.text_input(label, key=key, max_chars=2000, **KEEP)
    _state(**{key: float(box.example)})
    if box.least is None or box.most is None or not box.least <= st.session_state[key] <= box.most:
        return st.number_input(label, key=key, step=None, format="%.6g", **KEEP)
    step, shown = _step(box)
    return st.slider(label, float(box.least), float(box.most), step=step, format=shown, key=key, **KEEP)


def _step(box: Box) -> tuple[float, str]:
    """A step as fine as the example is written, or a hundredth of the range where that is finer."""
    range_ = box.most - box.least
    if all(float(one).is_integer() for one in (box.example, box.least, box.most)):
        return 1.0, "%d"
    decimals = min(len(repr(float(box.example)).partition(".")[2]), 3)
    return (10.0**-decimals, f"%.{decimals}f") if range_ > 10 * 10.0**-decimals else (range_ / 100, "%.3g")


# A file


def fill_upload(run: Run, specs: list[dict[str, Any]], pictures: bool) -> bool:
    """Ask for a file; False when the one that was given last does not fit, and why is shown."""
    count = st.session_state.setdefault("upload-count", 0)
    kinds = [*TABLES, *PICTURES] if pictures else list(TABLES)
    given = st.file_uploader(
        f"A {'PNG or JPEG picture, or a ' if pictures else ''}CSV, JSON, NPZ or NPY file for {_wanted(specs)}",
        type=kinds,
        accept_multiple_files=pictures,
        key=f"upload-{run.id}-{count}",
        help="Names, shapes and types are held against what the model takes; several pictures may be given at once.",
    )
    if given:
        _take(run, specs, given if isinstance(given, list) else [given])
    if error := st.session_state.get("upload-error"):
        show_error(error)
    return not error


def _wanted(specs: list[dict[str, Any]]) -> str:
    named = [f"{plain(one['name'])} ({_kind(one)})" for one in specs[:6]]
    return ", ".join(named) + (" …" if len(specs) > 6 else "") if named else "this model"


def _kind(spec: dict[str, Any]) -> str:
    shape = [size for size in (spec["shape"] or [None])[1:] if size != 1]
    what = "text" if spec["dtype"] == "object" else "numbers" if shape else "a number"
    return f"{' × '.join('any' if size is None else str(size) for size in shape)} {what}".strip()


def _take(run: Run, specs: list[dict[str, Any]], given: list[Any]) -> None:
    """Keep what was uploaded on the disk, and let go of its bytes: else they stay in memory while the session lasts."""
    st.session_state.pop("upload-error", None)
    try:
        with st.spinner("Reading the file"):
            kept = current_jobs().inputs.upload([(one.name, one) for one in given], specs, run.image_shape)
        st.query_params["inputs"] = kept.id
    except RoundtripError as error:
        st.session_state["upload-error"] = error.to_json()
    context = get_script_run_ctx()
    for one in given:
        context.uploaded_file_mgr.remove_file(context.session_id, one.file_id)
    st.session_state["upload-count"] += 1
    st.rerun()


# Random numbers


def fill_random(specs: list[dict[str, Any]]) -> InputSet | None:
    whole = any(one["dtype"].startswith(("int", "uint")) for one in specs)
    _state(**{"random-rows": 1000, "random-low": 0.0, "random-high": 10.0 if whole else 1.0, "random-seed": 0})
    with st.form("random-form", border=False):
        columns = st.columns(4)
        rows = columns[0].number_input("Rows", 1, MOST_ROWS, step=1, key="random-rows", **KEEP)
        low = columns[1].number_input("From", key="random-low", format="%g", **KEEP)
        high = columns[2].number_input("To, not included", key="random-high", format="%g", **KEEP)
        seed = columns[3].number_input("Seed", 0, MOST_SEED, key="random-seed", help="The same seed, rows.", **KEEP)
        sizes = {one["name"]: _sizes(one) for one in specs if free_axes(one)}
        pressed = st.form_submit_button("Make these rows", icon=":material/casino:", type="primary")
    return _make(specs, int(rows), low, high, int(seed), sizes) if pressed else None


def _sizes(spec: dict[str, Any]) -> list[int]:
    """A size for each axis that the model leaves free."""
    label = f"Size of “{plain(spec['name'])}”"
    keys = [f"random-size-{spec['name']}-{at}" for at in range(free_axes(spec))]
    _state(**dict.fromkeys(keys, 8))
    return [int(st.number_input(f"{label}, axis {at + 1}", 1, key=key, **KEEP)) for at, key in enumerate(keys)]


def _make(specs: list, rows: int, low: float, high: float, seed: int, sizes: dict[str, list[int]]) -> InputSet:
    """Make them with progress; a press of Cancel runs the page again, which ends this before anything is kept."""
    place, words = st.empty(), f"Making {rows:,} rows"
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, text=words)
        st.button("Cancel", icon=":material/stop_circle:", key="random-cancel")
    kept = current_jobs().inputs.random(
        specs, rows, low, high, seed, sizes, lambda done: bar.progress(min(done, 1.0), words)
    )
    place.empty()
    return kept


# What stands in the address


def restore(run: Run, boxes: Sequence[Box], kept: InputSet) -> None:
    """Set the widgets as they stood when a set was made, so that they would make it again."""
    origin = kept.origin
    if kept.kind == "held-out" and origin["run"] == run.id:
        st.session_state.update(_held_out_state(f"held-{run.id}", kept))
    elif kept.kind == "random":
        st.session_state.update({f"random-{name}": float(origin[name]) for name in ("low", "high")})
        st.session_state.update({"random-rows": min(origin["rows"], MOST_ROWS), "random-seed": origin["seed"]})
        for name, sizes in origin["sizes"].items():
            st.session_state.update({f"random-size-{name}-{at}": size for at, size in enumerate(sizes)})
    elif kept.kind == "typed":
        values = values_of(boxes, current_jobs().inputs.take(kept.id, [0]))
        st.session_state.update({f"type-{run.id}-{at}": value for at, value in enumerate(values)})


def _held_out_state(key: str, kept: InputSet) -> dict[str, Any]:
    seed = kept.origin["seed"]
    drawn = {f"{key}-drawn": seed is not None, f"{key}-seed": seed or 0}
    return drawn | {f"{key}-classes": kept.origin["classes"], f"{key}-rows": kept.rows}
