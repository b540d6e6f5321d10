"""What must not be silent about a copy that answered."""

from collections.abc import Iterator, Mapping
from typing import Any


def remarks(outcome: Mapping[str, Any], source: str = "none") -> list[str]:
    """Sentences: whose code it was given, what was renamed, which weights are others, how it answers.

    `outcome` is one of a comparison as JSON; `source` the key of where its code came from.
    """
    return list(_remarks(outcome, source))


def _remarks(outcome: Mapping[str, Any], source: str) -> Iterator[str]:
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
