"""Predictions that are pictures: swiped over the baseline's, beside it, and their differences to one scale."""

from pathlib import Path

import numpy as np
import streamlit as st

from core.arrays import Arrays
from core.figures.images import row_image_url
from core.text.numbers import format_number
from ui.browser_component import load_component

CLOSE_UP = 128  # pixels of the longer side of an image
_SWIPE = load_component(Path(__file__).parent, "swipe")


def show_swipe(
    baseline: np.ndarray, copy: np.ndarray, shape: tuple[int, int], names: tuple[str, str], key: str
) -> None:
    """Show the baseline's picture left of a divider and a copy's right of it, named by `names`.

    Both are pixels in [0, 1], of as many values as `shape` (height, width) has.
    """
    rows, columns = shape
    data = {"rows": rows, "columns": columns, "baselineName": names[0], "copyName": names[1]}
    data |= {"baseline": _pixels(baseline), "copy": _pixels(copy)}
    _SWIPE(key=key, data=data)


def _pixels(values: np.ndarray) -> list[float]:
    return np.nan_to_num(values.astype("float64")).ravel().tolist()


def show_output_images(predictions: Arrays, baseline: str, shape: tuple[int, int], row: int) -> None:
    """Show predictions that are images: one swiped over the baseline's, all beside it, their differences to one scale.

    `predictions` has the baseline first, then the copies, the furthest first.
    """
    images = {name: values.astype("float32") for name, values in predictions.items()}
    differences = {
        name: np.nan_to_num(np.abs(values - images[baseline]), nan=1.0, posinf=1.0) for name, values in images.items()
    }
    largest = max(float(difference.max()) for difference in differences.values())
    copies = [name for name in images if name != baseline]
    copy = copies[0]
    if len(copies) > 1:
        copy = st.selectbox("Swipe over the baseline", copies, key="swiped", width=320)
    show_swipe(images[baseline], images[copy], shape, (baseline, copy), key="swipe")
    with st.container(horizontal=True):
        for name, values in images.items():
            with st.container(width="content"):
                st.image(
                    row_image_url(values, shape, CLOSE_UP), name, CLOSE_UP, alt=f"The answer of {name} to row {row}"
                )
                if differences[name].any():
                    url = row_image_url(differences[name] / largest, shape, CLOSE_UP)
                    text = f"difference, up to {format_number(differences[name].max())}"
                    st.image(url, text, CLOSE_UP, alt=f"Where {name} differs in row {row}")
    if largest:
        st.caption(f"All differences to one scale: full ink is {format_number(largest)}.")
