"""What survived: each copy is reloaded in fresh processes, and what came back is held against the run."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from core.arrays import Arrays
from core.compare import Verdict, compare
from core.demos import get_demo
from core.errors import ChildDied, FormatError, InputError, TimedOut, WorkerError
from core.record import Record, Trust
from core.runtimes.base import ModelCode
from core.runtimes.reference import Reference
from core.worker import Worker
from core.worker.child_handle import INVALID_REPLY
from core.worker.model_loading import ModelSource, demo_of_source, source_without_code
from core.worker.tasks.save_reload import reload_and_predict

KILL_SIGNAL = "SIGKILL"  # how `core.sandbox.limits.describe_exit` says that a process was ended from outside


class TensorMatchCount(BaseModel):
    """How many of the run's tensors came back with equal bits, and the names of those that did not."""

    found: int
    of: int
    missing: list[str] = Field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        return self.found == self.of


class ReloadOutcome(BaseModel):
    """One reload in one fresh process; `not_finite` counts the numbers in its answers that are NaN or infinite."""

    verdict: Verdict
    error: dict[str, str] | None = None
    load_seconds: float | None = None
    first_seconds: float | None = None
    max_abs: float | None = None
    mean_abs: float | None = None
    changed_rows: int | None = None
    rows: int | None = None
    not_finite: int = 0
    pairs: list[dict[str, str]] = Field(default_factory=list)
    weights: TensorMatchCount | None = None
    optimizer: TensorMatchCount | None = None
    moved_by_answering: int = 0
    inputs: list[dict[str, Any]] = Field(default_factory=list)
    input_pairs: list[dict[str, str]] = Field(default_factory=list)
    probes: dict[str, Any] = Field(default_factory=dict)

    @property
    def warning(self) -> str:
        """That its answers are no numbers, in a sentence; empty when all are."""
        return f"{self.not_finite:,} numbers in its answers are NaN or infinite." if self.not_finite else ""

    @property
    def has_loaded(self) -> bool:
        return self.verdict not in (Verdict.DOES_NOT_LOAD, Verdict.NOT_RUN)


class Evidence(Record):
    """What reloads in fresh processes showed: without the original code, and with it where there is any; and whether
    the copy is ours or was brought in, which says in what processes it was tried."""

    trust: Trust = "ours"
    without_code: ReloadOutcome
    with_code: ReloadOutcome | None = None

    @property
    def best(self) -> ReloadOutcome:
        """The reload that came back best; without the code where both are equal."""
        outcomes = [self.without_code] + ([self.with_code] if self.with_code else [])
        return min(outcomes, key=lambda outcome: outcome.verdict.rank)

    @property
    def needs_code(self) -> bool:
        return not self.without_code.has_loaded and self.best.has_loaded


class OriginalFingerprint(BaseModel):
    """What a copy is held against: the run's variables by hash, and whether its answers are classes."""

    weights: list[dict[str, Any]]
    optimizer: list[dict[str, Any]]
    classes: bool | None = None


class ReloadResult(BaseModel):
    """An outcome, and the answers behind it (none where it does not load)."""

    outcome: ReloadOutcome
    predictions: Arrays | None = None

    model_config = {"arbitrary_types_allowed": True}


def reload_in_child(
    worker: Worker,
    format_key: str,
    folder: Path,
    source: ModelSource | None,
    original: OriginalFingerprint,
    reference: Reference,
    *,
    rows: int | None = None,
    probe_as: dict[str, Any] | None = None,
    seconds: float,
    cancelled: Callable[[], bool] = lambda: False,
    confined: bool = False,
) -> ReloadResult:
    """Load a copy in a fresh child, a `confined` one for a stranger's copy, have it answer the first `rows` reference
    rows, and judge what came back.

    `source` is the code that the child is given (see `core.worker.model_loading.model_code_for`); with `probe_as`,
    which is `{"demo": key}`, everything in `core.worker.tasks.probes` is tried too. A copy that does not load, or
    brings its child down, is an outcome and not an error. Raises Cancelled, and WorkerError when no child can be had.
    """
    request = {"format": format_key, "folder": folder, "source": source, "probe_as": probe_as}
    limits = {"seconds": seconds, "cancelled": cancelled, "confined": confined}
    rows = min(rows or reference.rows, reference.rows)
    found = _reload_once(worker, request | limits, original, reference, rows)
    if _was_killed(found.outcome):
        found = _reload_once(worker, request | limits, original, reference, rows)
    if not _is_input_order_guessed(found.outcome) or found.outcome.verdict.rank <= Verdict.ROUNDING.rank:
        return found
    # Frameworks that rename inputs keep them in the order given or sort them by name: the answers decide which it was.
    again = _reload_once(worker, request | limits, original, reference.with_sorted_inputs(), rows)
    return min(found, again, key=lambda one: one.outcome.verdict.rank)


def _was_killed(outcome: ReloadOutcome) -> bool:
    """Whether the system or a person has ended the process, which once says nothing of the copy."""
    error = outcome.error or {}
    return error.get("code") == ChildDied.code and KILL_SIGNAL in error.get("sentence", "")


def _is_input_order_guessed(outcome: ReloadOutcome) -> bool:
    """Whether renamed inputs were paired by their order alone, or could not be paired in the order given."""
    renamed = (outcome.error or {}).get("sentence", "").startswith("The inputs were renamed")
    return renamed or any(pair["by"] == "order" for pair in outcome.input_pairs)


def _reload_once(
    worker: Worker, request: dict[str, Any], original: OriginalFingerprint, reference: Reference, rows: int
) -> ReloadResult:
    asked = _arrays_by_role(reference.head_in_whole_batches(rows), with_targets=bool(request["probe_as"]))
    try:
        facts, answers = worker.run("reload", arrays=asked, reply_mib=worker.config.reply_mib, **request)
        answers = {name: array[:rows] for name, array in answers.items()}
        return ReloadResult(
            outcome=_compare_with_original(facts, answers, original, reference.head(rows)), predictions=answers
        )
    except (FormatError, InputError, ChildDied, TimedOut) as error:
        # What a copy does to its child says something of the copy; that a child could not be had does not.
        return ReloadResult(outcome=ReloadOutcome(verdict=Verdict.DOES_NOT_LOAD, error=error.to_json()))
    except (LookupError, TypeError, ValueError) as error:
        if not request["confined"]:
            raise
        raise WorkerError(
            INVALID_REPLY, detail=type(error).__name__
        ) from error  # a stranger's word, which fits no record


def reload_in_process(
    format_key: str, folder: Path, code: ModelCode, original: OriginalFingerprint, reference: Reference
) -> ReloadOutcome:
    """Load a copy in this process, which has the model's code, have it answer all reference rows, and judge that.

    For a person's own classes, which no fresh process can be given.
    """
    asked = _arrays_by_role(reference, with_targets=False)
    try:
        facts, answers = reload_and_predict(asked, format_key, folder, lambda: code, {"demo": None})
        return _compare_with_original(facts, answers, original, reference)
    except (FormatError, InputError) as error:
        return ReloadOutcome(verdict=Verdict.DOES_NOT_LOAD, error=error.to_json())


def _compare_with_original(
    facts: dict[str, Any], predictions: Arrays, original: OriginalFingerprint, reference: Reference
) -> ReloadOutcome:
    found = compare(reference.predictions, predictions, original.classes, with_metrics=False).to_json()
    # The numbers on each output are for those who look closer: a record stays small.
    del found["outputs"]
    return ReloadOutcome(
        **found,
        load_seconds=facts["load_seconds"],
        first_seconds=facts["first_seconds"],
        weights=match_by_hash(original.weights, facts["weights"]),
        optimizer=match_by_hash(original.optimizer, facts["optimizer"]),
        moved_by_answering=facts["moved_by_answering"],
        inputs=facts["inputs"],
        input_pairs=facts["input_pairs"],
        probes=facts.get("probes", {}),
    )


def _arrays_by_role(reference: Reference, with_targets: bool) -> Arrays:
    asked = {f"input:{name}": array for name, array in reference.inputs.items()}
    if with_targets:
        asked |= {f"target:{name}": array for name, array in reference.targets.items()}
    return asked


def match_by_hash(original: list[dict[str, Any]], reloaded: list[dict[str, Any]] | None) -> TensorMatchCount | None:
    """Count the original's tensors whose dtype, shape and bits came back, each found tensor used once.

    Names are not asked for, because formats rename variables. None where there was nothing to keep, or where the format
    hides its variables.
    """
    if not original or reloaded is None:
        return None
    available = Counter(_tensor_key(tensor) for tensor in reloaded)
    missing = []
    for tensor in original:
        if available[_tensor_key(tensor)]:
            available[_tensor_key(tensor)] -= 1
        else:
            missing.append(tensor["name"])
    return TensorMatchCount(found=len(original) - len(missing), of=len(original), missing=missing)


def _tensor_key(tensor: dict[str, Any]) -> tuple[Any, ...]:
    return tensor["dtype"], tuple(tensor["shape"]), tensor["sha256"]


def gather_evidence(
    worker: Worker,
    format_key: str,
    folder: Path,
    source: ModelSource,
    original: OriginalFingerprint,
    reference: Reference,
    **limits: Any,
) -> Evidence:
    """Reload a copy in a fresh child without the original code, and in another with the code, where that can matter.

    It matters where the copy did not load without, or where the demo has classes of its own. Everything is tried on
    the first of the two that loads.
    """
    probes, demo = {"probe_as": {"demo": source.get("demo")}}, demo_of_source(source)
    without = reload_in_child(
        worker, format_key, folder, source_without_code(source), original, reference, **probes, **limits
    ).outcome
    if demo is None or (without.has_loaded and not get_demo(demo).has_classes):
        return Evidence(without_code=without)
    probes = {} if without.has_loaded else probes
    with_code = reload_in_child(worker, format_key, folder, source, original, reference, **probes, **limits).outcome
    return Evidence(without_code=without, with_code=with_code)
