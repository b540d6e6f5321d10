"""What the process of an environment replies: validated, as it may have loaded an untrusted model."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from core.arrays import Arrays
from core.environments.kits import Kit
from core.errors import InputError
from core.worker.child_errors import invalid_reply_error

PREDICTIONS = "predictions.npz"
MAX_SURPLUS = 64  # outputs that nobody expects
STAGES = ("import", "load", "predict", "write")


class EngineError(BaseModel, extra="ignore"):
    """What an engine raised, and at which stage."""

    stage: str = Field(max_length=20)
    error: str = Field(max_length=200)
    text: str = Field(max_length=4000)


class EngineFacts(BaseModel, extra="ignore"):
    """Versions by package, seconds by stage, what computed, and what a reader should know."""

    versions: dict[str, str] = Field(max_length=20)
    seconds: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(max_length=10)
    device: str = Field("CPU", max_length=100)
    note: str = Field("", max_length=400)


class KitReply(NamedTuple):
    """Predictions and facts, or the error that the engine raised."""

    predictions: Arrays
    facts: EngineFacts | None
    error: EngineError | None = None


class _Reply(BaseModel):
    id: str


def parse_reply(line: bytes, request_id: str, out: Path, kit: Kit) -> KitReply:
    """Return what a process replied to a request. Raises WorkerError where it makes no sense, InputError for
    predictions that are not those of the kit."""
    try:
        if _Reply.model_validate_json(line).id != request_id:
            raise invalid_reply_error(received="an answer to something else")
        if b'"error"' in line and (error := _parse_error(line)):
            return KitReply({}, None, error)
        facts = EngineFacts.model_validate_json(line)
    except (ValidationError, ValueError) as error:
        raise invalid_reply_error(detail=str(error)[:400]) from error
    return KitReply(read_predictions(out / PREDICTIONS, kit.expected), facts)


def _parse_error(line: bytes) -> EngineError | None:
    try:
        error = EngineError.model_validate_json(line)
    except ValidationError:
        return None
    return error if error.stage in STAGES else None


def read_predictions(path: Path, expected: Mapping[str, np.ndarray]) -> Arrays:
    """Read the predictions of a kit, of which no more is read than was expected.

    Raises InputError where an output is missing, or has another shape or kind of value.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
            if missing := [name for name in expected if name not in names]:
                raise _unlike_error("It does not give all outputs of this model.", f"without {', '.join(missing[:5])}")
            if len(names) > len(expected) + MAX_SURPLUS:
                raise _unlike_error("It gives too many outputs.", f"{len(names):,}")
            return {name: _read_array(archive, name, array) for name, array in expected.items()}
    except (OSError, zipfile.BadZipFile, ValueError, EOFError, KeyError) as error:
        raise _unlike_error("It gave no predictions that can be read.", None) from error


def _read_array(archive: zipfile.ZipFile, name: str, expected: np.ndarray) -> np.ndarray:
    with archive.open(f"{name}.npy") as member:
        np.lib.format.read_magic(member)
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
    if shape != expected.shape:
        raise _unlike_error("It gives predictions of another shape.", f"{name} {shape} instead of {expected.shape}")
    if dtype.kind != expected.dtype.kind and not {dtype.kind, expected.dtype.kind} <= set("SU"):
        raise _unlike_error("It gives another kind of value.", f"{name} as {dtype} instead of {expected.dtype}")
    if dtype.itemsize > max(16, 4 * expected.dtype.itemsize):
        raise _unlike_error("It gives another kind of value.", f"{name} as {dtype} instead of {expected.dtype}")
    with archive.open(f"{name}.npy") as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def _unlike_error(sentence: str, received: Any) -> InputError:
    return InputError(sentence, received=received, cure="Take another format for this engine, or another engine.")
