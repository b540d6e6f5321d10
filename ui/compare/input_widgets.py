"""Widgets for each kind of inputs: each draws `InputOptions` and returns the choice that a user made."""

from typing import Any

import streamlit as st

from core.demos.base import InputField
from core.inputs.dispatch import DATA_SUFFIXES, IMAGE_SUFFIXES
from core.inputs.fitting import InputSpecs
from core.inputs.options import (
    HeldOutChoice,
    InputChoice,
    InputOptions,
    PlaneChoice,
    RandomChoice,
    TypedChoice,
)
from core.runtimes.specs import InputSpec
from core.text.labels import reference_row_labels
from ui.components import escape_markdown
from ui.uploader import ChosenFiles, choose_files

MAX_ROWS = 1_000_000
MAX_SEED = 2**32 - 1
MAX_INLINE_OPTIONS = 4  # choices that stand side by side
PERSISTENT: dict[str, Any] = {"persist_state": "session"}
IMPORT_ROWS_HELP = (
    "Random rows that it was asked when it was imported; copies are compared with what it predicted then."
)


# Test examples


def choose_held_out(options: InputOptions) -> HeldOutChoice:
    key = f"held-{options.run.id}"
    left, *middle, right = st.columns([3, 3, 2] if options.class_counts else [3, 2], gap="medium")
    classes: list[str] = []
    for column in middle:
        classes = column.pills(
            "Classes",
            list(options.class_counts),
            selection_mode="multi",
            key=f"{key}-classes",
            format_func=escape_markdown,
            wrap=True,
            help="Only rows of these classes; none chosen means all.",
            **PERSISTENT,
        )
    with right:
        seed = _choose_seed(key)
    with left:
        rows = _choose_row_count(options, key, sum(options.class_counts[label] for label in classes) or options.rows)
    return HeldOutChoice(rows, tuple(classes), seed)


def _choose_row_count(options: InputOptions, key: str, max_rows: int) -> int:
    if max_rows == 1:
        st.caption("There is one such row.")
        return 1
    st.session_state.setdefault(f"{key}-rows", max_rows)
    # All rows stay all rows when other classes are chosen.
    has_all = st.session_state[f"{key}-rows"] == st.session_state.get(f"{key}-most")
    st.session_state[f"{key}-rows"] = max_rows if has_all else min(max(st.session_state[f"{key}-rows"], 1), max_rows)
    st.session_state[f"{key}-most"] = max_rows
    help_ = IMPORT_ROWS_HELP if options.run.trust == "brought in" else "Rows that the model never saw in training."
    label = reference_row_labels(options.run)[1].capitalize()
    return st.slider(label, 1, max_rows, key=f"{key}-rows", help=help_, **PERSISTENT)


def _choose_seed(key: str) -> int | None:
    help_ = "Off: the first ones. On: any, by a number to repeat it."
    if not st.toggle("Pick at random", key=f"{key}-drawn", help=help_, **PERSISTENT):
        return None
    st.session_state.setdefault(f"{key}-seed", 0)
    return int(st.number_input("Seed", 0, MAX_SEED, key=f"{key}-seed", **PERSISTENT))


# The plane through three test examples


def choose_plane(options: InputOptions) -> PlaneChoice:
    """Choose the corners among the first test example of each class; those of an address may be others."""
    labels, corners = {row: label for label, row in options.first_rows.items()}, []
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for at, corner in enumerate("ABC"):
            key = f"plane-{options.run.id}-{at}"
            row = st.session_state.setdefault(key, list(labels)[at])
            corners.append(
                st.selectbox(
                    f"Example {corner}",
                    list(labels) if row in labels else [row, *labels],
                    key=key,
                    format_func=lambda row: escape_markdown(labels.get(row, f"row {row}")),
                    help="Rows between these examples, and a little beyond: where do the copies begin to disagree?",
                    width=140,
                    **PERSISTENT,
                )
            )
    return PlaneChoice((corners[0], corners[1], corners[2]))


# Typed values


def choose_typed(options: InputOptions) -> TypedChoice:
    with st.grid(3, min_column_width=220, gap="medium"):
        values = [_show_field(field, f"type-{options.run.id}-{index}") for index, field in enumerate(options.fields)]
    return TypedChoice(tuple(values))


def _show_field(field: InputField, key: str) -> Any:
    label = escape_markdown(field.label)
    common = {"key": key, **PERSISTENT}
    if field.kind == "choice":
        st.session_state.setdefault(key, field.example)
        if len(field.options) > MAX_INLINE_OPTIONS:
            return st.selectbox(label, field.options, **common)
        return st.segmented_control(label, field.options, required=True, format_func=escape_markdown, **common)
    if field.kind == "text":
        st.session_state.setdefault(key, str(field.example))
        return st.text_input(label, max_chars=2000, **common)
    st.session_state.setdefault(key, float(field.example))
    minimum, maximum = field.minimum, field.maximum
    if minimum is None or maximum is None or not minimum <= st.session_state[key] <= maximum:
        return st.number_input(label, step=None, format="%.6g", **common)
    step, format_ = _slider_step(float(field.example), minimum, maximum)
    return st.slider(label, float(minimum), float(maximum), step=step, format=format_, **common)


def _slider_step(example: float, minimum: float, maximum: float) -> tuple[float, str]:
    """Return a step and its format: as many decimals as the example has, or a hundredth of the range if finer."""
    if all(float(number).is_integer() for number in (example, minimum, maximum)):
        return 1.0, "%d"
    decimals = min(len(repr(example).partition(".")[2]), 3)
    if maximum - minimum > 10 * 10.0**-decimals:
        return 10.0**-decimals, f"%.{decimals}f"
    return (maximum - minimum) / 100, "%.3g"


# A file


def choose_input_files(options: InputOptions) -> ChosenFiles:
    """Show the control that sends them; returns those that have come."""
    suffixes = [*DATA_SUFFIXES, *IMAGE_SUFFIXES] if options.takes_images else list(DATA_SUFFIXES)
    images = "PNG or JPEG picture, or a " if options.takes_images else ""
    return choose_files(
        f"A {images}CSV, JSON, NPZ or NPY file for {_specs_text(options.specs)}",
        files_key(options),
        suffixes=suffixes,
        many=options.takes_images,
        help_="Names, shapes and types are checked against what the model takes."
        + (" Several pictures can be chosen at once." if options.takes_images else ""),
    )


def files_key(options: InputOptions) -> str:
    return f"input-files-{options.run.id}"


def _specs_text(specs: InputSpecs) -> str:
    texts = [f"{spec['name']} ({_spec_text(spec)})" for spec in specs[:6]]
    return ", ".join(texts) + (" …" if len(specs) > 6 else "") if texts else "this model"


def _spec_text(spec: InputSpec) -> str:
    sizes = [size for size in (spec["shape"] or [None])[1:] if size != 1]
    noun = "text" if spec["dtype"] == "object" else "numbers" if sizes else "a number"
    return f"{' × '.join('any' if size is None else str(size) for size in sizes)} {noun}".strip()


# Random numbers


def choose_random(options: InputOptions) -> RandomChoice | None:
    """Show a form; return None until it is submitted."""
    for name, value in (("rows", 1000), ("low", 0.0), ("high", options.random_high), ("seed", 0)):
        st.session_state.setdefault(f"random-{name}", value)
    with st.form("random-form", border=False):
        columns = st.columns(4)
        rows = columns[0].number_input("Rows", 1, MAX_ROWS, step=1, key="random-rows", **PERSISTENT)
        low = columns[1].number_input("From", key="random-low", format="%g", **PERSISTENT)
        high = columns[2].number_input("To, not included", key="random-high", format="%g", **PERSISTENT)
        help_ = "The same seed, rows."
        seed = columns[3].number_input("Seed", 0, MAX_SEED, key="random-seed", help=help_, **PERSISTENT)
        sizes = {name: _choose_axis_sizes(name, count) for name, count in options.free_axes.items()}
        is_submitted = st.form_submit_button("Make these rows", icon=":material/casino:", type="primary")
    return RandomChoice(int(rows), low, high, int(seed), sizes) if is_submitted else None


def _choose_axis_sizes(name: str, count: int) -> list[int]:
    """Choose a size for each axis that the model leaves free."""
    label, keys = f"Size of “{escape_markdown(name)}”", [f"random-size-{name}-{index}" for index in range(count)]
    for key in keys:
        st.session_state.setdefault(key, 8)
    return [int(st.number_input(f"{label}, axis {axis}", 1, key=key, **PERSISTENT)) for axis, key in enumerate(keys, 1)]


# A choice from the address


def restore_widgets(run_id: str, choice: InputChoice | None) -> None:
    """Set the widgets to the values of a choice."""
    values: dict[str, Any] = {}
    match choice:
        case HeldOutChoice(rows, classes, seed):
            values = {"rows": rows, "classes": list(classes), "drawn": seed is not None, "seed": seed or 0}
            values = {f"held-{run_id}-{name}": value for name, value in values.items()}
        case RandomChoice(rows, low, high, seed, sizes):
            values = {"rows": min(rows, MAX_ROWS), "low": float(low), "high": float(high), "seed": seed}
            values |= {f"size-{name}-{axis}": size for name, axes in sizes.items() for axis, size in enumerate(axes)}
            values = {f"random-{name}": value for name, value in values.items()}
        case PlaneChoice(corners):
            values = {f"plane-{run_id}-{at}": corner for at, corner in enumerate(corners)}
        case TypedChoice(typed):
            values = {f"type-{run_id}-{index}": value for index, value in enumerate(typed)}
    st.session_state.update(values)
