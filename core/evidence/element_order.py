"""Which inputs and outputs of a copy stand in another place than those of the reference."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.compare import Comparison, find_other_order


def inputs_in_order(facts: Mapping[str, Any]) -> list[str]:
    """The inputs that a copy was given, in the order in which it takes them; `facts` as for `find_reordered`."""
    names = {pair["answer"]: pair["reference"] for pair in facts["input_pairs"]}
    return [names[spec["name"]] for spec in facts["inputs"] if spec["name"] in names]


def find_places(
    inputs: Iterable[str], outputs: Iterable[str], facts: Mapping[str, Any], found: Comparison
) -> dict[str, list[str]]:
    """The names of the reference in the order in which a copy's runtime lists them by place, where it is another one.

    Args:
        inputs, outputs: Of the reference, in its order.
        facts: What a child says of the copy: "places" (see `Predictor`) and "input_pairs".
        found: How outputs were matched.
    """
    pairs = {"inputs": facts["input_pairs"], "outputs": [vars(pair) for pair in found.pairs]}
    orders = {
        side: find_other_order(names, facts.get("places", {}).get(side, []), pairs[side], True)
        for side, names in (("inputs", inputs), ("outputs", outputs))
    }
    return {side: names for side, names in orders.items() if names}


def find_reordered(
    inputs: Iterable[str],
    outputs: Iterable[str],
    facts: Mapping[str, Any],
    predictions: Sequence[str],
    found: Comparison,
) -> dict[str, list[str]]:
    """What changed its place in a copy (see `ReloadOutcome`).

    Args:
        inputs, outputs: Of the reference, in its order.
        facts: What a child says of the copy: "inputs", "input_pairs" and "lists".
        predictions: The outputs of the copy, in its order.
        found: How these were matched.
    """
    given = [spec["name"] for spec in facts["inputs"]]
    output_pairs = [vars(pair) for pair in found.pairs]
    orders = {
        "inputs": find_other_order(inputs, given, facts["input_pairs"], True) if "inputs" in facts["lists"] else [],
        "outputs": find_other_order(outputs, predictions, output_pairs, "outputs" in facts["lists"]),
    }
    return {side: names for side, names in orders.items() if names}
