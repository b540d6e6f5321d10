"""Step 5: the first layer with fewer bits, computed in the browser, beside what the saved quantised copies answered."""

from base64 import b64encode
from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st

from core.errors import InputError
from core.formats import get_format
from core.library import Run
from core.size_breakdown.tensor_search import load_run_tensors
from core.tensors.rounding import round_to_bits, stored_bytes
from core.text.labels import verdict_label
from core.text.numbers import format_size
from ui.browser_component import load_component
from ui.session import current_jobs, load_reference
from ui.tour.story import QUANTIZED, Tour, load_outcomes

_FEWER_BITS = load_component(Path(__file__).parent, "fewer_bits", "tour.css")
BITS = (32, 16, 8, 4)


class DenseNet(NamedTuple):
    """Two Dense layers: relu(x @ kernel + bias) @ last_kernel + last_bias are the logits; all float32."""

    kernel: np.ndarray
    bias: np.ndarray
    last_kernel: np.ndarray
    last_bias: np.ndarray

    def logits(self, inputs: np.ndarray, bits: int = 32) -> np.ndarray:
        """The logits (rows, classes) for inputs (rows, columns), with so many bits for the first kernel."""
        hidden = np.maximum(inputs @ round_to_bits(self.kernel, bits) + self.bias, 0)
        return hidden @ self.last_kernel + self.last_bias


def show_fewer_bits(tour: Tour) -> None:
    """Show the slider, on a held-out digit whose answer fewer bits flip where there is one."""
    if not tour.run:
        return
    net, inputs = load_net(tour.run), next(iter(load_reference(tour.run.id).inputs.values()))
    row, rows, columns = choose_row(net, inputs), *net.kernel.shape
    data = {
        "id": tour.run.id,
        "numbers": [b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode() for values in net],
        "pixels": [float(value) for value in inputs[row].reshape(-1)],
        "rows": rows,
        "columns": columns,
        "classes": len(net.last_bias),
        "labels": tour.run.labels,
        "stops": _make_stops(tour, net),
    }
    _FEWER_BITS(key="fewer-bits", data=data)
    st.caption(
        "The picture, the size and the bars are computed in this page, for the first layer alone and for one digit "
        "that was kept out of the training. What stands at 8 and 4 bits is what the saved copies answered on all of "
        "these digits."
    )


def load_net(run: Run) -> DenseNet:
    """Load the weights of a run of two Dense layers. Raises Damaged, and InputError for any other model."""
    tensors = load_run_tensors(current_jobs().library.snapshot(run.id), run)
    weights = [np.asarray(tensor.values, "float32") for tensor in tensors if tensor.group == "weights"]
    if [values.ndim for values in weights] != [2, 1, 2, 1]:
        raise InputError("This model is not two Dense layers.", received=run.name, cure="Start the tour again.")
    return DenseNet(*weights)


def choose_row(net: DenseNet, inputs: np.ndarray) -> int:
    """Return the row whose answer 4 bits flip and 8 bits do not, the surest before; else the least sure of all."""
    inputs = inputs.reshape(len(inputs), -1)
    answers = {bits: net.logits(inputs, bits).argmax(axis=1) for bits in (32, 8, 4)}
    ordered = np.sort(net.logits(inputs), axis=1)
    margins = ordered[:, -1] - ordered[:, -2]
    flips = (answers[4] != answers[32]) & (answers[8] == answers[32])
    return int(np.where(flips, margins, -1).argmax() if flips.any() else margins.argmin())


def _make_stops(tour: Tour, net: DenseNet) -> list[dict[str, object]]:
    """The places of the slider: bits, size of the first kernel, and what the saved copy of so many bits answered."""
    outcomes = load_outcomes(tour)
    stops: list[dict[str, object]] = []
    for bits in BITS:
        words, key = "", QUANTIZED.get(bits, "")
        if key in outcomes:
            verdict = verdict_label(outcomes[key].verdict, outcomes[key].changed_rows, outcomes[key].rows)
            words = f"{get_format(key).label}, saved and reloaded: {verdict}."
        stops.append({"bits": bits, "size": format_size(stored_bytes(net.kernel, bits)), "words": words})
    return stops
