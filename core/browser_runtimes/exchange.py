"""Arrays to a browser and back: which rows it is asked, and what it says it answered, of which nothing is sure."""

import base64
import math
from typing import Any, TypedDict

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.arrays import Arrays
from core.browser_runtimes.support import DTYPES
from core.errors import InputError
from core.runtimes.reference import Reference

ROWS = 64  # test examples that a browser is asked
MAX_BYTES = 4 * 2**20  # of those, and of what it answers


class EncodedArray(TypedDict):
    """An array: its dtype as NumPy names it, its shape, and its bytes, little-endian."""

    name: str
    dtype: str
    dims: list[int]
    base64: str


class EncodedOutput(BaseModel):
    """The same from a browser, whose answers may have further dtypes."""

    name: str = Field(max_length=1000)
    dtype: str
    dims: list[int] = Field(max_length=16)
    base64: str = Field(max_length=2 * MAX_BYTES)


class Costs(BaseModel):
    """What a browser measured: bytes of the file; milliseconds from the click until all was loaded, of the first answer
    after that, and of one answer then: the median and the 95th percentile of so many."""

    model_config = ConfigDict(allow_inf_nan=False)

    bytes: int = Field(ge=0)
    loaded: float = Field(ge=0)
    first: float = Field(ge=0)
    answers: int = Field(ge=1)
    p50: float = Field(ge=0)
    p95: float = Field(ge=0)


class BrowserReport(BaseModel):
    """What a browser says of a copy: on which processor ("wasm" or "webgpu") it answered what, and at which cost."""

    copy_id: str = Field(alias="copy")
    device: str
    outputs: list[EncodedOutput] = Field(max_length=100)
    costs: Costs


def first_rows(reference: Reference) -> Arrays:
    """Return the first rows of a run's reference, as many as a browser is asked."""
    row_bytes = sum(array.nbytes for array in reference.inputs.values()) // max(reference.rows, 1)
    return reference.head(max(1, min(ROWS, MAX_BYTES // max(row_bytes, 1)))).inputs


def encode_array(name: str, array: np.ndarray) -> EncodedArray:
    """Return an array of a dtype that browsers have, as JSON carries it. Raises InputError for any other."""
    if array.dtype.name not in DTYPES:
        cure = f"Give a model whose inputs are of one of these: {', '.join(DTYPES)}."
        raise InputError("A browser's runtime does not take this.", received=array.dtype.name, cure=cure)
    content = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    encoded = base64.b64encode(content).decode()
    return {"name": name, "dtype": array.dtype.name, "dims": list(array.shape), "base64": encoded}


def parse_report(document: Any) -> BrowserReport:
    """Return a browser's report. Raises InputError where it is none."""
    try:
        return BrowserReport.model_validate(document)
    except ValidationError as error:
        raise _no_report(str(error.errors()[0]["msg"])) from error


def decode_outputs(report: BrowserReport) -> Arrays:
    """Return what a browser answered, by the file's names. Raises InputError where an array is none."""
    return {output.name: _decode(output) for output in report.outputs}


def _decode(output: EncodedOutput) -> np.ndarray:
    if output.dtype not in DTYPES:
        raise _no_report(f"“{output.name}” of {output.dtype}")
    dtype = np.dtype(output.dtype).newbyteorder("<")
    try:
        content = base64.b64decode(output.base64, validate=True)
    except ValueError as error:  # of base 64, or of letters that are not ASCII
        raise _no_report(f"“{output.name}”, which is not in base 64") from error
    if any(size < 0 for size in output.dims) or len(content) != math.prod(output.dims) * dtype.itemsize:
        raise _no_report(f"“{output.name}” of {len(content):,} bytes for the shape {output.dims}")
    try:
        return np.frombuffer(content, dtype).reshape(output.dims).astype(output.dtype)
    except (ValueError, OverflowError) as error:  # no bytes, and a size that NumPy does not count to
        raise _no_report(f"“{output.name}” of the shape {output.dims}") from error


def _no_report(received: str) -> InputError:
    return InputError("What this browser answered cannot be read.", received=received, cure="Reload the page.")
