"""Inside a Keras model: what each of its layers gives, nested ones too, whatever kind of model it is."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.activations import Activations, Compute
from core.activations.matching import Activation
from core.arrays import Arrays
from core.runtimes.base import Predictor
from core.runtimes.live import arrange_inputs


class _LayerCall(NamedTuple):
    """One call of one layer: where it stands in the model, its class, and one tensor that it gave."""

    path: str
    layer: str
    tensor: Any


def build_activations(predictor: Predictor, folder: Path, inputs: Arrays) -> Activations:
    """The model is traced once, as for its answers, and every tensor is cut out of that one graph."""
    import tensorflow as tf

    model = predictor.model
    wanted = [tf.TensorSpec((None, *array.shape[1:]), tf.constant(array[:1]).dtype) for array in inputs.values()]
    with _record_layer_calls(model) as calls:
        graph = tf.compat.v1.wrap_function(
            lambda *tensors: model(arrange_inputs(model, dict(zip(inputs, tensors, strict=True))), training=False),
            wanted,
        )
    feeds = graph.inputs[: len(wanted)]
    used = _upstream_names(graph.outputs)
    kept = [call for call in calls if call.tensor.graph is graph.graph and call.tensor.name in used]
    names = _number_repeated_paths([call.path for call in kept])
    tensors = _list_tensors(kept, names)
    found = {tensor.key: call.tensor for tensor, call in zip(tensors, kept, strict=True)}

    def only(key: str) -> Compute:
        part = graph.prune(feeds, found[key])
        return lambda rows: np.asarray(part(*(tf.constant(rows[name]) for name in inputs)))

    return Activations(tensors, only)


@contextlib.contextmanager
def _record_layer_calls(model: Any) -> Iterator[list[_LayerCall]]:
    """Every call of a layer or operation of Keras while this lasts, in the order in which they end.

    What a layer passes on from one inside of it, as a nested model does, is the inner one's.
    """
    import keras

    calls: list[_LayerCall] = []
    path: list[str] = []
    original = keras.Operation.__call__

    def heard(self: Any, *args: Any, **kwargs: Any) -> Any:
        began = len(calls)
        path.append(self.name)
        try:
            given = original(self, *args, **kwargs)
            inner = {id(call.tensor) for call in calls[began:]}
            here = "/".join(path[1:] or path)
            for tensor in keras.tree.flatten(given):
                if hasattr(tensor, "graph") and id(tensor) not in inner:
                    calls.append(_LayerCall(here, type(self).__name__, tensor))
        finally:
            path.pop()
        return given

    keras.Operation.__call__ = heard
    try:
        yield calls
    finally:
        keras.Operation.__call__ = original


def _number_repeated_paths(paths: list[str]) -> list[str]:
    """The paths, each once: a layer that is called again, or gives several tensors, is numbered."""
    seen: dict[str, int] = {}
    names = []
    for path in paths:
        seen[path] = seen.get(path, 0) + 1
        names.append(path if seen[path] == 1 else f"{path} ({seen[path]})")
    return names


def _list_tensors(calls: list[_LayerCall], names: list[str]) -> list[Activation]:
    latest: dict[str, str] = {}  # by name of the graph's tensor; a Dropout passes on the very tensor that it is given
    found = []
    for call, name in zip(calls, names, strict=True):
        tensor = call.tensor
        after = [latest[tensor.name]] if tensor.name in latest else sorted(_nearest_recorded(tensor, latest))
        latest[tensor.name] = name
        shape = None if tensor.shape.rank is None else tuple(tensor.shape.as_list())
        found.append(Activation(name, name, call.layer, shape, tensor.dtype.name, tuple(after)))
    return found


def _nearest_recorded(tensor: Any, recorded: dict[str, str]) -> set[str]:
    """The known tensors that this one is computed from without another known one between."""
    found, seen, todo = set(), set(), list(tensor.op.inputs)
    while todo:
        one = todo.pop()
        if one.name in recorded:
            found.add(recorded[one.name])
        elif one.name not in seen:
            seen.add(one.name)
            todo += one.op.inputs
    return found


def _upstream_names(tensors: list[Any]) -> set[str]:
    """Names of these tensors and of all that they are computed from."""
    seen, todo = set(), list(tensors)
    while todo:
        one = todo.pop()
        if one.name not in seen:
            seen.add(one.name)
            todo += one.op.inputs
    return seen
