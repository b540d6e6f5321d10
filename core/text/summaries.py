"""Sentences about a comparison: what became of the right predictions, and its caveats."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.compare import Verdict
from core.text.labels import IMPORTED_MODEL_LABEL, LIVE_MODEL_LABEL, pluralize
from core.text.numbers import shorten_exponent


def summarize_changes(metrics: Mapping[str, Any]) -> str:
    """Say how many classes are right and what became of them, of `OutputMetrics` as JSON."""
    classes = metrics["classes"]
    changes = f"{pluralize(classes['changed'], 'answer')} changed" if classes["changed"] else "no answer changed"
    if classes["answer_accuracy"] is None:
        unknown = " The right answers are not known for these rows." if classes["changed"] else ""
        return f"{changes.capitalize()}.{unknown}"
    before, now = (f"{classes[side]['value']:.1%}" for side in ("reference_accuracy", "answer_accuracy"))
    if not classes["changed"]:
        return f"No answer changed: both are right on the same {before} of the rows."
    if classes["broken"] == classes["fixed"]:
        return f"Both are right on {before} of the rows, and yet {changes}: {_describe_flips(classes)}."
    return f"The copy is right on {now} of the rows, the baseline on {before}. {changes}: {_describe_flips(classes)}."


def _describe_flips(classes: Mapping[str, Any]) -> str:
    """The changed predictions by what they were and are; nothing is left out."""
    broken, fixed, astray = (classes[name] for name in ("broken", "fixed", "astray"))
    flips = {
        "{was} right before and {is_} wrong now": broken,
        "{was} wrong before and {is_} right now": fixed,
        "{was} wrong before and {is_} wrong now, in another way": astray,
        "{is_} of the same class, with a number that is not finite": classes["changed"] - broken - fixed - astray,
    }
    singular, plural = {"was": "was", "is_": "is"}, {"was": "were", "is_": "are"}
    return ", ".join(
        f"{count:,} {text.format(**(singular if count == 1 else plural))}" for text, count in flips.items() if count
    )


def describe_mismatches(mismatches: Mapping[str, int]) -> str:
    """Say what became of numbers that are not finite, which no largest difference counts; nothing for none."""
    counts = ", ".join(f"{change} ({count:,} times)" if count > 1 else change for change, count in mismatches.items())
    return f"Not counted in the largest difference: {counts}." if counts else ""


def describe_batch(outcome: Mapping[str, Any]) -> str:
    """Say under which number of rows at a time a verdict holds, and what of a row alone; nothing for older records."""
    if not (batch := outcome.get("batch")):
        return ""
    alone = describe_row_alone(outcome.get("alone")) if batch > 1 and not outcome.get("call_rows") else ""
    return f"Asked {pluralize(batch, 'row')} at a time. {alone}".rstrip()


def describe_row_alone(shift: float | None) -> str:
    """Say whether a row that is asked alone gets the bits that it gets among others; nothing where nobody tried.

    Args:
        shift: How far its answers are off, as a share of the largest answer.
    """
    if shift is None:
        return ""
    if shift == 0:
        return "A row asked alone gets the same bits."
    return f"A row asked alone gets other bits: up to {shorten_exponent(f'{shift:.2g}')} of the largest answer off."


def describe_order(reordered: Mapping[str, list[str]]) -> list[str]:
    """Say which of "inputs" and "outputs" have another order, and what follows (see `ReloadOutcome.reordered`)."""
    sentences = {
        "inputs": "Inputs stand in another order ({}): arrays given as a list go to others.",
        "outputs": "Outputs stand in another order ({}): read by their place they are others.",
    }
    return [sentence.format(", ".join(reordered[side])) for side, sentence in sentences.items() if side in reordered]


def describe_places(places: Mapping[str, list[str]]) -> str:
    """Say in which order a runtime lists inputs and outputs where places mislead (see `ReloadOutcome.places`)."""
    sentences = {
        "inputs": "By place its runtime takes inputs as {}: give them by name.",
        "outputs": "By place its runtime gives outputs as {}: read them by name.",
    }
    return " ".join(text.format(", ".join(places[side])) for side, text in sentences.items() if side in places)


def describe_renamed(side: str, pairs: Sequence[Mapping[str, str]]) -> list[str]:
    """Say which "Inputs" or "Outputs" have other names, a sentence for each way in which they were paired."""
    groups: dict[str, list[str]] = {}
    for pair in pairs:
        if pair["by"] != "name":
            groups.setdefault(pair["by"], []).append(f"{pair['reference']} is {pair['answer']}")
    return [f"{side} were renamed, paired by {by}: {', '.join(names)}." for by, names in groups.items()]


def _describe_weights(weights: Mapping[str, Any]) -> Iterator[str]:
    """Say which tensors are not the run's, and how many parameters stand where there are more or fewer."""
    values, of = weights.get("values"), weights.get("values_of")
    if weights["found"] != weights["of"]:
        yield f"{weights['found']} of {weights['of']} weight tensors are the run's own."
    if values is not None and values != of:
        yield f"It holds {pluralize(values, 'parameter')}, the run {of:,}."


def list_caveats(outcome: Mapping[str, Any], source: str = "none") -> list[str]:
    """Say whose code a copy had, what was renamed, which weights differ, how it predicts.

    Args:
        outcome: That of one copy in a comparison, as JSON.
        source: The key of where its code came from.
    """
    return list(_iterate_caveats(outcome, source))


def _iterate_caveats(outcome: Mapping[str, Any], source: str) -> Iterator[str]:
    if source == "demo":
        yield "Given the demo's code."
    elif source != "none":
        yield f"Its layers came from {outcome.get('source') or f'architecture {source}'}."
    for side, pairs in (("Inputs", outcome["input_pairs"]), ("Outputs", outcome["pairs"])):
        yield from describe_renamed(side, pairs)
    yield from describe_order(outcome.get("reordered") or {})
    if places := describe_places(outcome.get("places") or {}):
        yield places
    if surplus := outcome.get("surplus_outputs"):
        yield f"It also gives {', '.join(surplus)}, which the baseline does not."
    if mismatches := outcome.get("mismatches"):
        yield describe_mismatches(mismatches)
    if weights := outcome["weights"]:
        yield from _describe_weights(weights)
    if outcome["remark"]:
        yield outcome["remark"]
    if outcome.get("loaded_warm"):
        yield "Its process had loaded other copies before, so this load took less time than a first one."


def summarize_outcomes(baseline: str, rows: int, outcomes: Mapping[str, Mapping[str, Any]]) -> str:
    """Say how many copies answer as the baseline does, how many do not, and how many have no predictions."""
    verdicts = [Verdict(outcome["verdict"]) for outcome in outcomes.values()]
    same = sum(verdict.rank <= Verdict.SAME_ANSWERS.rank for verdict in verdicts)
    failed = sum(outcome["error"] is not None for outcome in outcomes.values())
    changed, count = len(verdicts) - same - failed, len(verdicts)
    reference = {LIVE_MODEL_LABEL: "the live model", IMPORTED_MODEL_LABEL: "the imported model"}.get(baseline, baseline)
    share = f"as {reference} does, on " + (f"{rows:,} row" if rows == 1 else f"all {rows:,} rows")
    if same == count:
        return f"{'The copy answers' if count == 1 else f'All {count} copies answer'} {share}."
    clauses = [f"{same} of {count} {'copy answers' if count == 1 else 'copies answer'} {share}"]
    if changed:
        most = max(outcome["changed_rows"] for outcome in outcomes.values() if outcome["error"] is None)
        on = pluralize(most, "row")
        clauses.append(f"1 changed its answer on {on}" if changed == 1 else f"{changed} changed answers, on up to {on}")
    if failed:
        clauses.append(f"{failed} could not be compared")
    return "; ".join(clauses) + "."
