"""Models as packages ship them: small files whose axes, states and parts are what those of a few packages are."""

import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

KERNEL = np.arange(12, dtype="float32").reshape(4, 3) / 10 - 0.5
Shape = list[Any]


def write_onnx(
    path: Path,
    nodes: Iterable[Any],
    inputs: dict[str, Shape],
    outputs: dict[str, Shape],
    constants: dict[str, np.ndarray] | None = None,
    opset: int = 17,
) -> Path:
    """An ONNX file of float inputs and outputs, with the shapes that it states for them by name."""
    import onnx
    from onnx import TensorProto, helper

    ports = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side.items()]
        for side in (inputs, outputs)
    ]
    values = [onnx.numpy_helper.from_array(array, name) for name, array in (constants or {}).items()]
    graph = helper.make_graph(list(nodes), "small", *ports, values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def write_stateful_cell(path: Path) -> Path:
    """A step of a recurrent net that is handed its state: rows on axis 0 of the input and on axis 1 of the state."""
    from onnx import helper

    nodes = [
        helper.make_node("MatMul", ["input", "kernel"], ["product"]),
        helper.make_node("Add", ["state", "product"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["stateN"]),
        helper.make_node("Gather", ["stateN", "first"], ["chosen"], axis=0),
        helper.make_node("Mul", ["chosen", "rate"], ["output"]),
    ]
    inputs: dict[str, Shape] = {"input": ["batch", 4], "state": [2, "batch", 3], "rate": []}
    outputs: dict[str, Shape] = {"output": ["batch", 3], "stateN": [2, "batch", 3]}
    return write_onnx(path, nodes, inputs, outputs, {"kernel": KERNEL, "first": np.array(0, "int64")})


def write_time_major_onnx(path: Path) -> Path:
    """Takes (batch, 20, 4) and answers (20, batch, 3)."""
    from onnx import helper

    nodes = [
        helper.make_node("MatMul", ["x", "kernel"], ["product"]),
        helper.make_node("Transpose", ["product"], ["y"], perm=[1, 0, 2]),
    ]
    return write_onnx(path, nodes, {"x": ["batch", 20, 4]}, {"y": [20, "batch", 3]}, {"kernel": KERNEL})


def write_running_sum_onnx(path: Path) -> Path:
    """A Scan over the rows themselves: what it answers to one depends on those before it."""
    from onnx import TensorProto, helper

    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Add", ["sum", "row"], ["next"]), helper.make_node("Identity", ["next"], ["out"])],
        "step",
        [info("sum", TensorProto.FLOAT, [4]), info("row", TensorProto.FLOAT, [4])],
        [info("next", TensorProto.FLOAT, [4]), info("out", TensorProto.FLOAT, [4])],
    )
    scan = helper.make_node("Scan", ["zero", "x"], ["last", "y"], body=body, num_scan_inputs=1)
    return write_onnx(path, [scan], {"x": ["n", 4]}, {"y": ["n", 4]}, {"zero": np.zeros(4, "float32")})


def write_constant_node_onnx(path: Path) -> Path:
    """Its weights stand in Constant nodes, one of them sparse."""
    import onnx
    from onnx import helper

    dense = helper.make_node("Constant", [], ["kernel"], value=onnx.numpy_helper.from_array(KERNEL, "k"))
    values = onnx.numpy_helper.from_array(np.array([2.0, -1.0], "float32"), "v")
    places = onnx.numpy_helper.from_array(np.array([1, 2], "int64"), "i")
    sparse = onnx.helper.make_sparse_tensor(values, places, [3])
    bias = helper.make_node("Constant", [], ["bias"], sparse_value=sparse)
    nodes = [
        dense,
        bias,
        helper.make_node("MatMul", ["x", "kernel"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["y"]),
    ]
    return write_onnx(path, nodes, {"x": ["batch", 4]}, {"y": ["batch", 3]})


def write_external_onnx(folder: Path, place: str = "model.onnx.data") -> Path:
    """A folder with an ONNX file whose kernel lies in a file beside it; the file is there where the name is plain."""
    import onnx

    folder.mkdir()
    path = write_time_major_onnx(folder / "model.onnx")
    model = onnx.load(path)
    kernel = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(kernel, place, offset=4096, length=KERNEL.nbytes)
    content = kernel.raw_data
    kernel.ClearField("raw_data")
    path.write_bytes(model.SerializeToString())
    if "/" not in place and "\\" not in place:
        (folder / place).write_bytes(bytes(4096) + content)
    return folder


def write_opset6_onnx(path: Path) -> Path:
    """Operations of 2016, when a sum said on which axis it was broadcast."""
    from onnx import helper

    nodes = [
        helper.make_node("MatMul", ["x", "kernel"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["y"], broadcast=1, axis=1),
    ]
    constants = {"kernel": KERNEL, "bias": np.array([1.0, 2.0, 3.0], "float32")}
    return write_onnx(path, nodes, {"x": [1, 4]}, {"y": [1, 3]}, constants, opset=6)


def zip_files(path: Path, *files: Path) -> Path:
    """A zip of these files, without folders."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.write(file, file.name)
    return path


def zip_folder(folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder), "zip", folder))


# Made by TensorFlow


def write_cropping_keras(path: Path) -> Path:
    """Any number of steps, of which fifty at each end are cut off."""
    import keras

    inputs = keras.Input((None, 4), name="x")
    keras.utils.set_random_seed(0)
    outputs = keras.layers.Cropping1D(50)(keras.layers.Conv1D(2, 3)(inputs))
    keras.Model(inputs, outputs).save(path)
    return path


def build_counter() -> Any:
    """A module that adds to a variable while it answers."""
    import tensorflow as tf

    class Counter(tf.Module):
        def __init__(self) -> None:
            self.total = tf.Variable(np.zeros((1, 4), "float32"))

        @tf.function(input_signature=[tf.TensorSpec([1, 4], "float32", name="x")])
        def __call__(self, x: Any) -> Any:
            self.total.assign_add(x)
            return {"y": self.total + 0.0}

    return Counter()


def write_counting_saved_model(folder: Path) -> Path:
    import tensorflow as tf

    module = build_counter()
    tf.saved_model.save(module, folder, signatures=module.__call__)
    return folder


def write_counting_tflite(path: Path) -> Path:
    """A LiteRT file with VAR_HANDLE and CALL_ONCE."""
    import tensorflow as tf

    module = build_counter()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.__call__.get_concrete_function()], module)
    converter.experimental_enable_resource_variables = True
    path.write_bytes(converter.convert())
    return path


def write_dynamic_range_tflite(path: Path) -> Path:
    """Weights in 8 bits with scales, floats between them."""
    import tensorflow as tf

    module = tf.Module()
    kernel = np.random.default_rng(0).normal(size=(64, 64)).astype("float32")
    module.kernel = tf.Variable(kernel)
    spec = tf.TensorSpec([1, 64], "float32", name="x")
    call = tf.function(lambda x: {"y": tf.linalg.matmul(x, module.kernel)}, input_signature=[spec])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([call.get_concrete_function()], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    path.write_bytes(converter.convert())
    return path


def write_wide_int8_tflite(path: Path) -> Path:
    """Takes 0 to 26 in int8; between 0 and 1 there is one step of it, and a bias below which all is cut off."""
    import tensorflow as tf

    module = tf.Module()
    spec = tf.TensorSpec([1, 4], "float32", name="x")
    call = tf.function(lambda x: {"y": tf.nn.relu(x - 2.0)}, input_signature=[spec])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([call.get_concrete_function()], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    seen = np.linspace(0, 26, 40, dtype="float32")
    converter.representative_dataset = lambda: ([np.roll(seen, at)[:4][None]] for at in range(40))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    path.write_bytes(converter.convert())
    return path


def write_unreached_saved_model(folder: Path) -> Path:
    """A second function, which no signature reaches, prints in one of its branches."""
    import tensorflow as tf

    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 4], "float32", name="x")])
        def __call__(self, x: Any) -> Any:
            return {"y": x * 2.0}

        @tf.function(input_signature=[tf.TensorSpec([None, 4], "float32", name="x")])
        def debug(self, x: Any) -> Any:
            def loud() -> Any:
                tf.print("large")
                return x

            return tf.cond(tf.reduce_sum(x) > 0, loud, lambda: x)

    module = Module()
    tf.saved_model.save(module, folder, signatures=module.__call__)
    return folder


def write_waveform_saved_model(folder: Path) -> Path:
    """Takes one wave of any length, without an axis for rows, and answers each frame of it."""
    import tensorflow as tf

    class Frames(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], "float32", name="wave")])
        def __call__(self, wave: Any) -> Any:
            return {"scores": tf.signal.frame(wave, 4, 2) * 2.0}

    module = Frames()
    tf.saved_model.save(module, folder, signatures=module.__call__)
    return folder


def write_no_input_saved_model(folder: Path) -> Path:
    import tensorflow as tf

    module = tf.Module()
    module.call = tf.function(lambda: {"y": tf.constant([[1.0, 2.0]])}, input_signature=[])
    tf.saved_model.save(module, folder, signatures=module.call)
    return folder


def write_example_saved_model(folder: Path) -> Path:
    """Its one input are serialized tf.train.Example messages, of four numbers and a word."""
    import tensorflow as tf

    features = {"x": tf.io.FixedLenFeature([4], "float32"), "word": tf.io.FixedLenFeature([], "string", "a")}

    def call(examples: Any) -> Any:
        parsed = tf.io.parse_example(examples, features)
        return {"y": parsed["x"] * 2.0, "size": tf.strings.length(parsed["word"])}

    module = tf.Module()
    module.call = tf.function(call, input_signature=[tf.TensorSpec([None], "string", name="examples")])
    tf.saved_model.save(module, folder, signatures=module.call)
    return folder


def write_stateful_rnn_keras(path: Path) -> Path:
    import keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input(batch_shape=(1, 3, 4), name="x")
    keras.Model(inputs, keras.layers.LSTM(2, stateful=True)(inputs)).save(path)
    return path


def write_old_weights_h5(path: Path) -> Path:
    """Weights alone as Keras 2 wrote them: names of layers on the root. Those of `write_old_architecture`."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        file.attrs["keras_version"] = b"2.11.0"
        file.attrs["backend"] = b"tensorflow"
        group = file.create_group("dense")
        group.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
        group["dense/kernel:0"], group["dense/bias:0"] = KERNEL, np.array([1.0, 2.0, 3.0], "float32")
    return path


def write_architecture_json(path: Path) -> Path:
    import keras

    path.write_text(keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(3, name="dense")]).to_json())
    return path
