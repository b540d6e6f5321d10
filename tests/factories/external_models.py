"""Files as they are found out there: of TensorFlow 1, Keras 1 and 2, converters of all ages. Each maker writes one into
a folder and gives its path; `expected` answers are computed with NumPy, not by the library that reads it again."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

KERNEL = np.array([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]], "float32")
BIAS = np.array([0.125, -0.5], "float32")
ROWS = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5], [2.0, 2.0, 2.0]], "float32")


def write_keras_file(folder: Path, name: str = "good.keras") -> Path:
    """A small functional model with dropout, as Keras 3 saves it."""
    path = folder / name
    build_small_model().save(path)
    return path


def build_small_model() -> Any:
    """3 numbers to 2, by KERNEL and BIAS."""
    import keras

    inputs = keras.Input((3,), name="x")
    model = keras.Model(inputs, keras.layers.Dense(2, name="dense")(keras.layers.Dropout(0.5)(inputs)))
    model.get_layer("dense").set_weights([KERNEL, BIAS])
    return model


def expected_predictions(rows: np.ndarray) -> np.ndarray:
    return rows @ KERNEL + BIAS


# SavedModels


def write_tf1_saved_model(folder: Path, resource: bool = False) -> Path:
    """Two ways to ask the same variables: `predict` with a scalar input and a scalar answer, and `double`, whose rank
    nobody knows; no serving_default."""
    import tensorflow as tf

    item = tf.compat.v1
    path = folder / f"tensorflow-1{'-resource' if resource else ''}"
    with tf.Graph().as_default() as graph, item.variable_scope("", use_resource=resource):
        x, keep = item.placeholder("float32", [None, 3], "x"), item.placeholder("float32", [], "keep")
        kernel = item.get_variable("kernel", initializer=KERNEL)
        y = tf.identity(x @ kernel * keep, "y")
        mean = tf.reduce_mean(x, name="mean")
        u = item.placeholder("float32", None, "u")
        request = item.saved_model.predict_signature_def
        ways = {
            "predict": request({"x": x, "keep": keep}, {"y": y, "mean": mean}),
            "twice": request({"u": u}, {"v": u * 2}),
        }
        with item.Session(graph=graph) as session:
            session.run(item.global_variables_initializer())
            builder = item.saved_model.Builder(str(path))
            builder.add_meta_graph_and_variables(session, ["serve"], ways)
            builder.save()
    return path


def write_keras2_saved_model_with_slots(folder: Path) -> Path:
    """A SavedModel whose object graph names the optimizer's slots, as `model.save` of Keras 2 wrote it."""
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2

    class Linear(tf.Module):
        def __init__(self):
            self.kernel = tf.Variable(KERNEL)
            self.moment = tf.Variable(tf.zeros_like(KERNEL))
            self.optimizer = tf.Module()
            self.optimizer.step = tf.Variable(0)

        @tf.function(input_signature=[tf.TensorSpec([None, 3], "float32", name="x")])
        def __call__(self, x):
            return {"y": x @ self.kernel}

    model, path = Linear(), folder / "keras-2-slots"
    tf.saved_model.save(model, path, signatures=model.__call__)
    file = path / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    nodes = saved.meta_graphs[0].object_graph_def.nodes
    child = {item.local_name: item.node_id for item in nodes[0].children}
    slot = nodes[child["optimizer"]].slot_variables.add()
    slot.original_variable_node_id, slot.slot_variable_node_id = child["kernel"], child["moment"]
    slot.slot_name = "m"
    file.write_bytes(saved.SerializeToString())
    return path


def write_saved_model(folder: Path, shape: tuple[int | None, ...] = (None, 3)) -> Path:
    """A SavedModel of TensorFlow 2 with two signatures."""
    import tensorflow as tf

    module, path = tf.Module(), folder / "tensorflow-2"
    module.kernel = tf.Variable(KERNEL)
    spec = tf.TensorSpec(shape, "float32", name="x")
    module.serve = tf.function(lambda x: {"y": x @ module.kernel}, input_signature=[spec])
    module.sums = tf.function(lambda x: {"sum": tf.reduce_sum(x, 1)}, input_signature=[spec])
    tf.saved_model.save(module, path, signatures={"serving_default": module.serve, "sums": module.sums})
    return path


def zip_folder(folder: Path) -> Path:
    """The same directory as a zip beside it."""
    return Path(shutil.make_archive(str(folder), "zip", folder.parent, folder.name))


# Keras 1 and 2


def write_keras1_lstm(folder: Path) -> Path:
    """An LSTM as Keras 1 wrote it: a list of layers, twelve arrays, hard_sigmoid as 0.2 x + 0.5."""
    words = {"name": "lstm_1", "trainable": True, "output_dim": 2, "init": "glorot_uniform", "inner_init": "orthogonal"}
    words |= {"forget_bias_init": "one", "activation": "tanh", "inner_activation": "hard_sigmoid", "dropout_U": 0.0}
    words |= {"dropout_W": 0.0, "return_sequences": False, "go_backwards": False, "stateful": False, "unroll": False}
    words |= {"W_regularizer": None, "U_regularizer": None, "b_regularizer": None, "consume_less": "cpu"}
    words |= {"input_dim": 3, "input_length": None, "batch_input_shape": [None, 4, 3], "input_dtype": "float32"}
    dense = {"name": "dense_1", "trainable": True, "output_dim": 1, "init": "glorot_uniform", "activation": "linear"}
    dense |= {"bias": True, "input_dim": None, "W_constraint": None, "b_constraint": None, "W_regularizer": None}
    layers = [{"class_name": "LSTM", "config": words}, {"class_name": "Dense", "config": dense}]
    arrays = {
        "lstm_1": build_lstm_arrays(),
        "dense_1": [np.array([[1.0], [-2.0]], "float32"), np.array([0.5], "float32")],
    }
    config = {"class_name": "Sequential", "config": layers}
    return write_legacy_h5(folder / "keras-1.h5", config, arrays, version="1.2.2")


def build_lstm_arrays() -> list[np.ndarray]:
    """Kernel, recurrent kernel and bias of the gates input, cell, forget, output, in the order of Keras 1."""
    random = np.random.default_rng(1)
    shapes = [(3, 2), (2, 2), (2,)] * 4
    return [random.normal(size=shape).astype("float32") for shape in shapes]


def compute_keras1_lstm(rows: np.ndarray) -> np.ndarray:
    """What the model of `keras_1_lstm` answers to (rows, 4, 3), by the equations of Keras 1."""

    def gate(at: int, x: np.ndarray) -> np.ndarray:
        return x @ arrays[3 * at] + hidden @ arrays[3 * at + 1] + arrays[3 * at + 2]

    arrays = [array.astype("float64") for array in build_lstm_arrays()]
    hidden, cell = np.zeros((len(rows), 2)), np.zeros((len(rows), 2))
    for step in rows.astype("float64").transpose(1, 0, 2):
        entering, leaving, forgetting = (np.clip(0.2 * gate(at, step) + 0.5, 0, 1) for at in (0, 3, 2))
        cell = forgetting * cell + entering * np.tanh(gate(1, step))
        hidden = leaving * np.tanh(cell)
    return hidden @ np.array([[1.0], [-2.0]]) + 0.5


def write_keras2_h5(folder: Path) -> Path:
    """A functional model as Keras 2 wrote it: batch_input_shape, DepthwiseConv2D with groups, GRU words, no registered
    names; weights in the same order as today."""
    import h5py
    import keras

    inputs = keras.Input((4, 4, 2), name="image")
    conv = keras.layers.DepthwiseConv2D(2, name="depthwise")(inputs)
    norm = keras.layers.BatchNormalization(name="norm")(conv)
    flat = keras.layers.Reshape((9, 2), name="steps")(norm)
    last = keras.layers.GRU(2, reset_after=False, recurrent_activation="sigmoid", name="gru")(flat)
    model = keras.Model(inputs, last, name="old")
    path = folder / "keras-2.h5"
    model.save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["class_name"] = "Model"
        for layer in config["config"]["layers"]:
            _to_keras2_config(layer)
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.2.4"
        file["model_weights"].attrs["keras_version"] = "2.2.4"
        file.attrs["training_config"] = json.dumps({"loss": "a_loss_of_my_own", "optimizer_config": {}})
    return path


def _to_keras2_config(layer: dict[str, Any]) -> None:
    """A layer's JSON as Keras 2 wrote it: plain names, no module, nodes as lists of names."""
    words = layer["config"]
    layer.pop("module", None), layer.pop("registered_name", None), layer.pop("build_config", None)
    if "batch_shape" in words:
        words["batch_input_shape"] = words.pop("batch_shape")
    words["dtype"] = "float32"
    words.pop("ragged", None), words.pop("optional", None)
    for key, value in words.items():
        if isinstance(value, dict) and "class_name" in value:
            words[key] = {"class_name": value["class_name"], "config": value["config"] | {"dtype": "float32"}}
            if not key.endswith("_initializer"):
                words[key]["config"].pop("dtype")
    extra = {"DepthwiseConv2D": {"groups": 1}, "GRU": {"implementation": 1, "time_major": False}}
    words |= extra.get(layer["class_name"], {})
    if layer["class_name"] == "GRU":
        words.pop("reset_after"), words.pop("seed", None)
    if layer["class_name"] == "BatchNormalization":
        words["axis"] = [3]
        words.pop("renorm", None), words.pop("synchronized", None)
    nodes = layer["inbound_nodes"]
    layer["inbound_nodes"] = [[[node["args"][0]["config"]["keras_history"][0], 0, 0, {}]] for node in nodes]


def write_legacy_h5(path: Path, config: dict[str, Any], arrays: dict[str, list[np.ndarray]], version: str) -> Path:
    """An `.h5` file with a config and the arrays of each layer, laid out as Keras 1 did."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config).encode()
        file.attrs["keras_version"] = version.encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in arrays]
        for name, stored in arrays.items():
            layer = group.create_group(name)
            names = [f"{name}_{at}:0".encode() for at in range(len(stored))]
            layer.attrs["weight_names"] = names
            for item, array in zip(names, stored, strict=True):
                layer.create_dataset(item.decode(), data=array)
    return path


def write_weights_and_architecture(folder: Path) -> tuple[Path, Path]:
    """`.weights.h5`, and the JSON of the layers that they belong to."""
    model, weights, layers = build_small_model(), folder / "good.weights.h5", folder / "layers.json"
    model.save_weights(weights)
    layers.write_text(model.to_json())
    return weights, layers


def write_shards(folder: Path, name: str = "good", with_layers: bool = False) -> Path:
    """A folder of weights in three shards with their index, the JSON of the layers beside them where asked."""
    model, shards = build_small_model(), folder / "shards"
    shards.mkdir()
    largest = max(int(np.prod(variable.shape)) * 4 for variable in model.weights)
    model.save_weights(shards / f"{name}.weights.json", max_shard_size=largest / 2**30)
    (shards if with_layers else folder).joinpath("architecture.json").write_text(model.to_json())
    return shards


# LiteRT, ONNX, OpenVINO


def write_tflite(folder: Path, batch: int | None = None, signature: bool = True) -> Path:
    """A LiteRT file; with a batch it takes just so many rows, without a signature its tensors alone have names."""
    import tensorflow as tf

    module = tf.Module()
    module.kernel = tf.Variable(KERNEL)
    spec = tf.TensorSpec([batch, 3], "float32", name="x")

    def answer(x):
        y = x @ module.kernel
        if batch is None:
            return {"y": y}
        # Reshaping to fixed numbers is what makes a batch stay as it is.
        flat = tf.reshape(y, [2 * batch])
        return {"y": tf.reshape(tf.abs(flat) * tf.sign(flat), [batch, 2])}

    serve = tf.function(answer, input_signature=[spec])
    concrete = serve.get_concrete_function()
    if signature:
        path = folder / f"signature-{batch}"
        tf.saved_model.save(module, path, signatures=concrete)
        content = tf.lite.TFLiteConverter.from_saved_model(str(path)).convert()
    else:
        content = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module).convert()
        content = _remove_signatures(content)
    file = folder / f"{'named' if signature else 'bare'}-{batch}.tflite"
    file.write_bytes(content)
    return file


def _remove_signatures(content: bytes) -> bytes:
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    model.signatureDefs = []
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def write_int8_tflite(folder: Path) -> Path:
    """A LiteRT file whose inputs and outputs are 8-bit integers with a scale and a zero point."""
    import tensorflow as tf

    module = tf.Module()
    module.kernel = tf.Variable(KERNEL)
    spec = tf.TensorSpec([1, 3], "float32", name="x")
    serve = tf.function(lambda x: {"y": x @ module.kernel}, input_signature=[spec]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    seen = np.linspace(-2, 4, 40, dtype="float32")
    converter.representative_dataset = lambda: ([np.roll(seen, at)[:3][None]] for at in range(40))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    file = folder / "int8.tflite"
    file.write_bytes(converter.convert())
    return file


def write_branching_tflite(folder: Path) -> Path:
    """A LiteRT file of several subgraphs: it branches."""
    import tensorflow as tf

    module = tf.Module()
    spec = tf.TensorSpec([1, 3], "float32", name="x")

    def branch(x):
        return {"y": tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2, lambda: x - 1)}

    serve = tf.function(branch, input_signature=[spec]).get_concrete_function()
    file = folder / "branches.tflite"
    file.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([serve], module).convert())
    return file


def write_onnx_file(folder: Path, batch: int | str | None = "rows", output: str = "StatefulPartitionedCall:2") -> Path:
    """An ONNX file as converters from TensorFlow name its outputs."""
    import onnx
    from onnx import TensorProto, helper

    x = helper.make_tensor_value_info("args_0", TensorProto.FLOAT, [batch, 3])
    y = helper.make_tensor_value_info(output, TensorProto.FLOAT, [batch, 2])
    constants = [onnx.numpy_helper.from_array(KERNEL, "kernel"), onnx.numpy_helper.from_array(BIAS, "bias")]
    nodes = [helper.make_node("MatMul", ["args_0", "kernel"], ["product"])]
    nodes.append(helper.make_node("Add", ["product", "bias"], [output]))
    graph = helper.make_graph(nodes, "linear", [x], [y], constants)
    opsets = [helper.make_opsetid("", 15)]
    file = folder / f"linear-{batch}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), file)
    return file


def write_openvino_files(folder: Path) -> tuple[Path, Path]:
    """OpenVINO's two files."""
    from core.runtimes.openvino import import_openvino

    ov, path = import_openvino(), folder / "good.xml"
    ov.save_model(ov.convert_model(write_onnx_file(folder)), path, compress_to_fp16=False)
    return path, path.with_suffix(".bin")


def copy_to_folder(path: Path, name: str) -> Path:
    """The folder in which a file lies under the name that its format gives it."""
    folder = path.parent / f"{path.stem}-kept"
    folder.mkdir()
    shutil.copy(path, folder / name)
    return folder
