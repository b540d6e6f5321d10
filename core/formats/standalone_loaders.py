"""How a person loads a copy without Roundtrip: the functions and packages that go into a proof kit.

Each `open_*` function is written into a `load.py` with all of ours that it uses, and imports other packages by itself.
Those of imported files are in `core.formats.imported_loaders`.
A person is meant to read the plain ones; `open_structured_*` take Keras models of any structure, and tf.Modules.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from core.arrays import Arrays
from core.runtimes import litert as litert_runtime
from core.runtimes import onnx as onnx_runtime
from core.runtimes import openvino as openvino_runtime
from core.runtimes import stablehlo as stablehlo_runtime
from core.runtimes.base import Model, PredictFunction
from core.runtimes.call_arguments import call_model
from core.runtimes.imported_graph import import_frozen_graph
from core.runtimes.specs import name_outputs
from core.runtimes.variables import finalize_layers, optimizer_variables

TENSORFLOW_PACKAGES = ("tensorflow", "keras", "h5py", "numpy")  # TensorFlow itself requires the other three
Classes = dict[str, type]


@dataclass(frozen=True)
class StandaloneLoader:
    """What a format's proof kit needs.

    Attributes:
        load: Returns a function from inputs by name to outputs by name, batch first. It takes what its parameters say:
            `path` (of `file` in the folder of the copy; the folder itself where that is empty), `classes` (custom
            classes by name), `build` (makes the untrained model), `weights` (the path of the numbers that an
            architecture lacks), `signature` (the one through which an imported file predicts).
        packages: Packages that it needs, as the records call them.
        runs_code: Whether loading runs whatever is in the file.
        load_imported: Stands for `load` where the copy was imported, and may need the `imported_packages` too.
        load_structured: Stands for `load` where the model's inputs and outputs are not known to be flat.
    """

    load: Callable[..., PredictFunction]
    file: str
    packages: tuple[str, ...] = TENSORFLOW_PACKAGES
    runs_code: bool = False
    load_imported: Callable[..., PredictFunction] | None = None
    load_structured: Callable[..., PredictFunction] | None = None
    imported_packages: tuple[str, ...] = ()

    def for_structure(self, *, is_flat: bool) -> Self:
        """The loader of a copy of a model with such inputs and outputs."""
        return self if is_flat or not self.load_structured else replace(self, load=self.load_structured)

    def for_trust(self, trust: str) -> Self:
        """The loader of a copy of that trust."""
        if not self.load_imported or trust != "brought in":
            return self
        packages = self.packages + self.imported_packages
        return replace(self, load=self.load_imported, load_structured=None, packages=packages)


def read_keras(path: Path, classes: Classes) -> Model:
    import keras

    return keras.models.load_model(path, custom_objects=classes, compile=False)


def read_pickle(path: Path, classes: Classes) -> Model:
    import pickle

    import keras

    with keras.saving.custom_object_scope(classes):
        return pickle.loads(path.read_bytes())


def read_architecture(path: Path, classes: Classes, weights: Path) -> Model:
    import keras

    model = keras.models.model_from_json(path.read_text(encoding="utf-8"), custom_objects=classes)
    if weights.suffix == ".h5":
        model.load_weights(weights)
    else:
        with np.load(weights, allow_pickle=False) as values:
            model.set_weights([values[name] for name in sorted(values, key=int)])
        finalize_layers(model)
    return model


def read_weights(path: Path, build: Callable[[], Model]) -> Model:
    model = build()
    model.load_weights(path)
    return model


def read_checkpoint(path: Path, build: Callable[[], Model]) -> Model:
    import tensorflow as tf

    model = build()
    status = tf.train.Checkpoint(model=model).read(path)
    status.assert_existing_objects_matched().expect_partial()
    finalize_layers(model)
    return model


def read_safetensors(path: Path, build: Callable[[], Model]) -> Model:
    from safetensors import safe_open

    model = build()
    own = f"{model.name}/"  # stands before the names, or not, as the model was made
    state = set(map(id, optimizer_variables(model)))  # which a tf.Module counts among its own
    variables = [each for each in getattr(model, "weights", None) or model.variables if id(each) not in state]
    paths = [getattr(variable, "path", variable.name).removesuffix(":0").removeprefix(own) for variable in variables]
    with safe_open(path, "numpy") as file:
        names = {name.removeprefix(own): name for name in list(file.keys())}
        order = json.loads((file.metadata() or {}).get("order", "[]")) or [names[path] for path in paths]
        for name, variable in zip(order, variables, strict=True):
            variable.assign(file.get_tensor(name))
    finalize_layers(model)
    return model


def open_keras(path: Path, classes: Classes) -> PredictFunction:
    return predict_flat(read_keras(path, classes))


def open_structured_keras(path: Path, classes: Classes) -> PredictFunction:
    return make_predict_function(read_keras(path, classes))


def open_pickle(path: Path, classes: Classes) -> PredictFunction:
    return predict_flat(read_pickle(path, classes))


def open_structured_pickle(path: Path, classes: Classes) -> PredictFunction:
    return make_predict_function(read_pickle(path, classes))


def open_architecture(path: Path, classes: Classes, weights: Path) -> PredictFunction:
    return predict_flat(read_architecture(path, classes, weights))


def open_structured_architecture(path: Path, classes: Classes, weights: Path) -> PredictFunction:
    return make_predict_function(read_architecture(path, classes, weights))


def open_weights(path: Path, build: Callable[[], Model]) -> PredictFunction:
    return predict_flat(read_weights(path, build))


def open_structured_weights(path: Path, build: Callable[[], Model]) -> PredictFunction:
    return make_predict_function(read_weights(path, build))


def open_checkpoint(path: Path, build: Callable[[], Model]) -> PredictFunction:
    return predict_flat(read_checkpoint(path, build))


def open_structured_checkpoint(path: Path, build: Callable[[], Model]) -> PredictFunction:
    return make_predict_function(read_checkpoint(path, build))


def open_safetensors(path: Path, build: Callable[[], Model]) -> PredictFunction:
    return predict_flat(read_safetensors(path, build))


def open_structured_safetensors(path: Path, build: Callable[[], Model]) -> PredictFunction:
    return make_predict_function(read_safetensors(path, build))


def read_orbax(path: Path, classes: Classes) -> Model:
    model = read_keras(path, classes)
    finalize_layers(model)
    return model


def open_orbax(path: Path, classes: Classes) -> PredictFunction:
    return predict_flat(read_orbax(path, classes))


def open_structured_orbax(path: Path, classes: Classes) -> PredictFunction:
    return make_predict_function(read_orbax(path, classes))


def predict_flat(model: Model) -> PredictFunction:
    """Predict with a Keras model as an exported graph would: in inference mode, through one graph."""
    import tensorflow as tf

    graph = tf.function(lambda feed: model(feed, training=False), autograph=False)

    def predict(inputs: Arrays) -> Arrays:
        feed = {name: tf.constant(array) for name, array in inputs.items()}
        outputs = tf.nest.flatten(graph(feed if len(feed) > 1 else next(iter(feed.values()))))
        names = model.output_names if len(outputs) > 1 else ["output_0"]
        return _with_row_each(dict(zip(names, map(np.asarray, outputs), strict=True)), inputs)

    return predict


def make_predict_function(model: Model) -> PredictFunction:
    """Predict with a Keras model or a tf.Module as an exported graph would: in inference mode, through one graph."""
    import tensorflow as tf

    is_keras = hasattr(model, "predict")
    graph = tf.function(lambda feed: call_model(model, feed), autograph=False) if is_keras else model

    def predict(inputs: Arrays) -> Arrays:
        feed = {name: tf.constant(array) for name, array in inputs.items()}
        outputs = graph(feed) if is_keras else graph(*feed.values())
        return _with_row_each(name_outputs(outputs, getattr(model, "output_names", None)), inputs)

    return predict


def _with_row_each(outputs: Arrays, inputs: Arrays) -> Arrays:
    rows = len(next(iter(inputs.values())))  # what is one for the whole call, as a mean over it, is repeated
    return {
        name: array if array.ndim and len(array) == rows else np.broadcast_to(array, (rows, *array.shape))
        for name, array in outputs.items()
    }


def open_saved_model(path: Path) -> PredictFunction:
    import tensorflow as tf

    loaded = tf.saved_model.load(path)

    def predict(inputs: Arrays) -> Arrays:
        signature = loaded.signatures["serving_default"]
        specs = signature.structured_input_signature[1]
        outputs = signature(**{name: tf.cast(array, specs[name].dtype) for name, array in inputs.items()})
        return _with_row_each({name: tensor.numpy() for name, tensor in outputs.items()}, inputs)

    return predict


def open_frozen_graph(path: Path) -> PredictFunction:
    import tensorflow as tf

    function = import_frozen_graph(tf.compat.v1.GraphDef.FromString(path.read_bytes()))

    def predict(inputs: Arrays) -> Arrays:
        outputs = function(*(tf.cast(inputs[tensor.op.name], tensor.dtype) for tensor in function.inputs))
        return _with_row_each({name: tensor.numpy() for name, tensor in outputs.items()}, inputs)

    return predict


def open_onnx(path: Path) -> PredictFunction:
    onnxruntime = onnx_runtime.import_onnxruntime()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: _with_row_each(dict(zip(names, session.run(names, inputs), strict=True)), inputs)


def _open_interpreter(content: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(model_content=content)
    try:
        interpreter.allocate_tensors()
    except RuntimeError as error:
        if litert_runtime.DELEGATE not in str(error):  # else it does not take the scales of an integer file
            return interpreter
        own_kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        return Interpreter(model_content=content, experimental_op_resolver_type=own_kernels)
    return interpreter


def open_litert(path: Path) -> PredictFunction:
    content = path.read_bytes()  # given a path, the interpreter crashes on some damaged files
    details = _open_interpreter(content).get_signature_runner().get_input_details()
    one_row = any(detail["shape_signature"][0] == 1 for detail in details.values())

    def run(inputs: Arrays) -> Arrays:
        return dict(_open_interpreter(content).get_signature_runner()(**inputs))

    def predict(inputs: Arrays) -> Arrays:
        rows = len(next(iter(inputs.values())))
        try:
            outputs = {} if one_row else run(inputs)
        except (RuntimeError, ValueError):  # it takes no batch
            outputs = {}
        if outputs and all(not array.ndim or len(array) == rows for array in outputs.values()):
            return _with_row_each(outputs, inputs)
        calls = [{name: array[row : row + 1] for name, array in inputs.items()} for row in range(rows)]
        parts = [_with_row_each(run(call), call) for call in calls]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return predict


def open_openvino(path: Path) -> PredictFunction:
    model = openvino_runtime.compile_model(path)
    ports = openvino_runtime.name_answers(model)

    def predict(inputs: Arrays) -> Arrays:
        results = model(inputs)
        return _with_row_each({name: results[port].copy() for name, port in ports.items()}, inputs)

    return predict


def open_stablehlo(path: Path) -> PredictFunction:
    call, (port, *_) = stablehlo_runtime.open_module(path), stablehlo_runtime.read_ports(path)["inputs"]

    def predict(inputs: Arrays) -> Arrays:
        rows = len(inputs[port[0]])
        calls = [{name: array[row : row + 1] for name, array in inputs.items()} for row in range(rows)]
        parts = [call(each) for each in calls]
        return {name: np.concatenate([np.atleast_1d(part[name]) for part in parts]) for name in parts[0]}

    return predict


def open_pt2(path: Path) -> PredictFunction:
    import torch

    extra = {"ports.json": ""}
    module = torch.export.load(str(path), extra_files=extra).module()
    ports = json.loads(extra["ports.json"])

    def predict(inputs: Arrays) -> Arrays:
        with torch.no_grad():
            outputs = module(*(torch.from_numpy(inputs[name]) for name, *_ in ports["inputs"]))
        tensors = outputs.values() if isinstance(outputs, dict) else [outputs]
        arrays = [tensor.numpy() for tensor in tensors]
        return _with_row_each(dict(zip(ports["outputs"], arrays, strict=True)), inputs)

    return predict
