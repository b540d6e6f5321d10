"""What a SavedModel directory holds of a model's variables, read from its own checkpoint."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core.formats.contract import Named, Predictor
from core.formats.live import signature_predictor


def saved_model_predictor(signature: Any, root: Any, folder: Path) -> Predictor:
    """The predictor over a signature, with weights and optimizer state told apart by where they are in the graph."""
    predictor = signature_predictor(signature, root)
    return Predictor(
        root,
        predictor.inputs,
        predictor.answer,
        weights=lambda: _used_by(signature),
        optimizer=lambda: list(_optimizer_entries(folder)),
    )


def _used_by(signature: Any) -> Named:
    """The variables that the signature's graph reads: these are the weights that answer."""
    return [(variable.name, variable.numpy()) for variable in signature.graph.variables]


def _optimizer_entries(folder: Path) -> Iterable[tuple[str, Any]]:
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    for key in sorted(reader.get_variable_to_shape_map()):
        if key.startswith("optimizer/") and key.endswith(".ATTRIBUTES/VARIABLE_VALUE"):
            yield key, reader.get_tensor(key)
