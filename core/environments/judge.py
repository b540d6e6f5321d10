"""The verdict on a kit in an environment: what it predicts there, beside what it must predict."""

import time
from typing import NamedTuple

from pydantic import BaseModel, Field

from core.arrays import Arrays
from core.compare import Verdict, compare, to_jsonable
from core.environments import ENVIRONMENTS
from core.environments.base import Environment
from core.environments.build import BuiltEnvironment
from core.environments.kits import Kit
from core.environments.machines import AnsweringMachine, describe_answering_machine
from core.environments.own import own_environment
from core.environments.pool import WarmProcesses
from core.environments.replies import EngineError, EngineFacts, KitReply
from core.error_translation import translate, translate_engine_error
from core.errors import (
    Cancelled,
    DoesNotLoad,
    InputError,
    NotBuilt,
    NotConfined,
    PackageMissing,
    RoundtripError,
    StorageFailed,
    WorkerError,
    WorkerGone,
)
from core.evidence.records import describe_not_finite, verdict_of_error
from core.text.labels import pluralize
from core.worker.child_handle import CancelCheck, never_cancelled

# Errors by the stages of an engine in which it does not work with the copy.
KINDS_WITHOUT_COPY: dict[str, type[RoundtripError]] = {"import": NotBuilt, "write": StorageFailed}
ERRORS_WITHOUT_ENGINE = ("ModuleNotFoundError", "EngineNotHere")  # which say nothing of the copy
LOCK_CHANGED = "Asked under packages that have changed since (list {}); ask again."
UNLIKE_VERDICTS = (Verdict.SOME_CHANGED, Verdict.DIFFERENT, Verdict.NOT_COMPARABLE, Verdict.DOES_NOT_LOAD)


class ElsewhereOutcome(BaseModel):
    """One kit in one environment.

    `max_abs` is the largest difference from what the kit expects, `output` where it is; `seconds` are those of the
    stages there ("import", "load", "predict"), `total_seconds` those that we waited; `error` says why there are no
    predictions. `mismatched` counts the values that are not finite on one side and not the same on the other, which no
    difference tells of. `versions` are those of its packages, `lock` the SHA-256 of the lock that they were built of,
    `inputs_sha256` that of the file with the rows that it was asked; both empty in older records, and `machine`, which
    computed it, None. `is_kept` says whether its predictions lie beside its job; None where that is not known.
    """

    environment: str
    verdict: Verdict
    error: dict[str, str] | None = None
    max_abs: float | str | None = None
    output: str = ""
    mismatched: int = 0
    changed_rows: int | None = None
    rows: int | None = None
    seconds: dict[str, float] = Field(default_factory=dict)
    total_seconds: float = 0.0
    versions: dict[str, str] = Field(default_factory=dict)
    lock: str = ""
    inputs_sha256: str = ""
    device: str = ""
    machine: AnsweringMachine | None = None
    notes: list[str] = Field(default_factory=list)
    is_kept: bool | None = None

    @property
    def is_unlike(self) -> bool:
        """Whether the copy gave other answers there, or none."""
        return self.verdict in UNLIKE_VERDICTS

    @property
    def is_unverified(self) -> bool:
        """Whether nothing was found out about the copy there."""
        return self.verdict is Verdict.NOT_VERIFIED

    @property
    def has_difference(self) -> bool:
        """Whether `max_abs` tells all of how far its answers are off."""
        return not self.error and not self.mismatched and self.max_abs is not None

    @property
    def cause(self) -> str:
        """Why it has its verdict, in a sentence; empty where every bit is the same."""
        if self.error:
            return self.error["sentence"]
        if self.mismatched:
            return f"{pluralize(self.mismatched, 'value')} became NaN or infinite, or did before and no longer."
        if not self.max_abs:
            return ""
        return f"The largest difference is {float(self.max_abs):.2g}{f', in {self.output}' if self.output else ''}."

    @property
    def lock_note(self) -> str:
        """That it was asked under other packages than there are now, in a sentence; else empty."""
        return describe_lock_change(self.environment, self.lock)

    @property
    def summary(self) -> str:
        """The verdict, the cause where there is one, and whether its packages have changed since."""
        return " ".join(filter(None, (f"{self.verdict.label}.", self.cause, self.lock_note)))


def name_lock(lock: str) -> str:
    """Name packages by the digits of the hash of their lock, or of what is installed here; nothing for none."""
    return f"list {lock[:12]} (the start of the hash of their names and versions)" if lock else ""


def describe_lock(environment: str, lock: str) -> str:
    """Say in a sentence under which packages an environment was asked, and whether they have changed since."""
    return describe_lock_change(environment, lock) or (f"Its packages: {name_lock(lock)}." if lock else "")


def describe_lock_change(environment: str, lock: str) -> str:
    """Say that what was asked in an environment was asked under other packages; nothing where it was not, or of older
    records, which do not say under which."""
    key = environment.partition("@")[0]  # on whichever machine
    current = next((each.lock_sha256 for each in (own_environment(), *ENVIRONMENTS) if each.key == key), "")
    return LOCK_CHANGED.format(lock[:12]) if lock and current and lock != current else ""


class EnvironmentAnswer(NamedTuple):
    """What is said of a kit in an environment, and what it predicted there; nothing where it did not."""

    outcome: ElsewhereOutcome
    predictions: Arrays


def judge_kit(
    processes: WarmProcesses,
    environment: Environment,
    built: BuiltEnvironment,
    kit: Kit,
    is_cancelled: CancelCheck = never_cancelled,
) -> ElsewhereOutcome:
    """Ask a kit in an environment, and compare. What goes wrong is in the outcome. Raises Cancelled."""
    return ask_and_judge(processes, environment, built, kit, is_cancelled).outcome


def ask_and_judge(
    processes: WarmProcesses,
    environment: Environment,
    built: BuiltEnvironment,
    kit: Kit,
    is_cancelled: CancelCheck = never_cancelled,
) -> EnvironmentAnswer:
    """The same, with the predictions. Raises Cancelled."""
    started, predictions = time.perf_counter(), {}
    try:
        reply = processes.ask(environment, built, kit, is_cancelled)
        if reply.error:
            raise translate_refusal(reply.error)
        outcome, predictions = _compare(environment, kit, reply), reply.predictions
    except Cancelled:
        raise
    except RoundtripError as error:
        outcome = _failed(environment, error)
    except Exception as error:  # noqa: BLE001  a fault of ours, which says nothing of the copy
        outcome = _unverified(environment, translate(error, WorkerError))
    seconds, lock = time.perf_counter() - started, environment.lock_sha256
    machine = describe_answering_machine(environment.variables, kit.is_untrusted and environment.forks)
    facts = {"total_seconds": seconds, "lock": lock, "inputs_sha256": kit.inputs_sha256, "machine": machine}
    return EnvironmentAnswer(outcome.model_copy(update=facts), predictions)


def translate_refusal(error: EngineError) -> RoundtripError:
    """Return the error for what an engine raised: only what it raised over the copy is one that speaks of that."""
    if error.stage in KINDS_WITHOUT_COPY:
        return translate_engine_error(error.error, error.text, KINDS_WITHOUT_COPY[error.stage])
    kind = PackageMissing if error.error in ERRORS_WITHOUT_ENGINE else DoesNotLoad
    return translate_engine_error(error.error, error.text, kind)


def _failed(environment: Environment, error: RoundtripError) -> ElsewhereOutcome:
    verdict = decide_verdict_of_failure(error)
    return ElsewhereOutcome(environment=environment.key, verdict=verdict, error=error.to_json())


def decide_verdict_of_failure(error: RoundtripError) -> Verdict:
    """The verdict where an environment gave no predictions: what says nothing of the copy is none on it."""
    if isinstance(error, NotBuilt | NotConfined | StorageFailed | WorkerGone):
        return Verdict.NOT_VERIFIED
    return Verdict.NOT_COMPARABLE if isinstance(error, InputError) else verdict_of_error(error)


def _unverified(environment: Environment, error: RoundtripError) -> ElsewhereOutcome:
    return ElsewhereOutcome(environment=environment.key, verdict=Verdict.NOT_VERIFIED, error=error.to_json())


def _compare(environment: Environment, kit: Kit, reply: KitReply) -> ElsewhereOutcome:
    facts: EngineFacts = reply.facts or EngineFacts(versions={}, seconds={})
    comparison = compare(kit.expected or {}, reply.predictions, kit.classes)
    notes = [environment.remark, facts.note, describe_not_finite(comparison.not_finite)]
    return ElsewhereOutcome(
        environment=environment.key,
        verdict=comparison.verdict,
        max_abs=to_jsonable(comparison.max_abs),
        output=comparison.farthest_output,
        mismatched=sum(comparison.mismatches.values()),
        changed_rows=comparison.changed_rows,
        rows=comparison.rows,
        seconds=facts.seconds,
        versions=facts.versions,
        device=facts.device,
        notes=[note for note in dict.fromkeys(notes) if note],
    )
