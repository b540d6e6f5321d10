"""Whether a model's inputs and outputs are flat, so that a kit's loader can be the short one."""

import json
from typing import Any

from core.errors import RoundtripError
from core.exports.kit_contents import ProofData
from core.exports.missing_parts import read_architecture
from core.library import Library, Run
from core.worker.model_loading import demo_of_source

ONLY_OUTPUT = "output_0"  # what the output of a model is called that returns one tensor


def is_flat_model(library: Library, run: Run, proof_data: ProofData) -> bool:
    """Whether a Keras model is known to take tensors by name, and to return one or a list by its own names.

    A person's model of which no architecture tells so, as a subclassed one, is not; nor is one with optional inputs.
    """
    if run.kind != "keras" or proof_data.renamed_tensors or any(spec.get("optional") for spec in run.inputs):
        return False
    names = list(proof_data.expected)
    several = len(names) > 1 and names == run.traits.get("outputs") and len({*names}) == len(names)
    if names != [ONLY_OUTPUT] and not several:
        return False
    if demo_of_source(run.code_source):
        return True
    try:
        architecture = json.loads(read_architecture(library, run))
    except RoundtripError:
        return False
    return is_flat_architecture(architecture, set(proof_data.inputs), len(names))


def is_flat_architecture(architecture: dict[str, Any], inputs: set[str], outputs: int) -> bool:
    if str(architecture.get("module")).partition(".")[0] != "keras":
        return False
    if architecture["class_name"] == "Sequential":
        return len(inputs) == outputs == 1
    if architecture["class_name"] != "Functional":
        return False
    taken = _layer_names(architecture["config"]["input_layers"])
    given = _layer_names(architecture["config"]["output_layers"])
    return len(taken) == len(inputs) and (len(inputs) == 1 or {*taken} == inputs) and len(given) == outputs


def _layer_names(layers: Any) -> list[str]:
    """The layers of one symbolic tensor or of a list of them; none where they are nested, or in a dictionary."""
    if not isinstance(layers, list):
        return []
    tensors = [layers] if layers and isinstance(layers[0], str) else layers
    is_flat = all(isinstance(item, list) and item and isinstance(item[0], str) for item in tensors)
    return [item[0] for item in tensors] if is_flat else []
