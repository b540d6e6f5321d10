"""The rows and tolerances by which a kit is proven."""

from typing import NamedTuple

import numpy as np

from core.arrays import Arrays, to_plain_array
from core.compare.verdict import ATOL, RTOL
from core.evidence.records import ReloadOutcome
from core.runtimes.reference import BATCH_SIZE, Reference

MAX_ARRAY_BYTES = 16 * 2**20  # bytes of inputs, and of answers

MAX_ULPS = 4  # last places of a coarse dtype that two correct computations may differ by


class ProofData(NamedTuple):
    """Inputs and expected outputs under the names that the copy gives them, and (atol, rtol) for each output."""

    inputs: Arrays
    expected: Arrays
    tolerance: dict[str, tuple[float, float]]
    renamed_tensors: dict[str, str]

    @property
    def rows(self) -> int:
        return len(next(iter(self.inputs.values())))


def select_proof_data(reference: Reference, outcome: ReloadOutcome | None) -> ProofData:
    """Return the first rows of a reference under the names and in the dtypes of a copy.

    `outcome` is the reload that showed these and the copy's largest difference; None where the kit completes the copy
    from what the run stored, which makes it as exact as the model itself.
    """
    head = reference.head(_choose_row_count(reference))
    inputs, outputs = _names_in_artifact(outcome)
    dtypes = {spec["name"]: spec["dtype"] for spec in (outcome.inputs if outcome else [])}
    renamed = {inputs.get(name, name): array for name, array in head.inputs.items()}
    expected = {outputs.get(name, name): to_plain_array(array) for name, array in head.predictions.items()}
    max_abs = (outcome.max_abs or 0.0) if outcome else 0.0
    return ProofData(
        {name: _cast_input(array, dtypes.get(name)) for name, array in renamed.items()},
        expected,
        {name: _choose_tolerance(array, max_abs) for name, array in expected.items()},
        {name: now for name, now in (inputs | outputs).items() if name != now},
    )


def _choose_row_count(reference: Reference) -> int:
    """Return the number of rows of one batch, fewer where they are large: equal bits need equal batches."""
    sides = (reference.inputs.values(), reference.predictions.values())
    largest = max(sum(array.nbytes for array in side) for side in sides) / reference.rows
    return int(max(1, min(BATCH_SIZE, reference.rows, MAX_ARRAY_BYTES // max(1, largest))))


def _names_in_artifact(outcome: ReloadOutcome | None) -> tuple[dict[str, str], dict[str, str]]:
    """Return the copy's names of inputs and of outputs, by the names of the reference."""
    pairs = (outcome.input_pairs, outcome.pairs) if outcome else ([], [])
    inputs, outputs = ({pair["reference"]: pair["answer"] for pair in side} for side in pairs)
    return inputs, outputs


def _cast_input(array: np.ndarray, dtype: str | None) -> np.ndarray:
    plain = to_plain_array(array)
    return plain if dtype in (None, "object", "bfloat16") or plain.dtype.kind == "U" else plain.astype(dtype)


def _choose_tolerance(expected: np.ndarray, max_abs: float) -> tuple[float, float]:
    """Return (atol, rtol): the copy's largest difference when saved, plus that of correct computations elsewhere."""
    eps = MAX_ULPS * float(np.finfo(expected.dtype).eps) if expected.dtype.kind == "f" else 0.0
    return max_abs + max(ATOL, eps), max(RTOL, eps)
