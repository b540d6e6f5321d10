"""Places where a participant of a comparison predicts, other than the packages of Roundtrip itself.

A participant is the id of an entry, which predicts here, or `ID@PLACE` for a copy at a place. A kind of places is one
class with the names of `Place`, and one line in `core.jobs.places.known_places`.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, Field

from core.arrays import Arrays
from core.context import AppContext
from core.environments.base import Environment
from core.environments.judge import describe_lock
from core.environments.machines import AnsweringMachine
from core.errors import InputError
from core.library import Run
from core.library.ids import PLACE_SEPARATOR
from core.runtimes.base import BATCH_SIZE
from core.settings import Settings
from core.worker.child_handle import CancelCheck


def entry_of(participant: str) -> str:
    """Return the id of the run or the artifact that a participant is."""
    return participant.partition(PLACE_SEPARATOR)[0]


def place_of(participant: str) -> str:
    """Return the key of the place where a participant predicts; empty for here."""
    return participant.partition(PLACE_SEPARATOR)[2]


def at_place(artifact_id: str, place: str) -> str:
    """Return the participant that a copy is at a place."""
    return f"{artifact_id}{PLACE_SEPARATOR}{place}"


class PlaceFacts(BaseModel):
    """Where a participant predicted, as results record it.

    `lock` is the SHA-256 of the lock of its packages, empty where there is none; `versions` are those that it said,
    `machine` what computed it, None in older records and where it did not come to that.
    """

    key: str
    label: str
    lock: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    device: str = ""
    machine: AnsweringMachine | None = None
    notes: list[str] = Field(default_factory=list)

    @property
    def words(self) -> str:
        """The place and its versions, its packages and its machine, in sentences, of a participant that predicted."""
        return self._describe("Answered")

    @property
    def words_without_answer(self) -> str:
        """The same of a participant that did not predict there."""
        return self._describe("It was to answer")

    def _describe(self, verb: str) -> str:
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items() if number)
        lock = describe_lock(self.key, self.lock)
        machine = f"Its machine: {self.machine.words}." if self.machine else ""
        place = f"{verb} in {self.label}{f' ({versions})' if versions else ''}."
        return " ".join(filter(None, (place, lock, machine)))


@dataclass
class PlacedLoad:
    """What is known of a copy at a place once it has predicted there: seconds of its load, whether its process had
    loaded others before, and where."""

    place: PlaceFacts
    load_seconds: float | None = None
    loaded_warm: bool = False


@dataclass(frozen=True)
class EnvironmentNames:
    """The names of a place that is an environment, wherever that is. See `Place`."""

    environment: Environment

    @property
    def key(self) -> str:
        return self.environment.key

    @property
    def label(self) -> str:
        return self.environment.label


class PlacedCopy(Protocol):
    """A copy that is ready to predict at a place; `load` is filled by the first predictions."""

    load: PlacedLoad

    def predict_chunks(self, inputs: Iterable[Arrays], batch: int, is_cancelled: CancelCheck) -> Generator[Arrays]:
        """Yield the predictions of each chunk of rows, in order, `batch` rows computed together.

        Inputs are by the names of the copy's run; outputs by those of the place. Raises whatever says why it does not.
        """


class Place(Protocol):
    """Where copies can predict."""

    @property
    def key(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def environment(self) -> Environment: ...

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments that must be built for it."""

    def identify(self, context: AppContext) -> str:
        """Another word where its answers may be others. Raises InputError for a place that is not there now."""

    def takes(self, format_key: str) -> bool: ...

    def size_to_build(self, config: Settings) -> int:
        """Bytes on the disk that are built before it is first asked; 0 where nothing is."""

    def open(
        self, context: AppContext, artifact_id: str, report: Callable[[float, str], None], is_cancelled: CancelCheck
    ) -> AbstractContextManager[PlacedCopy]:
        """A copy, ready at this place. Raises whatever says why it is not."""


def require_placeable(run: Run) -> None:
    """Raise InputError for a model of which other places do not know how its rows are asked."""
    if run.brought.get("row_is_call") or run.is_asked_as_sequence:
        raise InputError(
            "The rows of this model are calls that follow each other, which are asked here only.",
            received=run.name,
            cure="Leave the place out; the Elsewhere page asks its first call there.",
        )


def rows_at_once(run: Run, call_rows: int | None) -> int:
    """Return how many rows of a copy are computed together at a place."""
    return 1 if run.brought.get("one_row") else call_rows or BATCH_SIZE
