"""What the process of an environment replies: validated, as it may have loaded an untrusted model."""

from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from core.arrays import Arrays
from core.environments.kits import Kit
from core.environments.predictions import MAX_AXES, PREDICTIONS, read_predictions, read_unexpected_predictions
from core.validation.archives import UntrustedFolder
from core.worker.child_errors import invalid_reply_error, not_confined_error

# Of a package, and of its release or of none: without line breaks, which lists of requirements would read as lines.
NAME, VERSION = r"^@?[0-9A-Za-z][0-9A-Za-z._/-]{0,99}$", r"^[0-9A-Za-z.+!_-]{0,60}$"
STAGES = ("import", "load", "predict", "write")
CONVERTED = "converted"  # the folder of what was converted
PASSED_ON, OWN_WORD = b"=", b"!"  # what lines of a process that forks begin with (see `scripts/run_kit.py`)


PackageName = Annotated[str, Field(pattern=NAME)]
Version = Annotated[str, Field(pattern=VERSION)]


class EngineError(BaseModel, extra="ignore"):
    """What an engine raised, and at which stage."""

    stage: str = Field(max_length=20)
    error: str = Field(max_length=200)
    text: str = Field(max_length=4000)


class EngineFacts(BaseModel, extra="ignore"):
    """Versions by package, seconds by stage, what computed, and what a reader should know.

    `loads` counts the kits that the process had loaded when it answered, this one included.
    """

    versions: dict[PackageName, Version] = Field(max_length=20)
    seconds: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(max_length=10)
    device: str = Field("CPU", max_length=100)
    note: str = Field("", max_length=400)
    loads: int = Field(1, ge=0)


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
    id: str


class _ForkedFate(BaseModel):
    """`ended` is the exit status of a forked process that gave no answer, `unconfined` why it could not be confined."""

    id: str
    ended: int | None = None
    unconfined: str = ""


def unwrap_forked_reply(line: bytes, request_id: str) -> bytes:
    """Return the line of a forked process from that of the process which forks.

    Only the latter, which loads nothing untrusted, is believed what became of the former. Raises ForkedProcessEnded,
    NotConfined where the forked process could not confine itself, and WorkerError where the line makes no sense.
    """
    if line.startswith(PASSED_ON):
        return line.removeprefix(PASSED_ON)
    try:
        fate = _ForkedFate.model_validate_json(line.removeprefix(OWN_WORD))
    except ValidationError as error:
        raise invalid_reply_error(detail=str(error)[:400]) from error
    if fate.id == request_id and fate.unconfined:
        raise not_confined_error(fate.unconfined)
    if fate.id == request_id and fate.ended is not None:
        raise ForkedProcessEnded(fate.ended)
    raise invalid_reply_error(received="an answer to something else")


def parse_reply(line: bytes, request_id: str, out: Path, kit: Kit, max_bytes: int) -> KitReply:
    """Return what a process replied to a request; at most `max_bytes` are copied of what it converted.

    Raises WorkerError where it makes no sense, InputError for predictions that are not those of the kit, and Refused
    for converted files.
    """
    try:
        reply = _Reply.model_validate_json(line)
        if reply.id != request_id:
            raise invalid_reply_error(received="an answer to something else")
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


def _parse_error(line: bytes) -> EngineError | None:
    try:
        error = EngineError.model_validate_json(line)
    except ValidationError:
        return None
    return error if error.stage in STAGES else None
