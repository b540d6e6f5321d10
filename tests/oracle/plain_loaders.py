"""How plain Keras, TensorFlow and the bare runtimes load each format, for the second judge; nothing of `core`."""

import json
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.oracle import judge

Feeds = dict[str, np.ndarray]
KERAS_FILES = {"keras": "model.keras", "keras_dir": "model", "h5": "model.h5", "keras_int8": "model.keras"}
KERAS_FILES["keras_int4"] = KERAS_FILES["keras_float8"] = KERAS_FILES["keras_int8"]
WEIGHT_FILES = {"weights": "model.weights.h5", "weights_sharded": "model.weights.json"}


def load_facts(format_key: str, folder: Path, built: Any, build: Callable[[], Any], answers: Feeds) -> "judge.Facts":
    """The facts of a copy of the model that was built; `build` gives it anew for halves, `answers` are the names to
    pair with."""
    if format_key in KERAS_FILES or format_key in ("pickle", "architecture"):
        return judge.keras_facts(_load_keras(format_key, folder, built.model), built.inputs, built.targets)
    if format_key in (*WEIGHT_FILES, "checkpoint", "safetensors"):
        built = build()
        _fill_half(format_key, folder, built.model)
        if not hasattr(built.model, "count_params"):
            return judge.module_facts(built.model, built.inputs)
        return judge.keras_facts(*built)
    runtime = next(run for prefix, run in RUNTIMES.items() if format_key.startswith(prefix))
    return judge.graph_facts(pair_answers(answers, runtime(folder, name_inputs(built.model, built.inputs))))


def _load_keras(format_key: str, folder: Path, model: Any) -> Any:
    import keras

    kinds = {type(part) for part in model._flatten_layers() if not type(part).__module__.startswith("keras.")}
    with keras.saving.custom_object_scope({kind.__name__: kind for kind in kinds}):
        if format_key == "pickle":
            import pickle

            return pickle.loads((folder / "model.pkl").read_bytes())
        if format_key == "architecture":
            return keras.models.model_from_json((folder / "architecture.json").read_text())
        return keras.saving.load_model(folder / KERAS_FILES[format_key])


def _fill_half(format_key: str, folder: Path, model: Any) -> None:
    """Set every variable to what no file holds, then load: what was not written is seen."""
    import tensorflow as tf

    for variable in model.variables:
        if variable.dtype not in ("string", tf.string):
            variable.assign(np.full(variable.shape, 1, np.asarray(variable).dtype))
    if format_key in WEIGHT_FILES:
        model.load_weights(folder / WEIGHT_FILES[format_key])
    elif format_key == "checkpoint":
        tf.train.Checkpoint(model=model).read(str(folder / "model")).assert_existing_objects_matched()
    else:
        _fill_by_name(folder, model)


def _fill_by_name(folder: Path, model: Any) -> None:
    """Assign arrays by path; the counters of Keras go by order, since those of another process are other numbers."""
    from safetensors.numpy import load_file

    arrays: dict[str, list[np.ndarray]] = defaultdict(list)
    for name, array in sorted(load_file(folder / "model.safetensors").items(), key=_in_counted_order):
        arrays[judge.without_counters(name)].append(array)
    for variable in model.weights if hasattr(model, "weights") else model.variables:
        if waiting := arrays[judge.without_counters(getattr(variable, "path", variable.name))]:
            variable.assign(waiting.pop(0))


def _in_counted_order(item: tuple[str, np.ndarray]) -> list[tuple[bool, int, str]]:
    parts = re.split(r"(\d+)", item[0])
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def name_inputs(model: Any, inputs: Any) -> Feeds:
    """Inputs by the model's own names, in its own order."""
    if isinstance(inputs, dict):
        own = [tensor.name for tensor in getattr(model, "inputs", None) or []]
        return {name: inputs[name] for name in own} if set(own) == set(inputs) else inputs
    arrays = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    names = [tensor.name for tensor in getattr(model, "inputs", None) or []] or [
        f"in_{at}" for at in range(len(arrays))
    ]
    return dict(zip(names, arrays, strict=True))


def pair_inputs(feeds: Feeds, names: list[str]) -> Feeds:
    """Inputs under a runtime's names: the same ones, else in the order of the numbers at their ends."""
    if set(names) == set(feeds):
        return {name: feeds[name] for name in names}
    return dict(zip(_in_order(names), feeds.values(), strict=True))


def pair_answers(answers: Feeds, given: Feeds) -> Feeds:
    """A runtime's answers under the names of the model's: the same ones, the others in the order of their numbers; what
    is more than those keeps its own name."""
    renamed = [name for name in answers if name not in given]
    names = _in_order([name for name in given if name not in answers])
    return {name: given[name] for name in given if name in answers} | {
        answer: given[own] for answer, own in zip(renamed + names[len(renamed) :], names, strict=False)
    }


def _in_order(names: list[str]) -> list[str]:
    return sorted(names, key=_number) if any(_number(name) for name in names) else names


def _number(name: str) -> int:
    """The number at the end of `output_1`, `inputs_1` or `Identity_1:0`; 0 where there is none."""
    found = re.search(r"_(\d+)(?::\d+)?$", name) or re.search(r":(\d+)$", name)
    return int(found[1]) if found else 0


def run_saved_model(folder: Path, feeds: Feeds) -> Feeds:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    function = loaded.signatures["serving_default"]
    specs = function.structured_input_signature[1]
    paired = pair_inputs(feeds, list(specs))
    given = {
        name: tf.cast(array, specs[name].dtype) if array.dtype.kind != "U" else array for name, array in paired.items()
    }
    return {name: value.numpy() for name, value in function(**{k: tf.constant(v) for k, v in given.items()}).items()}


def run_frozen_graph(folder: Path, feeds: Feeds) -> Feeds:
    import tensorflow as tf

    graph_def = tf.compat.v1.GraphDef.FromString((folder / "model.pb").read_bytes())
    read = {each.split(":")[0].lstrip("^") for node in graph_def.node for each in node.input}
    ports = [node.name for node in graph_def.node if node.op == "Placeholder" and node.name in read]
    ends = [node.name for node in graph_def.node if node.name not in read and node.op not in ("Placeholder", "NoOp")]
    function = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph_def, name=""), [])
    pruned = function.prune([f"{name}:0" for name in ports], {name: f"{name}:0" for name in ends})
    paired = pair_inputs(feeds, ports)
    return {name: value.numpy() for name, value in pruned(*(tf.constant(paired[name]) for name in ports)).items()}


def run_onnx(folder: Path, feeds: Feeds) -> Feeds:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    paired = pair_inputs(feeds, [port.name for port in session.get_inputs()])
    given = {name: array.astype(object) if array.dtype.kind == "U" else array for name, array in paired.items()}
    return dict(zip([port.name for port in session.get_outputs()], session.run(None, given), strict=True))


def run_litert(folder: Path, feeds: Feeds) -> Feeds:
    from ai_edge_litert.interpreter import Interpreter

    content = (folder / "model.tflite").read_bytes()

    def ask(rows: Feeds) -> Feeds:
        interpreter = Interpreter(model_content=content)
        if not interpreter.get_signature_list():
            return _ask_tensors(interpreter, rows)
        runner = interpreter.get_signature_runner()
        return runner(**pair_inputs(rows, list(runner.get_input_details())))

    try:
        return ask(feeds)
    except (RuntimeError, ValueError):  # it was made for one row
        count = len(next(iter(feeds.values())))
        parts = [ask({name: array[at : at + 1] for name, array in feeds.items()}) for at in range(count)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _ask_tensors(interpreter: Any, rows: Feeds) -> Feeds:
    """The answers of a file without a signature, by the names of its tensors."""
    ports = {port["name"]: port["index"] for port in interpreter.get_input_details()}
    interpreter.allocate_tensors()
    for name, array in pair_inputs(rows, list(ports)).items():
        interpreter.set_tensor(ports[name], array)
    interpreter.invoke()
    return {port["name"]: interpreter.get_tensor(port["index"]) for port in interpreter.get_output_details()}


def run_openvino(folder: Path, feeds: Feeds) -> Feeds:
    import openvino

    compiled = openvino.Core().compile_model(folder / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    paired = pair_inputs(feeds, [port.any_name for port in compiled.inputs])
    result = compiled(paired)
    return {port.any_name: result[port] for port in compiled.outputs}


def run_stablehlo(folder: Path, feeds: Feeds) -> Feeds:
    import tensorflow as tf
    from tensorflow.compiler.tf2xla.python import xla

    ports, content = json.loads((folder / "ports.json").read_text()), (folder / "model.mlirbc").read_bytes()
    paired = pair_inputs(feeds, [name for name, _, _ in ports["inputs"]])
    kinds = {"Tout": [port[1] for port in ports["outputs"]], "Sout": [port[2] for port in ports["outputs"]]}
    call = tf.function(lambda row: xla.call_module(row, version=9, module=content, platforms=["CPU"], **kinds))
    parts = []
    for row in range(len(next(iter(feeds.values())))):
        given = [tf.constant(paired[name][row : row + 1], dtype) for name, dtype, _ in ports["inputs"]]
        parts.append([result.numpy() for result in call(given)])
    return {
        port[0]: np.concatenate(values) for port, values in zip(ports["outputs"], zip(*parts, strict=True), strict=True)
    }


RUNTIMES: dict[str, Callable[[Path, Feeds], Feeds]] = {
    "saved_model": run_saved_model,
    "keras_export": run_saved_model,
    "frozen_graph": run_frozen_graph,
    "onnx": run_onnx,
    "litert": run_litert,
    "openvino": run_openvino,
    "stablehlo": run_stablehlo,
}
