"""Step 5: the first layer with fewer bits, computed in the browser, beside what the saved quantised copies answered."""

from base64 import b64encode
from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st

from core.compatibility.losses import find_losses, label_with_losses
from core.errors import InputError
from core.figures.images import row_image_url
from core.library import Run
from core.size_breakdown.tensor_search import load_run_tensors
from core.tensors.rounding import round_to_bits, stored_bytes
from core.text.numbers import format_size
from core.text.verdicts import verdict_label
from ui.browser_component import BUTTON, PICTURE, load_component
from ui.compare.canvas import inputs_from_pixels
from ui.compare.live_panel import open_live_session
from ui.session import current_jobs, load_reference
from ui.tour.copies import load_outcomes
from ui.tour.mirror_bars import probabilities
from ui.tour.story import QUANTIZED, Tour

_FEWER_BITS = load_component(Path(__file__).parent, "fewer_bits", BUTTON, PICTURE)
BITS = (32, 16, 8, 4, 3, 2)
FLIPPING_BITS = (4, 3, 2)  # in the order in which a flip is looked for


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
        "digit": row_image_url(inputs[row], tour.run.image_shape or (8, 8), 48),
        "pixels": [float(value) for value in inputs[row].reshape(-1)],
        "rows": rows,
        "columns": columns,
        "classes": len(net.last_bias),
        "labels": tour.run.labels,
        "stops": _make_stops(net, _describe_copies(tour, inputs[row])),
    }
    _FEWER_BITS(key="fewer-bits", data=data)
    st.caption(
        "The picture, the size and the bars are computed in this page, for the first layer alone and for one of the "
        "test examples. What stands at 8 and 4 bits is what the saved copies answered."
    )


def load_net(run: Run) -> DenseNet:
    """Load the weights of a run of two Dense layers. Raises Damaged, and InputError for any other model."""
    tensors = load_run_tensors(current_jobs().library.snapshot(run.id), run)
    weights = [np.asarray(tensor.values, "float32") for tensor in tensors if tensor.group == "weights"]
    if [values.ndim for values in weights] != [2, 1, 2, 1]:
        raise InputError("This model is not two Dense layers.", received=run.name, cure="Start the tour again.")
    return DenseNet(*weights)


def choose_row(net: DenseNet, inputs: np.ndarray) -> int:
    """Return the row whose answer 4 bits flip (else 3, else 2) and 8 do not, the surest before; else the least sure."""
    inputs = inputs.reshape(len(inputs), -1)
    answers = {bits: net.logits(inputs, bits).argmax(axis=1) for bits in (32, 8, *FLIPPING_BITS)}
    ordered = np.sort(net.logits(inputs), axis=1)
    margins = ordered[:, -1] - ordered[:, -2]
    for bits in FLIPPING_BITS:
        flips = (answers[bits] != answers[32]) & (answers[8] == answers[32])
        if flips.any():
            return int(np.where(flips, margins, -1).argmax())
    return int(margins.argmin())


def _make_stops(net: DenseNet, words: dict[int, str]) -> list[dict[str, object]]:
    """The places of the slider: bits, size of the first kernel, and what the saved copy of so many bits answered."""
    sizes = {bits: format_size(stored_bytes(net.kernel, bits)) for bits in BITS}
    return [{"bits": bits, "size": size, "words": words.get(bits, "")} for bits, size in sizes.items()]


def _describe_copies(tour: Tour, pixels: np.ndarray) -> dict[int, str]:
    """By bits, what the saved copy answers to this digit, and its verdict on all held-out digits, in a sentence."""
    run, outcomes = tour.run, load_outcomes(tour)
    ids = {bits: tour.copies[key] for bits, key in QUANTIZED.items() if key in outcomes}
    if not run or not ids:
        return {}
    session = open_live_session(tuple(ids.values()), ())
    if not session.is_loaded:
        with st.spinner("Opening the saved copies …"):
            session.load()
    predictions = session.predict(inputs_from_pixels(run, pixels))
    words = {}
    for bits, id_ in ids.items():
        outcome, values = outcomes[QUANTIZED[bits]], probabilities(predictions[id_])
        answer = f"sees a {run.labels[int(np.argmax(values))]}" if values else "gives no answer"
        verdict = label_with_losses(
            verdict_label(outcome.verdict, outcome.changed_rows, outcome.rows),
            find_losses(current_jobs().library, id_),
        )
        words[bits] = f"The saved copy {answer}. All test examples: {verdict}."
    return words
