"""What a kit asks, what it expects, and how far off an answer may be."""

import io
import zipfile
from typing import Any, NamedTuple

import numpy as np

from core.compare.verdicts import ATOL, RTOL, Verdict
from core.errors import InputError
from core.evidence import Outcome
from core.formats.contract import Arrays, plain
from core.formats.reference import BATCH, Reference

MOST = 16 * 2**20  # bytes of inputs, and of answers
PLACES = 4  # last places of a coarse dtype that two correct computations may differ by


class Asked(NamedTuple):
    """Inputs and expected answers under the names by which the copy has them, and (atol, rtol) for each answer."""

    inputs: Arrays
    expected: Arrays
    tolerance: dict[str, tuple[float, float]]
    renamed: dict[str, str]

    @property
    def rows(self) -> int:
        return len(next(iter(self.inputs.values())))


def asked(reference: Reference, outcome: Outcome | None) -> Asked:
    """The first rows of a reference as a copy takes and gives them.

    `outcome` is the reload that showed its names and how far off it is; None where the copy is completed by what the
    run kept, and is then as exact as the model itself.
    """
    few = reference.head(_rows(reference))
    inputs, outputs = _names(outcome)
    dtypes = {one["name"]: one["dtype"] for one in (outcome.inputs if outcome else [])}
    given = {inputs.get(name, name): array for name, array in few.inputs.items()}
    expected = {outputs.get(name, name): plain(array) for name, array in few.answers.items()}
    off = (outcome.max_abs or 0.0) if outcome else 0.0
    return Asked(
        {name: _cast(array, dtypes.get(name)) for name, array in given.items()},
        expected,
        {name: _tolerance(array, off) for name, array in expected.items()},
        {name: now for name, now in (inputs | outputs).items() if name != now},
    )


def _rows(reference: Reference) -> int:
    """As many as one batch, fewer where they are large: bit for bit the same is what is asked in the same batches."""
    sides = (reference.inputs.values(), reference.answers.values())
    largest = max(sum(array.nbytes for array in side) for side in sides) / reference.rows
    return int(max(1, min(BATCH, reference.rows, MOST // max(1, largest))))


def _names(outcome: Outcome | None) -> tuple[dict[str, str], dict[str, str]]:
    """How the copy calls inputs and outputs, by the names of the reference."""
    pairs = (outcome.input_pairs, outcome.pairs) if outcome else ([], [])
    inputs, outputs = ({one["reference"]: one["answer"] for one in side} for side in pairs)
    return inputs, outputs


def _cast(array: np.ndarray, dtype: str | None) -> np.ndarray:
    fitting = plain(array)
    return fitting if dtype in (None, "object", "bfloat16") or fitting.dtype.kind == "U" else fitting.astype(dtype)


def _tolerance(answers: np.ndarray, off: float) -> tuple[float, float]:
    """What the copy was off when it was tried, and what two correct computations may differ by on other machines."""
    eps = PLACES * float(np.finfo(answers.dtype).eps) if answers.dtype.kind == "f" else 0.0
    return off + max(ATOL, eps), max(RTOL, eps)


def require_provable(outcome: Outcome, label: str) -> None:
    """Raises InputError where a kit could prove nothing of a copy: it did not load, or its answers are no numbers."""
    if outcome.verdict is Verdict.NOT_RUN:
        raise InputError(
            "This file was brought in and kept, and nothing has run it yet, so a kit would prove nothing.",
            received=label,
            cure="Run it first, or download the files as they are.",
        )
    if not outcome.loads:
        why = (outcome.error or {}).get("sentence", "")
        raise InputError(
            "This copy did not come back when it was tried, so a kit would prove nothing.",
            received=f"{label}. {why}".strip().removesuffix("."),
            cure="Take a copy in another format, or download the files as they are.",
        )
    if outcome.max_abs is None or (outcome.not_finite and outcome.changed_rows):
        raise InputError(
            "What this copy answers cannot be held against the model's answers, so a kit would prove nothing.",
            received=outcome.warning or outcome.verdict.words,
            cure="Take a copy in another format, or download the files as they are.",
        )


def npz(arrays: dict[str, Any]) -> bytes:
    """Arrays as an .npz, the same bytes for the same arrays; any text may be a name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy")  # dated 1980, always
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, member.getvalue())
    return out.getvalue()
