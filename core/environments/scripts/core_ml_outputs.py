"""The outputs of a converted Core ML model, found by the names that they have in TensorFlow's graph."""

import re


def pair_outputs(graph_names, given):
    """Return Core ML's names of outputs by those of the signature.

    `graph_names` holds the names of their tensors by those of the signature; Core ML names an output as its operation,
    with "_" for what is no part of a name there. Raises ValueError where it has none of such a name.
    """
    pairs = {name: re.sub(r"\W", "_", tensor.partition(":")[0]) for name, tensor in graph_names.items()}
    if missing := [name for name, expected in pairs.items() if expected not in given]:
        raise ValueError(f"Core ML gave the outputs other names: {', '.join(missing)} is none of {', '.join(given)}.")
    return pairs
