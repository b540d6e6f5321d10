"""Reload each copy in fresh processes, and compare what came back with the run."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from core.arrays import Arrays
from core.compare import Verdict, compare
from core.demos import get_demo
from core.errors import ChildDied, FormatError, InputError, NeedsArchitecture, RoundtripError, TimedOut
from core.evidence import (
    Discrimination,
    Evidence,
    OriginalFingerprint,
    ReloadOutcome,
    find_surplus,
    match_by_hash,
    validate_traits,
)
from core.formats import get_format
from core.runtimes.base import ModelCode, ModelSource
from core.runtimes.model_settings import ModelSettings, SettingChange, compare_settings
from core.runtimes.reference import Reference
from core.worker import Worker
from core.worker.child_handle import invalid_reply_error
from core.worker.model_loading import demo_of_source, source_without_code
from core.worker.tasks.save_reload import reload_and_predict

KILL_SIGNAL = "SIGKILL"  # how `core.worker.child_handle.describe_exit` says that a process was ended from outside
# A person's own model has no demo whose code could be given.
OWN_MODEL_CURE = "Give an architecture: save the run as an architecture too, or load it with the code that built it."
REPORTED_FACTS = ("load_seconds", "first_seconds", "moved_by_answering", "inputs", "input_pairs", "call_rows")


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
    cancelled: Callable[[], bool] = lambda: False,
    sandboxed: bool = False,
) -> ReloadResult:
    """Reload a copy in a fresh child and compare its predictions with the reference.

    Args:
        source: The code that the child is given (see `core.worker.halves.complete_model_code`).
        rows: How many reference rows it predicts, from the first on; all of them by default.
        probe_as: `{"demo": key}`, to try everything in `core.worker.tasks.probes` too.
        seconds: Wall clock of one request.
        sandboxed: In a sandboxed child, for an untrusted copy.

    A copy that does not load, or brings its child down, is an outcome and not an error. Raises Cancelled, and
    WorkerError when there is no child.
    """
    request = {"format": format_key, "folder": folder, "source": source, "probe_as": probe_as}
    request |= {"seconds": seconds, "cancelled": cancelled, "sandboxed": sandboxed}
    rows = min(rows or reference.rows, reference.rows)
    result = _reload_once(worker, request, original, reference, rows)
    if _was_killed(result.outcome):
        result = _reload_once(worker, request, original, reference, rows)
    if not _is_input_order_guessed(result.outcome) or result.outcome.verdict.rank <= Verdict.ROUNDING.rank:
        return result
    # Frameworks that rename inputs preserve their order or sort them by name: the predictions decide which it was.
    sorted_result = _reload_once(worker, request, original, reference.with_sorted_inputs(), rows)
    return min(result, sorted_result, key=lambda result: result.outcome.verdict.rank)


def _was_killed(outcome: ReloadOutcome) -> bool:
    """Whether the process was killed from outside, which once says nothing of the copy."""
    error = outcome.error or {}
    return error.get("code") == ChildDied.code and KILL_SIGNAL in error.get("sentence", "")


def _is_input_order_guessed(outcome: ReloadOutcome) -> bool:
    """Whether renamed inputs were matched by their order alone, or could not be matched in it."""
    renamed = (outcome.error or {}).get("sentence", "").startswith("The inputs were renamed")
    return renamed or any(pair["by"] == "order" for pair in outcome.input_pairs)


def _reload_once(
    worker: Worker, request: dict[str, Any], original: OriginalFingerprint, reference: Reference, rows: int
) -> ReloadResult:
    arrays = _arrays_by_role(reference.head_in_whole_batches(rows), with_targets=bool(request["probe_as"]))
    try:
        facts, predictions = worker.run("reload", arrays=arrays, reply_mib=worker.config.reply_mib, **request)
        predictions = {name: array[:rows] for name, array in predictions.items()}
        outcome = _compare_with_original(facts, predictions, original, reference.head(rows))
        return ReloadResult(outcome=outcome, predictions=predictions)
    except (FormatError, InputError, ChildDied, TimedOut) as error:
        # What a copy does to its child says something of the copy; that there was no child does not.
        return ReloadResult(outcome=_failed_outcome(error))
    except (LookupError, TypeError, ValueError) as error:
        if not request["sandboxed"]:
            raise
        # An untrusted reply that fits no record.
        raise invalid_reply_error(detail=type(error).__name__) from error


def reload_in_process(
    format_key: str, folder: Path, code: ModelCode, original: OriginalFingerprint, reference: Reference
) -> ReloadOutcome:
    """Reload a copy in this process, which has the model's code, and compare all predictions.

    For a user's own classes, which no fresh process has. Warnings are not shown: a program may make errors of them.
    """
    arrays = _arrays_by_role(reference, with_targets=False)
    try:
        with warnings.catch_warnings(action="ignore"):
            facts, predictions = reload_and_predict(arrays, format_key, folder, lambda: code, {"demo": None})
        return _compare_with_original(facts, predictions, original, reference)
    except (FormatError, InputError) as error:
        return _failed_outcome(error)


def _failed_outcome(error: RoundtripError) -> ReloadOutcome:
    """A copy that takes other inputs or gives other outputs than the model has loaded, but cannot be compared."""
    is_misfit = type(error) is InputError
    verdict = Verdict.NOT_COMPARABLE if is_misfit else Verdict.DOES_NOT_LOAD
    return ReloadOutcome(verdict=verdict, error=error.to_json())


def _compare_with_original(
    facts: Mapping[str, Any], predictions: Arrays, original: OriginalFingerprint, reference: Reference
) -> ReloadOutcome:
    comparison = compare(reference.predictions, predictions, original.classes, with_metrics=False).to_json()
    del comparison["outputs"]  # a record stays small; the metrics of each output are computed by a comparison
    probes = facts.get("probes", {})
    unread = facts.get("unread")
    return ReloadOutcome(
        **comparison,
        **{name: facts[name] for name in REPORTED_FACTS},
        weights=match_by_hash(original.weights, facts["weights"]),
        optimizer=match_by_hash(original.optimizer, facts["optimizer"]),
        discrimination=Discrimination.measure(reference.predictions, probes.get("mutant")),
        unread=None if unread is None else find_surplus(original.weights, unread),
        settings=_compare_settings(original, probes.get("traits", {})),
        probes=probes | {"traits": _without_settings(probes.get("traits", {}))} if probes else {},
    )


def _compare_settings(original: OriginalFingerprint, traits: Mapping[str, Any]) -> list[SettingChange] | None:
    """What came back with other settings; None where one of the two shows none."""
    reloaded = ModelSettings.read(traits)
    return compare_settings(original.settings, reloaded) if original.settings and reloaded else None


def _without_settings(traits: Mapping[str, Any]) -> dict[str, Any]:
    """The traits without what has been compared: a record stays small."""
    return {name: trait for name, trait in validate_traits(dict(traits)).items() if name != "settings"}


def _arrays_by_role(reference: Reference, with_targets: bool) -> Arrays:
    inputs = {f"input:{name}": array for name, array in reference.inputs.items()}
    return inputs | {f"target:{name}": array for name, array in reference.targets.items() if with_targets}


def gather_evidence(
    worker: Worker,
    format_key: str,
    folder: Path,
    source: ModelSource,
    original: OriginalFingerprint,
    reference: Reference,
    **limits: Any,
) -> Evidence:
    """Reload a copy without the original code, and in another child with it where it matters.

    It matters where the copy did not load without, or where the demo has classes of its own. Where there is no demo,
    half a model is completed from the snapshot of its run. The probes are tried on the first of the two that loads.
    `limits` are those of `reload_in_child`.
    """
    demo, is_half = demo_of_source(source), get_format(format_key).needs_architecture
    probing = limits | {"probe_as": {"demo": source.get("demo")}}
    without = reload_in_child(
        worker, format_key, folder, source_without_code(source), original, reference, **probing
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
