"""Sentences: accuracy changes, caveats.

What happened to the right answers, in a sentence: the same accuracy is not the same answers.

What must not be silent about a copy that answered.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from core.text.labels import pluralize


def summarize_changes(metrics: Mapping[str, Any]) -> str:
    """For an output that names classes (an `OutputNumbers` as JSON): how many are right, and what became of them."""
    found = metrics["classes"]
    changed = found["changed"]
    if found["answer_accuracy"] is None:
        said = f"{_count_changed(changed).capitalize()}."
        return f"{said} The right answers are not known for these rows." if changed else said
    before, now = (found[side]["value"] for side in ("reference_accuracy", "answer_accuracy"))
    if not changed:
        return f"No answer changed: both are right on the same {before:.1%} of the rows."
    turned = _describe_flips(found)
    if found["broken"] == found["fixed"]:
        return f"Both are right on {before:.1%} of the rows, and yet {_count_changed(changed)}: {turned}."
    return (
        f"The copy is right on {now:.1%} of the rows, the baseline on {before:.1%}. {_count_changed(changed)}: "
        f"{turned}."
    )


def _count_changed(changed: int) -> str:
    return f"{pluralize(changed, 'answer')} changed" if changed else "no answer changed"


def _describe_flips(classes: Mapping[str, Any]) -> str:
    """The changed answers by what they were and are; nothing is left out."""
    broken, fixed, astray = (classes[name] for name in ("broken", "fixed", "astray"))
    said = []
    if broken:
        said.append(f"{broken:,} {_was(broken)} right before and {_is(broken)} wrong now")
    if fixed:
        said.append(f"{fixed:,} {_was(fixed)} wrong before and {_is(fixed)} right now")
    if astray:
        said.append(f"{astray:,} {_was(astray)} wrong before and {_is(astray)} wrong now, in another way")
    if rest := classes["changed"] - broken - fixed - astray:
        said.append(f"{rest:,} {_is(rest)} of the same class, with a number that is not finite")
    return ", ".join(said)


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def list_caveats(outcome: Mapping[str, Any], source: str = "none") -> list[str]:
    """Sentences: whose code it was given, what was renamed, which weights are others, how it answers.

    `outcome` is one of a comparison as JSON; `source` the key of where its code came from.
    """
    return list(_iterate_caveats(outcome, source))


def _iterate_caveats(outcome: Mapping[str, Any], source: str) -> Iterator[str]:
    if source != "none":
        yield "Given the demo's code." if source == "demo" else f"Given the architecture {source}."
    for what, pairs in (("Inputs", outcome["input_pairs"]), ("Outputs", outcome["pairs"])):
        renamed = [f"{one['reference']} is {one['answer']}, by {one['by']}" for one in pairs if one["by"] != "name"]
        if renamed:
            yield f"{what} were renamed: {', '.join(renamed)}."
    weights = outcome["weights"]
    if weights and weights["found"] != weights["of"]:
        yield f"{weights['found']} of {weights['of']} weight tensors are the run's own."
    if outcome["remark"]:
        yield outcome["remark"]
