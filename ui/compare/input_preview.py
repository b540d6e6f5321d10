"""Preview of the chosen inputs: in words, with notes, a download, and the first rows as images or a table."""

import numpy as np
import streamlit as st

from core.arrays import Arrays
from core.figures.images import row_image_url
from core.inputs import InputSet
from core.inputs.from_images import image_frame
from core.inputs.options import InputOptions
from core.text.labels import format_values
from core.text.numbers import format_size
from ui.components import escape_markdown
from ui.routes import inputs_url
from ui.session import current_jobs

RANGE_CHECK_ROWS = 4096  # rows whose range is compared with that of the data
PREVIEW_ROWS = 8  # rows of a table
PREVIEW_IMAGES = 12  # images side by side on a wide page
PREVIEW_COLUMNS = 8  # columns of a table


def show_inputs(options: InputOptions, input_set: InputSet) -> None:
    """Show the chosen inputs: in words, with notes, a link to download them, and a preview."""
    first_rows = current_jobs().inputs.read_rows(input_set.id, slice(0, RANGE_CHECK_ROWS))
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{escape_markdown(input_set.words)}**", width="content")
            st.link_button(
                "Download these inputs (NPZ)",
                inputs_url(input_set.id),
                icon=":material/download:",
                type="tertiary",
                help=f"{format_size(input_set.bytes)}. Use them again here, or with `roundtrip compare --inputs FILE`.",
            )
        for note in [*input_set.notes, *options.range_notes(first_rows)]:
            st.caption(f":material/info: {escape_markdown(note)}")
        if input_set.kind != "typed":
            _show_preview(options, input_set, first_rows)


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
        st.caption(f"And {len(rows) - PREVIEW_COLUMNS} more inputs.")
    return len(next(iter(rows.values())))
