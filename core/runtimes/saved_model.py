"""SavedModel as TF2 object or TF1 session.

SavedModels read the way of TensorFlow 1: a graph in a session, with no Python object of the model in between.

What a SavedModel directory holds of a model's variables, read from its own checkpoint.

A tf.Module around one signature of a SavedModel: what converters are given where there is no Python code.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from core.arrays import Arrays
from core.errors import CannotSave, DoesNotLoad, RoundtripError
from core.runtimes.adapters import by_rows, choose_signature, remarks
from core.runtimes.base import ModelCode, Named, Predictor, Spec
from core.runtimes.live import numpy_dtype, shape_of, signature_predictor

VARIABLES = ("VarHandleOp", "VariableV2", "Variable")
KIND = "saved_model.pb"
SERVING = "serve"


@dataclass(frozen=True)
class InSession:
    """A signature in a graph, with the session that holds its variables: inputs and outputs are tensors by name."""

    session: Any
    inputs: dict[str, Any]
    outputs: dict[str, Any]

    def answer(self, inputs: Arrays) -> Arrays:
        return self.session.run(self.outputs, {self.inputs[name]: array for name, array in inputs.items()})

    def weights(self) -> Named:
        """The variables that the outputs depend on, in the order of the graph."""
        handles = [one for one in _behind(self.outputs.values()) if one.type in VARIABLES]
        read = {one.name: self._value(one) for one in handles}
        return list(self.session.run(read).items())

    def _value(self, operation: Any) -> Any:
        import tensorflow as tf

        if operation.type != "VarHandleOp":
            return operation.outputs[0]
        with operation.graph.as_default():
            return tf.raw_ops.ReadVariableOp(resource=operation.outputs[0], dtype=operation.get_attr("dtype"))


def has_objects(folder: Path) -> bool:
    """Whether a SavedModel says which objects it was made of; those of TensorFlow 1 do not."""
    return any(len(one.object_graph_def.nodes) for one in _read(folder).meta_graphs)


def signatures_in(folder: Path) -> set[str]:
    """The names of all signatures of a SavedModel."""
    return {name for one in _read(folder).meta_graphs for name in one.signature_def}


def _read(folder: Path) -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    return saved_model_pb2.SavedModel.FromString((folder / KIND).read_bytes())


def open_session(folder: Path, asked: str = "") -> tuple[InSession, str]:
    """One signature of a SavedModel in a session, and the remark of `choose_signature`.

    Raises DoesNotLoad, InputError, and what TensorFlow raises.
    """
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        session = tf.compat.v1.Session(graph=graph)
        found = tf.compat.v1.saved_model.loader.load(session, _tags(folder), str(folder))
    name, remark = choose_signature(found.signature_def, asked)
    signature = found.signature_def[name]
    return InSession(session, _tensors(graph, signature.inputs), _tensors(graph, signature.outputs)), remark


def session_predictor(held: InSession) -> Predictor:
    """The predictor over a signature in a session."""
    specs = [_spec(name, tensor) for name, tensor in held.inputs.items()]
    rows = by_rows(specs, {name: shape_of(tensor) for name, tensor in held.outputs.items()}, held.answer)
    return Predictor(held, rows.specs, rows.answer, weights=held.weights, remark=rows.remark)


def _spec(name: str, tensor: Any) -> Spec:
    return Spec(name, numpy_dtype(tensor.dtype.base_dtype.name), shape_of(tensor))


def _tags(folder: Path) -> list[str]:
    """The tags of the graph for serving; else of the first."""
    tags = [list(one.meta_info_def.tags) for one in _read(folder).meta_graphs]
    if not tags:
        raise DoesNotLoad("This SavedModel holds no graph.", cure="Save it again.")
    return min(tags, key=lambda one: (one != [SERVING], SERVING not in one))


def _tensors(graph: Any, infos: Any) -> dict[str, Any]:
    """Tensors by name, in the order of the alphabet: a signature has none of its own. Raises DoesNotLoad for sparse."""
    if strange := [name for name, info in infos.items() if info.WhichOneof("encoding") != "name"]:
        raise DoesNotLoad(
            f"The input or output “{strange[0]}” is no plain tensor (it is sparse, or made of several).",
            cure="Choose another signature, or save one that takes plain tensors.",
        )
    return {name: graph.get_tensor_by_name(infos[name].name) for name in sorted(infos)}


def _behind(tensors: Any) -> Iterator[Any]:
    """Every operation that some tensors depend on, in the order of the graph."""
    waiting = [tensor.op for tensor in tensors]
    graph, seen = waiting[0].graph, set()
    while waiting:
        one = waiting.pop()
        if one.name not in seen:
            seen.add(one.name)
            waiting += [tensor.op for tensor in one.inputs]
    return (one for one in graph.get_operations() if one.name in seen)


def frozen_function(held: InSession) -> Any:
    """The signature as a concrete function that TensorFlow 2 calls and converts, its variables made constants.

    Raises CannotSave where the graph needs more than variables, such as a lookup table.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_from_session_graph

    nodes = sorted({tensor.op.name for tensor in held.outputs.values()})
    graph = held.session.graph
    constant = convert_variables_to_constants_from_session_graph(held.session, graph.as_graph_def(), nodes)
    if tables := [node.name for node in constant.node if "HashTable" in node.op]:
        raise CannotSave(
            "The model looks words up in a table, and a graph of constants cannot hold one.",
            received=tables[0],
            cure="Convert it where it was made, with the table inside of the function.",
        )
    whole = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(constant, name=""), [])
    feeds = [whole.graph.get_tensor_by_name(tensor.name) for tensor in held.inputs.values()]
    fetches = {name: whole.graph.get_tensor_by_name(tensor.name) for name, tensor in held.outputs.items()}
    return _inlined(whole.prune(feeds, fetches))


def _inlined(function: Any) -> Any:
    """The same with the functions that it calls written out: some converters know none."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    flat = convert_variables_to_constants_v2(function, lower_control_flow=False, aggressive_inlining=True)
    outputs = dict(zip(sorted(function.structured_outputs), flat.graph.outputs, strict=True))
    whole = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(flat.graph.as_graph_def(), name=""), [])
    feeds = [whole.graph.get_tensor_by_name(tensor.name) for tensor in flat.inputs]
    return whole.prune(feeds, {name: whole.graph.get_tensor_by_name(tensor.name) for name, tensor in outputs.items()})


OLD = "It is a SavedModel of TensorFlow 1, so it was read as a graph in a session."
AS_GRAPH = "Its Python objects do not come back here, so it was read as a graph in a session"
ADD_SLOT = f"{AS_GRAPH}: it holds optimizer slots of Keras 2, which tf.saved_model.load fails on."


Read = Callable[[Path], Any]


class Opened(NamedTuple):
    """A SavedModel's signature: a concrete function with the object that owns its variables, or one in a session."""

    root: Any
    signature: Any
    remark: str


def load_saved_model(folder: Path, code: ModelCode, read: Read) -> Predictor:
    """The predictor over a SavedModel directory, through the signature that was chosen (see `choose_signature`).

    What `read`, TensorFlow's own loader, does not read, a session does; the remark says so. Raises DoesNotLoad,
    InputError.
    """
    opened = open_saved_model(folder, code.signature, read)
    if isinstance(opened.signature, InSession):
        predictor = session_predictor(opened.signature)
    else:
        predictor = saved_model_predictor(opened.signature, opened.root, folder)
    return replace(predictor, remark=remarks(opened.remark, predictor.remark))


def open_saved_model(folder: Path, asked: str, read: Read) -> Opened:
    """The signature that answers, however the SavedModel can be read. Raises as `load_saved_model`."""
    if not has_objects(folder):
        return _in_session(folder, asked, OLD)
    try:
        root = read(folder)
    except Exception as error:  # noqa: BLE001  whatever a loader stumbles on among the objects, the graph may be whole
        return _after(error, folder, asked)
    name, remark = choose_signature(root.signatures, asked)
    return Opened(root, root.signatures[name], remark)


def _after(error: Exception, folder: Path, asked: str) -> Opened:
    """The same from a session; where that fails too, what the first loader said."""
    try:
        return _in_session(folder, asked, ADD_SLOT if "add_slot" in str(error) else f"{AS_GRAPH}.")
    except RoundtripError:
        raise
    except Exception:  # noqa: BLE001  the first error is the telling one
        raise error from None


def _in_session(folder: Path, asked: str, reason: str) -> Opened:
    held, remark = open_session(folder, asked)
    return Opened(held, held, remarks(reason, remark))


def saved_model_predictor(signature: Any, root: Any, folder: Path) -> Predictor:
    """The predictor over a signature, with weights and optimizer state told apart by where they are in the graph."""
    predictor = signature_predictor(signature, root)
    return replace(
        predictor,
        weights=lambda: _used_by(signature),
        optimizer=lambda: list(_optimizer_entries(folder)),
    )


def _used_by(signature: Any) -> Named:
    """The variables that the signature's graph reads: these are the weights that answer."""
    return [(variable.name, variable.numpy()) for variable in signature.graph.variables]


def _optimizer_entries(folder: Path) -> Iterable[tuple[str, Any]]:
    import tensorflow as tf

    if not (folder / "variables" / "variables.index").is_file():  # a model of constants alone has none
        return
    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    for key in sorted(reader.get_variable_to_shape_map()):
        if key.startswith("optimizer/") and key.endswith(".ATTRIBUTES/VARIABLE_VALUE"):
            yield key, reader.get_tensor(key)


def serving_module(folder: Path, asked: str = "") -> Any:
    """The signature of a SavedModel (see `choose_signature`) as a tf.Module with one `tf.function`, its `__call__`.

    It holds the variables that the signature reads; of a signature in a session it holds constants. Raises what
    `open_saved_model` raises, and CannotSave.
    """
    import tensorflow as tf

    opened = open_saved_model(folder, asked, tf.saved_model.load)
    if isinstance(opened.signature, InSession):
        names = list(opened.signature.inputs)
        return _module(frozen_function(opened.signature), names, by_name=False)
    names = sorted(opened.signature.structured_input_signature[1])
    module = _module(opened.signature, names, by_name=True)
    module.root = opened.root  # it owns the variables, and its tables
    module.read = list(opened.signature.graph.variables)
    return module


def _module(function: Any, names: list[str], by_name: bool) -> Any:
    import tensorflow as tf

    specs = function.structured_input_signature[1] if by_name else dict(zip(names, function.inputs, strict=False))
    asked = [tf.TensorSpec(specs[name].shape, specs[name].dtype, name=identifier(name)) for name in names]

    def call(self: Any, *inputs: Any) -> Any:
        return function(**dict(zip(names, inputs, strict=True))) if by_name else function(*inputs)

    kind = type("Brought", (tf.Module,), {"__call__": tf.function(call, input_signature=asked)})
    module = kind(name="brought")
    module.function = function
    return module


def identifier(name: str) -> str:
    """A name that can be an argument's: other characters than letters, digits and "_" become "_"."""
    plain = re.sub(r"\W", "_", name)
    return plain if plain.isidentifier() else f"_{plain}"
