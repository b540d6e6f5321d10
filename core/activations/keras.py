"""Layer outputs of Keras models of every kind, those of nested layers too."""

import contextlib
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.activations import Activations, Compute
from core.activations.matching import Activation
from core.arrays import Arrays
from core.runtimes.base import Predictor
from core.runtimes.call_arguments import call_model
from core.runtimes.specs import shape_of


class _LayerCall(NamedTuple):
    """One call of one layer: where it stands in the model, its class, and one tensor that it returned."""

    path: str
    layer: str
    tensor: Any


def build_activations(predictor: Predictor, folder: Path, inputs: Arrays) -> Activations:
    """Trace the model once, as for its predictions, and cut every tensor out of that one graph."""
    import tensorflow as tf

    model = predictor.model
    specs = [tf.TensorSpec((None, *array.shape[1:]), tf.constant(array[:1]).dtype) for array in inputs.values()]
    with _record_layer_calls(model) as recorded:
        graph = tf.compat.v1.wrap_function(
            lambda *tensors: call_model(model, dict(zip(inputs, tensors, strict=True))),
            specs,
        )
    feeds = graph.inputs[: len(specs)]
    used = {tensor.name for tensor in _upstream(graph.outputs)}
    calls = [call for call in recorded if call.tensor.graph is graph.graph and call.tensor.name in used]
    activations = _list_activations(calls)
    tensors = {activation.key: call.tensor for activation, call in zip(activations, calls, strict=True)}

    def build_compute(key: str) -> Compute:
        part = graph.prune(feeds, tensors[key])
        return lambda rows: np.asarray(part(*(tf.constant(rows[name]) for name in inputs)))

    return Activations(activations, build_compute)


@contextlib.contextmanager
def _record_layer_calls(model: Any) -> Iterator[list[_LayerCall]]:
    """Record every call of a layer or operation of Keras while this lasts, in the order in which they end.

    What a layer passes on from one inside of it, as a nested model does, is the inner one's.
    """
    import keras

    calls: list[_LayerCall] = []
    path: list[str] = []
    original = keras.Operation.__call__

    def recording_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        began = len(calls)
        path.append(self.name)
        try:
            outputs = original(self, *args, **kwargs)
            inner = {id(call.tensor) for call in calls[began:]}
            place = "/".join(path[1:] or path)
            for tensor in keras.tree.flatten(outputs):
                if hasattr(tensor, "graph") and id(tensor) not in inner:
                    calls.append(_LayerCall(place, type(self).__name__, tensor))
        finally:
            path.pop()
        return outputs

    keras.Operation.__call__ = recording_call
    try:
        yield calls
    finally:
        keras.Operation.__call__ = original


def _list_activations(calls: list[_LayerCall]) -> list[Activation]:
    """An activation for each call; a layer that is called again, or returns several tensors, is numbered."""
    counts: dict[str, int] = {}
    latest: dict[str, str] = {}  # by name of the graph's tensor; a Dropout passes on the very tensor that it is given
    activations = []
    for path, layer, tensor in calls:
        counts[path] = counts.get(path, 0) + 1
        name = path if counts[path] == 1 else f"{path} ({counts[path]})"
        sources = [tensor] if tensor.name in latest else _upstream(tensor.op.inputs, latest)
        after = sorted({latest[source.name] for source in sources if source.name in latest})
        latest[tensor.name] = name
        activations.append(Activation(name, name, layer, shape_of(tensor), tensor.dtype.name, tuple(after)))
    return activations


def _upstream(tensors: Iterable[Any], recorded: Container[str] = ()) -> Iterator[Any]:
    """These tensors and all from which they are computed, each once; not what is behind a recorded one."""
    seen, queue = set(), list(tensors)
    while queue:
        tensor = queue.pop()
        if tensor.name not in seen:
            seen.add(tensor.name)
            yield tensor
            if tensor.name not in recorded:
                queue += tensor.op.inputs
