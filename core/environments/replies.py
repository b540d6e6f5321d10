"""What the process of an environment replies: validated, as it may have loaded an untrusted model."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from core.arrays import Arrays
from core.environments.kits import Kit
from core.errors import InputError
from core.validation.archives import UntrustedFolder
from core.worker.child_errors import invalid_reply_error, not_confined_error

PREDICTIONS = "predictions.npz"
MAX_SURPLUS = 64  # outputs that nobody expects
STAGES = ("import", "load", "predict", "write")
CONVERTED = "converted"  # the folder of what was converted
MAX_OUTPUTS, MAX_AXES = 256, 16  # of a model of which nothing is known
MAX_OPEN_BYTES = 64 * 2**20  # of predictions that nobody expects


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


class InputReply(BaseModel, extra="ignore"):
    """What a model says of one of its inputs (see `core.runtimes.specs.InputSpec`)."""

    name: str = Field(max_length=400)
    dtype: str = Field(max_length=20)
    shape: list[Annotated[int, Field(ge=0, le=10**8)] | None] | None = Field(max_length=MAX_AXES)


class DescribedInputs(BaseModel, extra="ignore"):
    """What a model takes; empty where it does not say so."""

    inputs: list[InputReply] = Field(max_length=64)


class ForkedProcessEnded(Exception):
    """The process that was forked for a kit ended, with this exit status, before it answered."""

    def __init__(self, status: int):
        self.status = status
        super().__init__(status)


class KitReply(NamedTuple):
    """Predictions and facts, or the error that the engine raised; `inputs` where these were asked."""

    predictions: Arrays
    facts: EngineFacts | None
    error: EngineError | None = None
    inputs: tuple[InputReply, ...] = ()


class _Reply(BaseModel):
    """`ended` is the exit status of a forked process that ended without an answer, `unconfined` why it could not."""

    id: str
    ended: int | None = None
    unconfined: str = ""


def parse_reply(line: bytes, request_id: str, out: Path, kit: Kit, max_bytes: int) -> KitReply:
    """Return what a process replied to a request; at most `max_bytes` are copied of what it converted.

    Raises WorkerError where it makes no sense, ForkedProcessEnded, NotConfined where such a process could not confine
    itself, InputError for predictions that are not those of the kit, and Refused for converted files.
    """
    try:
        reply = _Reply.model_validate_json(line)
        if reply.id != request_id:
            raise invalid_reply_error(received="an answer to something else")
        if reply.unconfined:
            raise not_confined_error(reply.unconfined)
        if reply.ended is not None:
            raise ForkedProcessEnded(reply.ended)
        if b'"error"' in line and (error := _parse_error(line)):
            return KitReply({}, None, error)
        facts = EngineFacts.model_validate_json(line)
        described = DescribedInputs.model_validate_json(line) if kit.asks == "describe" else None
    except (ValidationError, ValueError) as error:
        raise invalid_reply_error(detail=str(error)[:400]) from error
    if described:
        return KitReply({}, facts, inputs=tuple(described.inputs))
    if kit.converted_to:
        copy_converted(out / CONVERTED, kit.converted_to, max_bytes)
        return KitReply({}, facts)
    if kit.expected is None:
        return KitReply(read_unexpected_predictions(out / PREDICTIONS), facts)
    return KitReply(read_predictions(out / PREDICTIONS, kit.expected), facts)


def copy_converted(source: Path, target: Path, max_bytes: int) -> None:
    """Copy what was converted, plain files under plain names. Raises Refused."""
    if not source.is_dir() or source.is_symlink():
        raise invalid_reply_error(received="nothing that was converted")
    folder = UntrustedFolder(source, max_bytes)
    for name in folder.sizes:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        folder.copy(name, target / name)


def read_unexpected_predictions(path: Path) -> Arrays:
    """Read predictions of which nothing is known, at most `MAX_OPEN_BYTES`. Raises InputError."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if not 0 < len(members) <= MAX_OUTPUTS:
                raise _unlike_error("It gives no outputs, or too many.", f"{len(members):,}")
            if (size := sum(member.file_size for member in members)) > MAX_OPEN_BYTES:
                raise _unlike_error("Its answers are larger than what is read of a file.", f"{size:,} bytes")
            return {member.filename.removesuffix(".npy"): _read_open_array(archive, member) for member in members}
    except (OSError, zipfile.BadZipFile, ValueError, EOFError, KeyError) as error:
        raise _unlike_error("It gave no predictions that can be read.", None) from error


def _read_open_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as stream:
        content = stream.read(member.file_size)
    array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    if array.dtype.kind not in "biufcU":
        raise _unlike_error("It gives another kind of value.", f"{member.filename} as {array.dtype}")
    return array


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
