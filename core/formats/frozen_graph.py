"""One `.pb` file: the graph of TensorFlow 1, with every variable turned into a constant."""

from pathlib import Path
from typing import Any

from core.arrays import Arrays, NamedArrays
from core.errors import CannotSave
from core.formats.base import Format
from core.formats.standalone_loaders import StandaloneLoader, open_frozen_graph
from core.runtimes.base import NO_CODE, Model, ModelCode, Predictor
from core.runtimes.batch_adapter import adapt_batch_size, adapted_predictor
from core.runtimes.imported_graph import import_frozen_graph
from core.runtimes.inference_model import inference_function, output_names
from core.runtimes.specs import Spec, shape_of, to_numpy_dtype

FILE = "model.pb"


def save(model: Model, folder: Path) -> None:
    (folder / FILE).write_bytes(freeze_graph(model).SerializeToString())


def freeze_graph(model: Model) -> Any:
    """The graph of a model as a GraphDef: its Placeholders are the inputs, and what no node reads are the outputs.

    Raises CannotSave when the graph holds a lookup table.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    function = inference_function(model)
    constant = convert_variables_to_constants_v2(function)
    if any(tensor.dtype.name == "resource" for tensor in constant.inputs):
        cure = "Save as SavedModel or .keras, which keep vocabularies."
        raise CannotSave("The model looks words up in a table, and a graph of constants cannot hold one.", cure=cure)
    return _rename_outputs(constant, output_names(model, function))


def _rename_outputs(constant: Any, names: list[str]) -> Any:
    """Call the last nodes as the outputs: a frozen graph has no other place for their names."""
    graph = constant.graph.as_graph_def()
    renamed = {tensor.op.name: name for tensor, name in zip(constant.outputs, names, strict=True)}
    taken = {node.name for node in graph.node}
    for node in graph.node:
        if renamed.get(node.name, node.name) not in taken:
            node.name = renamed[node.name]
    return graph


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    import tensorflow as tf

    graph = tf.compat.v1.GraphDef.FromString((folder / FILE).read_bytes())
    function = import_frozen_graph(graph)
    specs = [Spec(tensor.op.name, to_numpy_dtype(tensor.dtype.name), shape_of(tensor)) for tensor in function.inputs]

    def predict(inputs: Arrays) -> Arrays:
        outputs = function(*(tf.constant(inputs[spec.name]) for spec in specs))
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    shapes = {name: shape_of(tensor) for name, tensor in function.structured_outputs.items()}
    adapter = adapt_batch_size(specs, shapes, predict)
    return adapted_predictor(function, adapter, lambda: _read_constants(graph))


def _read_constants(graph: Any) -> NamedArrays:
    import tensorflow as tf

    constants = [(node.name, tf.make_ndarray(node.attr["value"].tensor)) for node in graph.node if node.op == "Const"]
    return [(name, array) for name, array in constants if array.dtype != object]


FORMAT = Format(
    key="frozen_graph",
    label="Frozen graph (.pb)",
    layout="one file",
    good_for="Old deployments: OpenCV, TensorFlow 1 and embedded tools that read one file with graph and numbers.",
    keeps=frozenset({"weights", "graph"}),
    accepts=frozenset({"keras", "module"}),
    save=save,
    load=load,
    kit=StandaloneLoader(open_frozen_graph, FILE),
    max_weight_bytes=2**31 - 1,  # a protocol buffer
    origin="TensorFlow 1: a GraphDef with its variables as constants.",
    explains="TensorFlow 2 neither writes nor reads it by an official function any more: variables are folded into "
    "constants, and tf.compat.v1.wrap_function imports the graph. It has no signatures: inputs and outputs are known "
    "by the names of their nodes alone. A lookup table cannot be folded into it, and the file may not exceed 2 GB.",
)
