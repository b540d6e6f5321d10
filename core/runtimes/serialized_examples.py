"""Signatures that take serialized tf.train.Example messages: their features stand as inputs instead.

What the features are stands in the operation that parses them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Arrays
from core.runtimes.base import PredictFunction, join_remarks
from core.runtimes.batch_adapter import BatchAdapter, adapt_batch_size
from core.runtimes.specs import Shape, Spec, shape_of, to_numpy_dtype

PARSERS = ("ParseExampleV2", "ParseExample")
REMARK = "It takes serialized tf.train.Example messages in “{}”; here their features are its inputs."


class ExampleInput(NamedTuple):
    """The input that takes messages, and what is in them: name, dtype, and the shape of each row first."""

    name: str
    features: tuple[Spec, ...]

    @property
    def remark(self) -> str:
        return REMARK.format(self.name)

    def wrap(self, call: PredictFunction) -> PredictFunction:
        """The same call over features."""

        def predict(inputs: Arrays) -> Arrays:
            rows = len(next(iter(inputs.values())))
            messages = [_serialize({name: array[row] for name, array in inputs.items()}) for row in range(rows)]
            return call({self.name: np.array(messages, dtype=object)})

        return predict


def find_example_input(name: str, graph: Any) -> ExampleInput | None:
    """What is in the messages that a signature with this GraphDef takes in its one input; None where it parses none."""
    parsers = [(node, body) for body in _bodies(graph) for node in body.values() if node.op in PARSERS]
    features = tuple(_read_features(*parsers[0])) if len(parsers) == 1 else ()
    return ExampleInput(name, features) if features else None


def _bodies(graph: Any) -> Iterator[dict[str, Any]]:
    yield {node.name: node for node in graph.node}
    for function in graph.library.function:
        yield {node.name: node for node in function.node_def}


def _read_features(node: Any, body: dict[str, Any]) -> Iterator[Spec]:
    """The features of one value for each row, and those of any number of them."""
    from tensorflow import as_dtype

    sparse_keys, dense_keys = _read_keys(node, body)
    dense_types, shapes = node.attr["Tdense"].list.type, node.attr["dense_shapes"].list.shape
    for key, number, shape in zip(dense_keys, dense_types, shapes, strict=True):
        sizes = [None if axis.size < 0 else axis.size for axis in shape.dim]
        yield Spec(key, to_numpy_dtype(as_dtype(number).name), (None, *sizes))
    for key, number in zip(sparse_keys, node.attr["sparse_types"].list.type, strict=True):
        yield Spec(key, to_numpy_dtype(as_dtype(number).name), (None, None))


def _read_keys(node: Any, body: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The names of the sparse features and of the dense ones: two lists, or one input for each name."""
    if node.op == "ParseExampleV2":
        return _read_texts(node.input[2], body), _read_texts(node.input[3], body)
    sparse, dense = node.attr["Nsparse"].i, node.attr["Ndense"].i
    names = [_read_texts(name, body)[0] for name in node.input[2 : 2 + sparse + dense]]
    return names[:sparse], names[sparse:]


def _read_texts(name: str, body: dict[str, Any]) -> list[str]:
    """The texts of a constant."""
    from tensorflow import make_ndarray

    values = make_ndarray(body[name.partition(":")[0]].attr["value"].tensor)
    return [text.decode("utf-8") for text in np.ravel(values)]


def _serialize(features: Arrays) -> bytes:
    from tensorflow.train import Example

    example = Example()
    for name, array in features.items():
        feature, values = example.features.feature[name], np.ravel(array)
        if values.dtype.kind in "fc":
            feature.float_list.value.extend(values.astype("float32"))
        elif values.dtype.kind in "biu":
            feature.int64_list.value.extend(values.astype("int64"))
        else:
            feature.bytes_list.value.extend(str(value).encode("utf-8") for value in values)
    return bytes(example.SerializeToString())


def fed_shape(tensor: Any) -> Shape:
    """The shape in which a session is fed a tensor.

    Behind a parser whose examples may come in any shape nothing is known of it but what the parser says of one example.
    """
    import tensorflow as tf

    source = tensor
    while source.op.type == "Identity":
        source = source.op.inputs[0]
    if tensor.shape.rank is not None or source.op.type not in PARSERS:
        return shape_of(tensor)
    # Of each sparse feature a parser gives three tensors first.
    number = source.value_index - 3 * len(source.op.get_attr("sparse_types"))
    shapes = source.op.get_attr("dense_shapes")
    sizes = tf.TensorShape(shapes[number] if 0 <= number < len(shapes) else None)
    return None if sizes.rank is None else (None, *sizes.as_list())


def adapt_function(
    specs: Sequence[Spec], outputs: dict[str, Shape], call: PredictFunction, make_graph: Callable[[], Any]
) -> BatchAdapter:
    """How a function of TensorFlow predicts any number of rows, of examples by their features, which its GraphDef says.

    That is made only where it may take examples: with constants in it, it is as large as the model.
    """
    may_be_examples = len(specs) == 1 and specs[0].dtype == "object"
    if may_be_examples and (examples := find_example_input(specs[0].name, make_graph())):
        adapter = adapt_batch_size(examples.features, outputs, examples.wrap(call))
        return adapter._replace(remark=join_remarks(examples.remark, adapter.remark))
    return adapt_batch_size(specs, outputs, call)
