"""What a search found, as records and pages need it: in words and numbers, and as arrays."""

from typing import Any

import numpy as np

from core.compare import target_of
from core.disagreement import Find, Search, distance
from core.formats import get_format
from core.formats.contract import Arrays
from core.formats.reference import Reference
from core.library import Library
from core.library.records import Run
from core.words import live_words, marked

SAID_IN_FULL = 1000  # values of one answer that stand in the record; arrays beside it hold all


def name_of(library: Library, id_: str) -> str:
    """How one of the two is called in a sentence."""
    if id_.startswith("r"):
        return live_words(id_, library.run(id_))
    artifact = library.artifact(id_)
    return marked(f"{get_format(artifact.format).label} ({id_})", artifact)


def facts_of(run: Run, reference: Reference, search: Search, find: Find) -> dict[str, Any]:
    """One input for JSON: what both said, how far apart, where it came from, and how far from there.

    `said` are the classes that the two name, `truth` what is right for the row of the data, where that is one class or
    one value; `level` and `amount` are those of `core.disagreement.measure`.
    """
    scale = search.scales[find.output]
    return {
        "changed": find.changed,
        "level": find.level,
        "amount": find.amount,
        "output": find.output,
        "kind": scale.kind,
        "spread": scale.spread,
        "said": [_said(run, answer[find.output][0], scale.kind) for answer in find.answers],
        "answers": [_in_full(answer) for answer in find.answers],
        "split": find.split,
        "row": find.row,
        "steps": find.steps,
        "truth": _truth(run, reference, find, scale.kind),
        "distance": distance(find.point, search.seen),
    }


def _said(run: Run, answer: np.ndarray, kind: str) -> str | None:
    """The class that an answer names; None where it is a value, or not a number."""
    if kind != "class" or not np.isfinite(answer).all():
        return None
    at = int(answer.argmax())
    return run.labels[at] if len(run.labels) == answer.size else str(at)


def _truth(run: Run, reference: Reference, find: Find, kind: str) -> Any:
    targets = target_of(find.output, list(reference.answers), find.targets)
    if targets is None:
        return None
    if kind == "class":
        return _said(run, targets[0], kind)
    return targets.item() if targets.size == 1 else None


def _in_full(answers: Arrays) -> dict[str, Any]:
    """Values by output, None for what is not a number; longer answers are left to the arrays."""
    return {name: _listed(array[0]) for name, array in answers.items() if array.size <= SAID_IN_FULL}


def _listed(array: np.ndarray) -> Any:
    if array.dtype.kind not in "fc":
        return array.tolist()
    return np.where(np.isfinite(array), array.astype("O"), None).tolist()


def arrays_of(find: Find) -> Arrays:
    """The input, the row of the data where it began, and both answers to each: "input:", "origin:", "a:", "b:",
    "origin-a:" and "origin-b:" with the name."""
    began = find.began or find
    named = {"input": find.point.inputs, "origin": find.point.origin}
    named |= {"a": find.answers[0], "b": find.answers[1]}
    named |= {"origin-a": began.answers[0], "origin-b": began.answers[1]}
    return {f"{role}:{name}": array for role, arrays in named.items() for name, array in arrays.items()}
