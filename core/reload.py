"""Reload each copy in fresh processes, and compare what came back with the run."""

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from core.arrays import Arrays
from core.compare import Verdict
from core.demos import get_demo
from core.errors import ChildDied, FormatError, InputError, NeedsArchitecture, TimedOut, TooLarge
from core.evidence.fingerprint_matching import OriginalFingerprint
from core.evidence.outcomes import add_findings, compare_with_original, failed_outcome
from core.evidence.records import Evidence, ReloadOutcome
from core.formats import get_format, is_own_format
from core.runtimes.base import BATCH_SIZE, ModelCode, ModelSource
from core.runtimes.reference import Reference
from core.runtimes.traits import collect_traits
from core.sandbox.limits import Allowance
from core.settings import GB, MB
from core.worker import Child, Worker
from core.worker.child_errors import invalid_reply_error
from core.worker.child_handle import CancelCheck, never_cancelled
from core.worker.child_pool import PreparedChild, PreparedCopy
from core.worker.model_loading import demo_of_source, source_without_code
from core.worker.remote_predictor import SHARE, RowBudget, RowCap
from core.worker.tasks.probes import probe_predictor, validate_probes
from core.worker.tasks.save_reload import load_copy, reload_and_predict

KILL_SIGNAL = "SIGKILL"  # how `core.worker.child_errors.describe_exit` says that a process was ended from outside
# A person's own model has no demo whose code could be given.
OWN_MODEL_CURE = "Give an architecture: save the run as an architecture too, or load it with the code that built it."
COPY_ERRORS = (FormatError, InputError, ChildDied, TimedOut, TooLarge)  # which a copy may bring about
MIN_ROW_SECONDS = 1e-6  # below which a row costs nothing
PROBE_ERRORS = (ChildDied, TimedOut, TooLarge)  # which leave the predictions as they were


class ReloadResult(BaseModel):
    """An outcome, and the predictions behind it (None where it does not load)."""

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
    cancelled: CancelCheck = never_cancelled,
    sandboxed: bool = False,
    prepared: PreparedChild | None = None,
    unused: list[Child] | None = None,
) -> ReloadResult:
    """Reload a copy in a fresh child and compare its predictions with the reference.

    Args:
        source: The code that the child is given (see `core.worker.live_models.complete_model_code`).
        rows: How many reference rows it predicts at most, from the first on; all of them by default.
        probe_as: `{"demo": key}`, to try everything in `core.worker.tasks.probes` too.
        seconds: Wall clock of one request.
        sandboxed: In a sandboxed child, for an untrusted copy.
        prepared: A child that has loaded this copy for it with that code, and done nothing else.
        unused: Children that have loaded nothing: one of them is taken, where there is any. One that is not sandboxed
            and could not begin, as a copy in a format of ours needs an architecture, is put there and not closed.

    Rows for which there is not the time or the memory are left out, and the outcome says so. A copy that does not load,
    or brings its child down, is an outcome and not an error; so is one that no limit is large enough for, which is "not
    verified". Raises Cancelled, and WorkerError when there is no child.
    """
    request = {"format": format_key, "folder": folder, "source": source}
    rows = min(rows or reference.rows, reference.rows)
    reload = _Reload(worker, request, original, rows, probe_as, seconds, cancelled, sandboxed, unused)
    result = reload.try_with(reference, prepared.result() if prepared else None)
    if _was_killed(result.outcome):
        result = reload.try_with(reference)
    if _was_killed(result.outcome):  # this machine has no room for it
        result.outcome.verdict = Verdict.NOT_VERIFIED
    if not _is_input_order_guessed(result.outcome) or result.outcome.verdict.rank <= Verdict.ROUNDING.rank:
        return result
    # Frameworks that rename inputs preserve their order or sort them by name: the predictions decide which it was.
    sorted_result = reload.try_with(reference.with_sorted_inputs())
    return min(result, sorted_result, key=lambda result: result.outcome.verdict.rank)


def _was_killed(outcome: ReloadOutcome) -> bool:
    """Whether the process was killed from outside, which says nothing of the copy."""
    error = outcome.error or {}
    return error.get("code") == ChildDied.code and KILL_SIGNAL in error.get("sentence", "")


def _is_input_order_guessed(outcome: ReloadOutcome) -> bool:
    """Whether renamed inputs were matched by their order alone, or could not be matched in it."""
    renamed = (outcome.error or {}).get("sentence", "").startswith("The inputs were renamed")
    return renamed or any(pair["by"] == "order" for pair in outcome.input_pairs)


class _Reload(NamedTuple):
    """What one reload is asked for; see `reload_in_child`."""

    worker: Worker
    request: dict[str, Any]
    original: OriginalFingerprint
    rows: int
    probe_as: dict[str, Any] | None
    seconds: float
    cancelled: CancelCheck
    sandboxed: bool
    unused: list[Child] | None

    def try_with(self, reference: Reference, prepared: PreparedCopy | None = None) -> ReloadResult:
        """Reload in a fresh child; where its memory is not enough for the rows, in another with half of them."""
        cap = RowCap()
        while True:
            try:
                ask = partial(self._ask, reference=reference, cap=cap)
                if self.unused:
                    prepared = PreparedCopy(self.unused.pop(), "")
                if prepared:
                    (child, id_), prepared = prepared, None
                    child.memory_share = 1.0  # it is alone now
                    with contextlib.suppress(ChildDied):  # by whatever came before: a fresh one tells
                        return self.worker.act_in(child, partial(ask, prepared=id_), Child.close)
                # The spare one of the sandbox serves no other purpose, and stands ready in it.
                is_warm = self.sandboxed or get_format(self.request["format"]).runs_on_tensorflow
                try_ask = partial(self._ask_or_keep, ask)
                return self.worker.use_child(try_ask, self.cancelled, self.sandboxed, self._let_go, is_warm)
            except COPY_ERRORS as error:
                # What a copy does to its child says something of the copy; that there was no child does not.
                if not (isinstance(error, TooLarge) and cap.halve()):
                    return ReloadResult(outcome=failed_outcome(error))
            except (LookupError, TypeError, ValueError) as error:
                if not self.sandboxed:
                    raise
                # An untrusted reply that fits no record.
                raise invalid_reply_error(detail=type(error).__name__) from error

    def _ask_or_keep(self, ask: Callable[[Child], ReloadResult], child: Child) -> ReloadResult:
        try:
            return ask(child)
        except NeedsArchitecture as error:  # which formats of ours raise before they load anything
            if self.unused is None or self.sandboxed or not is_own_format(self.request["format"]):
                raise
            self.unused.append(child)
            return ReloadResult(outcome=failed_outcome(error))

    def _let_go(self, child: Child) -> None:
        if child not in (self.unused or ()):
            child.close()

    def _ask(self, child: Child, reference: Reference, cap: RowCap, prepared: str = "") -> ReloadResult:
        """Have a child load, or take the copy that it has `prepared`, and predict, and then probe: what it predicted
        stands, whatever comes of that."""
        most = reference.rows_within(self.worker.config.reply_mb * MB)
        rows = min(self.rows, most, max(cap.rows, self.rows * cap.rows // BATCH_SIZE))
        is_whole = cap.rows == BATCH_SIZE and most >= min(BATCH_SIZE, reference.rows)
        inputs = (reference.head_in_whole_batches(rows) if is_whole else reference.head(rows)).inputs
        cap.asked = 0

        def note_answer(_: Mapping[str, Any]) -> None:
            cap.asked = min(rows, cap.rows)

        limits: dict[str, Any] = {"seconds": self.seconds, "cancelled": self.cancelled}
        how: dict[str, Any] = {"limit_seconds": child.allowance(self.seconds).working_seconds, "batch": cap.rows}
        how |= {"prepared": prepared}
        how |= {"traits": bool(self.probe_as), "reply_mb": self.worker.config.reply_mb}
        facts, predictions = child.request(
            "reload", arrays=inputs, on_progress=note_answer, **self.request, **how, **limits
        )
        answered = min(rows, _count_answered(facts))
        predictions = {name: array[:answered] for name, array in predictions.items()}
        outcome = compare_with_original(facts, predictions, self.original, reference.head(answered))
        outcome.batch = cap.rows
        outcome.left_out = list(self._left_out(child.allowance(self.seconds), answered, rows, cap.rows))
        if self.probe_as:
            cap.asked = 0
            probes = self._probe(child, reference, facts["row_seconds"], cap, limits)
            add_findings(outcome, facts["traits"], probes, self.original, reference.head(answered))
        return ReloadResult(outcome=outcome, predictions=predictions)

    def _left_out(self, allowed: Allowance, answered: int, sent: int, batch: int) -> Iterator[str]:
        """Say which rows were not asked, and which setting that is."""
        asked = f"{answered:,} of {self.rows:,} rows were asked"
        if batch < BATCH_SIZE:
            memory = f"the {allowed.memory / GB:.3g} GB of memory that there are ({allowed.memory_setting})"
            yield f"{asked}, {batch} at a time: more would need more than {memory}."
        elif answered < sent:
            yield f"{asked}: all would take longer than {allowed.seconds:g} seconds ({allowed.seconds_setting})."
        elif sent < self.rows:
            yield f"{asked}: all would be more than {self.worker.config.reply_mb:,} MB (ROUNDTRIP_REPLY_MB)."

    def _probe(
        self, child: Child, reference: Reference, row_seconds: float, cap: RowCap, limits: dict[str, Any]
    ) -> dict[str, Any]:
        """What the probes found; "stopped" is the error that ended them, if one did."""
        head = reference.head(min(BATCH_SIZE, reference.rows_within(self.worker.config.reply_mb * MB // 2)))
        arrays = {f"input:{name}": array for name, array in head.inputs.items()}
        arrays |= {f"target:{name}": array for name, array in head.targets.items()}
        seconds = child.allowance(self.seconds).working_seconds
        most_rows = int(SHARE * seconds / max(row_seconds, MIN_ROW_SECONDS)) if cap.rows == BATCH_SIZE else cap.rows
        demo = (self.probe_as or {})["demo"]
        try:
            reply = child.request("probe", arrays=arrays, demo=demo, most_rows=most_rows, **limits).message
            return validate_probes(reply)
        except PROBE_ERRORS as error:
            return {"stopped": error.to_json()}


def _count_answered(facts: Mapping[str, Any]) -> int:
    """The rows that a child says it was asked. Raises ValueError for none."""
    if (rows := int(facts["rows"])) < 1:
        raise ValueError("no rows")
    return rows


def reload_in_process(
    format_key: str, folder: Path, code: ModelCode, original: OriginalFingerprint, reference: Reference
) -> ReloadOutcome:
    """Reload a copy in this process, which has the model's code, and compare all predictions.

    For a user's own classes, which no fresh process has. Warnings are not shown: a program may make errors of them.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            inputs, budget = reference.inputs, RowBudget(None)
            load = partial(load_copy, format_key, folder, lambda: code)
            facts, predictions, predictor = reload_and_predict(inputs, folder, load, budget)
            probes = probe_predictor(predictor, inputs, {}, None, sys.maxsize)
            traits = collect_traits(predictor.model)
        outcome = compare_with_original(facts, predictions, original, reference)
        outcome.batch = BATCH_SIZE
        add_findings(outcome, traits, probes, original, reference)
        return outcome
    except (FormatError, InputError) as error:
        return failed_outcome(error)


@contextlib.contextmanager
def _closing_all() -> Iterator[list[Child]]:
    """Children that are closed at the end."""
    children: list[Child] = []
    try:
        yield children
    finally:
        for child in children:
            child.close()


def gather_evidence(
    worker: Worker,
    format_key: str,
    folder: Path,
    source: ModelSource,
    original: OriginalFingerprint,
    reference: Reference,
    prepared: PreparedChild | None = None,
    **limits: Any,
) -> Evidence:
    """Reload a copy without the original code, and in another child with it where it matters.

    It matters where the copy did not load without, or where the demo has classes of its own. Where there is no demo,
    half a model is completed from the snapshot of its run. The probes are tried on the first of the two that loads.
    `limits` are those of `reload_in_child`, and `prepared` is a child for the first of the two.
    """
    demo, is_half = demo_of_source(source), get_format(format_key).needs_architecture
    with _closing_all() as unused:
        limits |= {"unused": unused}
        probing = limits | {"probe_as": {"demo": source.get("demo")}}
        without = reload_in_child(
            worker, format_key, folder, source_without_code(source), original, reference, prepared=prepared, **probing
        ).outcome
        if demo is None and (without.error or {}).get("code") == NeedsArchitecture.code:
            without.error = {**(without.error or {}), "cure": OWN_MODEL_CURE}
        if demo is None and is_half and "snapshot" in source and not without.has_loaded:
            completed = reload_in_child(worker, format_key, folder, source, original, reference, **probing).outcome
            return Evidence(without_code=without, completed=completed)
        if demo is None or (without.has_loaded and not get_demo(demo).has_classes):
            return Evidence(without_code=without)
        limits = limits if without.has_loaded else probing
        with_code = reload_in_child(worker, format_key, folder, source, original, reference, **limits).outcome
        return Evidence(without_code=without, with_code=with_code)
