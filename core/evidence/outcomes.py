"""What one reload showed, as a record: its predictions against the reference, and what was found out beside them."""

from collections.abc import Mapping
from typing import Any

from core.arrays import Arrays
from core.compare import Comparison, Verdict, compare
from core.compare.chunks import single_chunk
from core.errors import InputError, RoundtripError
from core.evidence.element_order import find_places, find_reordered
from core.evidence.fingerprint_matching import OriginalFingerprint, find_surplus, match_fingerprints
from core.evidence.records import Discrimination, ReloadOutcome, verdict_of_error
from core.grading import Grade, GradingScale, grade_outputs
from core.runtimes.model_settings import ModelSettings, SettingChange, compare_settings
from core.runtimes.reference import Reference
from core.runtimes.traits import validate_traits

REPORTED_FACTS = (
    "load_seconds",
    "first_seconds",
    "moved_by_answering",
    "inputs",
    "input_pairs",
    "call_rows",
    "remembers",
)


def failed_outcome(error: RoundtripError) -> ReloadOutcome:
    """A copy that takes other inputs or gives other outputs than the model has loaded, but cannot be compared."""
    is_misfit = type(error) is InputError
    verdict = Verdict.NOT_COMPARABLE if is_misfit else verdict_of_error(error)
    return ReloadOutcome(verdict=verdict, error=error.to_json())


def compare_with_original(
    facts: Mapping[str, Any], predictions: Arrays, original: OriginalFingerprint, reference: Reference
) -> ReloadOutcome:
    """Compare what a child says of a copy with what the original was: predictions, weights and optimizer."""
    compared = compare(reference.predictions, predictions, original.classes, with_metrics=False)
    comparison = compared.to_json()
    del comparison["outputs"]  # a record stays small; the metrics of each output are computed by a comparison
    unread, weights = facts.get("unread"), match_fingerprints(original.weights, facts["weights"])
    missing = set(weights.missing if weights else ())
    returned = [tensor for tensor in original.weights if tensor["name"] not in missing]
    return ReloadOutcome(
        **comparison,
        **{name: facts[name] for name in REPORTED_FACTS},
        weights=weights,
        optimizer=match_fingerprints(original.optimizer, facts["optimizer"]),
        discrimination=Discrimination.measure(reference.predictions, None),
        reordered=find_reordered(reference.inputs, reference.predictions, facts, list(predictions), compared),
        grade=_grade(reference.predictions, predictions, compared, original),
        places=find_places(reference.inputs, reference.predictions, facts, compared),
        unread=None if unread is None else find_surplus(returned, unread),
    )


def _grade(
    reference: Arrays, predictions: Arrays, comparison: Comparison, original: OriginalFingerprint
) -> Grade | None:
    before, now = ({name: single_chunk(array) for name, array in side.items()} for side in (reference, predictions))
    scale = GradingScale(original.classes, image_shape=original.output_image_shape)
    return grade_outputs(before, now, comparison, scale)


def add_findings(
    outcome: ReloadOutcome,
    traits: Mapping[str, Any] | None,
    probes: Mapping[str, Any],
    original: OriginalFingerprint,
    reference: Reference,
) -> None:
    """Put in what was found out beside the predictions, of which `reference` has the rows.

    The settings, once they are compared, are left out: a record stays small.
    """
    outcome.discrimination = Discrimination.measure(reference.predictions, probes.get("mutant"))
    known = validate_traits(traits or {})
    outcome.settings = _compare_settings(original, known)
    if not (outcome.remembers or probes.get("repeats")):  # then answers move anyway
        outcome.alone = probes.get("row_shift")
    outcome.probes = {**probes, "traits": {name: trait for name, trait in known.items() if name != "settings"}}


def _compare_settings(original: OriginalFingerprint, traits: Mapping[str, Any]) -> list[SettingChange] | None:
    """What came back with other settings; None where one of the two shows none."""
    reloaded = ModelSettings.read(traits)
    return compare_settings(original.settings, reloaded) if original.settings and reloaded else None
