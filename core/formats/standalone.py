"""Loader functions copied into proof kits.

How a person loads a copy without Roundtrip: the code and the packages that go into a proof kit.

Each function here goes into a `load.py` as it stands, with those functions of this file that it uses. It may use
nothing else of ours, and imports what it needs by itself.

How a person loads a file that was brought in, without Roundtrip: as `core.formats.standalone`, for what only others
write.

Each function goes into a `load.py` with all of ours that it uses.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

from core.runtimes import litert as litert_runtime
from core.runtimes import onnx as onnx_runtime
from core.runtimes import openvino as openvino_runtime
from core.runtimes.adapters import adapt_batch_size
from core.runtimes.base import Spec
from core.runtimes.legacy_keras import is_legacy_version, load_legacy_h5, read_keras_version

TENSORFLOW_PACKAGES = ("tensorflow", "keras", "h5py", "numpy")  # TensorFlow itself requires the other three


@dataclass(frozen=True)
class StandaloneLoader:
    """What a format's proof kit needs.

    `load` gives a function that answers `{name: array}` with `{name: array}`, batch first. It takes what its parameters
    say: `path` (of `file` in the folder of the copy; the folder itself where that is empty), `classes` (custom classes
    by name), `build` (makes the untrained model), `weights` (the path of the numbers that an architecture lacks),
    `signature` (the one through which a file that was brought in is asked). `needs` are packages, as the records call
    them. Where `runs_code`, loading runs whatever is in the file. `brought` stands for `load` where the copy came from
    outside: it reads what only others write.
    """

    load: Callable[..., Callable[[dict[str, Any]], dict[str, Any]]]
    file: str
    packages: tuple[str, ...]
    runs_code: bool = False
    load_imported: Callable[..., Callable[[dict[str, Any]], dict[str, Any]]] | None = None

    def for_trust(self, trust: str) -> Self:
        """The kit of a copy of that trust."""
        return replace(self, load=self.load_imported) if self.load_imported and trust == "brought in" else self


def open_keras(path, classes):
    import keras

    return make_predict_function(keras.models.load_model(path, custom_objects=classes, compile=False))


def open_pickle(path, classes):
    import pickle

    import keras

    with keras.saving.custom_object_scope(classes):
        return make_predict_function(pickle.loads(path.read_bytes()))


def open_architecture(path, classes, weights):
    import keras
    import numpy as np

    model = keras.models.model_from_json(path.read_text(encoding="utf-8"), custom_objects=classes)
    if weights.suffix == ".h5":
        model.load_weights(weights)
    else:
        with np.load(weights, allow_pickle=False) as values:
            model.set_weights([values[name] for name in sorted(values, key=int)])
        for layer in model._flatten_layers():
            if hasattr(layer, "finalize_state"):  # a scale that was learned from data is kept twice
                layer.finalize_state()
    return make_predict_function(model)


def open_weights(path, build):
    model = build()
    model.load_weights(path)
    return make_predict_function(model)


def open_checkpoint(path, build):
    import tensorflow as tf

    model = build()
    status = tf.train.Checkpoint(model=model).read(path)
    status.assert_existing_objects_matched().expect_partial()
    return make_predict_function(model)


def open_safetensors(path, build):
    from safetensors.numpy import load_file

    model, found = build(), set()
    own = f"{model.name}/"  # stands before the names, or not, as the model was made
    arrays = {name.removeprefix(own): array for name, array in load_file(path).items()}
    for variable in getattr(model, "weights", None) or model.variables:
        name = base = getattr(variable, "path", variable.name).removesuffix(":0").removeprefix(own)
        count = 1
        while name in found:  # of several with one name the later ones are numbered
            count += 1
            name = f"{base}_{count}"
        found.add(name)
        if name in arrays:
            variable.assign(arrays.pop(name))
    if arrays:
        raise ValueError(f"The model has no weights of these names: {sorted(arrays)}; it has {sorted(found)}")
    return make_predict_function(model)


def make_predict_function(model):
    """Ask a Keras model or a tf.Module as an exported graph would be: in inference mode, through one graph."""
    import tensorflow as tf

    keras_like = hasattr(model, "predict")
    graph = tf.function(lambda x: model(x, training=False), autograph=False) if keras_like else model
    by_name = isinstance(getattr(model, "input", None) if getattr(model, "inputs", None) else None, dict)

    def answer(inputs):
        feed = {name: tf.constant(array) for name, array in inputs.items()}
        found = graph(next(iter(feed.values())) if len(feed) == 1 and not by_name else feed)
        if not isinstance(found, dict):
            several = isinstance(found, (list, tuple))
            found = list(found) if several else [found]
            names = list(getattr(model, "output_names", None) or ()) if several else []
            names = names if len(names) == len(found) else [f"output_{at}" for at in range(len(found))]
            found = dict(zip(names, found, strict=True))
        return {name: tensor.numpy() for name, tensor in found.items()}

    return answer


def open_saved_model(path):
    import tensorflow as tf

    loaded = tf.saved_model.load(path)

    def answer(inputs):
        ask = loaded.signatures["serving_default"]
        found = ask(**{name: tf.constant(array) for name, array in inputs.items()})
        return {name: tensor.numpy() for name, tensor in found.items()}

    return answer


def open_frozen_graph(path):
    import tensorflow as tf

    graph = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    whole = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(graph, name=""), [])
    read = {name.removeprefix("^").split(":")[0] for node in graph.node for name in node.input}
    inner = ("NoOp", "Placeholder")
    asked = [node.name for node in graph.node if node.op == "Placeholder" and node.name in read]
    given = [node.name for node in graph.node if node.op not in inner and node.name not in read]
    tensors = {name: whole.graph.get_tensor_by_name(f"{name}:0") for name in asked + given}
    ask = whole.prune([tensors[name] for name in asked], {name: tensors[name] for name in given})

    def answer(inputs):
        found = ask(*(tf.constant(inputs[name]) for name in asked))
        return {name: tensor.numpy() for name, tensor in found.items()}

    return answer


def open_onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


def open_litert(path):
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    content = path.read_bytes()  # given a path, the interpreter crashes on some damaged files
    details = Interpreter(model_content=content).get_signature_runner().get_input_details()
    one_row = any(detail["shape_signature"][0] == 1 for detail in details.values())

    def ask(inputs):
        return Interpreter(model_content=content).get_signature_runner()(**inputs)

    def answer(inputs):
        rows = len(next(iter(inputs.values())))
        try:
            found = {} if one_row else ask(inputs)
        except (RuntimeError, ValueError):  # it takes no batch
            found = {}
        if found and all(len(array) == rows for array in found.values()):
            return found
        parts = [ask({name: array[row : row + 1] for name, array in inputs.items()}) for row in range(rows)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return answer


def open_openvino(path):
    import sys

    sys.modules.setdefault("openvino_telemetry", None)  # else the package reports its use to its maker
    import openvino

    # Left to itself it computes in bfloat16 where the processor can, and is off in the third digit.
    model = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    outputs = [port for port in model.outputs if len(port.get_partial_shape())]
    names = [min(port.get_names(), default=f"output_{at}") for at, port in enumerate(outputs)]

    def answer(inputs):
        found = model(inputs)
        return {name: found[port].copy() for name, port in zip(names, outputs, strict=True)}

    return answer


def open_in_session(path, signature):
    """As TensorFlow 1 read its models: a graph in a session. It reads those of TensorFlow 2, too."""
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2

    kept = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    tags = [list(one.meta_info_def.tags) for one in kept.meta_graphs]
    tags = min(tags, key=lambda one: (one != ["serve"], "serve" not in one))
    graph = tf.Graph()
    with graph.as_default():
        session = tf.compat.v1.Session(graph=graph)
        found = tf.compat.v1.saved_model.loader.load(session, tags, str(path)).signature_def
    names = sorted(name for name in found if not name.startswith("__saved_model"))
    asked = found[signature or ("serving_default" if "serving_default" in names else names[0])]
    takes = {name: graph.get_tensor_by_name(asked.inputs[name].name) for name in sorted(asked.inputs)}
    gives = {name: graph.get_tensor_by_name(asked.outputs[name].name) for name in sorted(asked.outputs)}

    def answer(inputs):
        return session.run(gives, {takes[name]: array for name, array in inputs.items()})

    specs = [Spec(name, tensor.dtype.name, _static_shape(tensor)) for name, tensor in takes.items()]
    return adapt_batch_size(specs, {name: _static_shape(tensor) for name, tensor in gives.items()}, answer).predict


def _static_shape(tensor):
    return None if tensor.shape.rank is None else tuple(tensor.shape.as_list())


def open_old_h5(path, classes):
    """A file of Keras 1 or 2 is read in the words of Keras 3; one of Keras 3 as it stands."""
    version = read_keras_version(path)
    if not is_legacy_version(version):
        return open_keras(path, classes)
    return make_predict_function(load_legacy_h5(path, version, classes)[0])


def open_any_litert(path, signature):
    content = path.read_bytes()  # given a path, the interpreter crashes on some damaged files
    return litert_runtime.adapt_interpreter(content, litert_runtime.open_interpreter(content), signature).predict


def open_any_onnx(path):
    return onnx_runtime.adapt_session(onnx_runtime.open_session(str(path))).predict


def open_any_openvino(path):
    return openvino_runtime.adapt_compiled_model(openvino_runtime.compile_model(path)).predict
