"""Files that runtimes read, and files of plain arrays, open to be changed; plain libraries alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
ARRAY_FORMATS = (
    "saved_model", "keras_export", "checkpoint", "safetensors", "onnx", "litert", "openvino", "frozen_graph"
)  # fmt: skip
SAVED_MODELS = ("saved_model", "keras_export")


@contextmanager
def onnx_graph(folder: Path) -> Iterator[Any]:
    """The graph of model.onnx; what is changed is written back."""
    import onnx

    model = onnx.load(folder / "model.onnx")
    yield model.graph
    onnx.save(model, folder / "model.onnx")


@contextmanager
def onnx_arrays(folder: Path) -> Iterator[Arrays]:
    from onnx import numpy_helper

    with onnx_graph(folder) as graph:
        arrays = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        yield arrays
        for each in graph.initializer:
            each.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(arrays[each.name]), each.name))


@contextmanager
def litert_model(folder: Path) -> Iterator[Any]:
    from tensorflow.lite.tools import flatbuffer_utils

    path = str(folder / "model.tflite")
    model = flatbuffer_utils.read_model(path)
    yield model
    flatbuffer_utils.write_model(model, path)


@contextmanager
def litert_arrays(folder: Path) -> Iterator[Arrays]:
    with litert_model(folder) as model:
        yield from _litert_arrays(model)


def _litert_arrays(model: Any) -> Iterator[Arrays]:
    buffers = {str(tensor.buffer): tensor for graph in model.subgraphs for tensor in graph.tensors if tensor.type == 0}
    held = {key: model.buffers[int(key)].data for key in buffers}
    arrays = {key: np.frombuffer(bytes(data), "float32") for key, data in held.items() if data is not None}
    yield arrays
    for key, array in arrays.items():
        model.buffers[int(key)].data = np.frombuffer(array.astype("float32").tobytes(), "uint8")


@contextmanager
def frozen_graph(folder: Path) -> Iterator[Any]:
    import tensorflow as tf

    graph = tf.compat.v1.GraphDef.FromString((folder / "model.pb").read_bytes())
    yield graph
    (folder / "model.pb").write_bytes(graph.SerializeToString())


@contextmanager
def frozen_arrays(folder: Path) -> Iterator[Arrays]:
    import tensorflow as tf

    with frozen_graph(folder) as graph:
        constants = {node.name: node.attr["value"].tensor for node in graph.node if node.op == "Const"}
        arrays = {name: tf.make_ndarray(tensor) for name, tensor in constants.items()}
        yield arrays
        for name, array in arrays.items():
            constants[name].CopyFrom(tf.make_tensor_proto(array))


@contextmanager
def saved_graph(folder: Path) -> Iterator[Any]:
    """The graph of a SavedModel, with the functions in its library."""
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    yield model.meta_graphs[0].graph_def
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())


@contextmanager
def open_nodes(format_key: str, folder: Path) -> Iterator[list[Any]]:
    """The nodes of a graph of TensorFlow, those of its functions too."""
    with frozen_graph(folder) if format_key == "frozen_graph" else saved_graph(folder) as graph:
        yield [*graph.node, *(node for function in graph.library.function for node in function.node_def)]


@contextmanager
def openvino_graph(folder: Path) -> Iterator[Any]:
    from xml.etree import ElementTree

    tree = ElementTree.parse(folder / "model.xml")
    yield tree
    tree.write(folder / "model.xml")


@contextmanager
def openvino_arrays(folder: Path) -> Iterator[Arrays]:
    """The constants of model.xml, which lie one after another in model.bin."""
    from xml.etree import ElementTree

    content = bytearray((folder / "model.bin").read_bytes())
    facts = [each.attrib for each in ElementTree.parse(folder / "model.xml").iter("data") if "offset" in each.attrib]
    places = {each["offset"]: int(each["size"]) for each in facts if each["element_type"] == "f32"}
    arrays = {key: np.frombuffer(bytes(content[int(key) : int(key) + size]), "<f4") for key, size in places.items()}
    yield arrays
    for key, array in arrays.items():
        content[int(key) : int(key) + places[key]] = array.astype("<f4").tobytes()
    (folder / "model.bin").write_bytes(content)


@contextmanager
def checkpoint_arrays(folder: Path, prefix: str, of_optimizer: bool = False) -> Iterator[Arrays]:
    """The variables of a checkpoint, written anew with all of its other entries and right checksums; one that was taken
    away is left out."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(folder / prefix))
    names = sorted(reader.get_variable_to_shape_map())
    held = {name: reader.get_tensor(name) for name in names}
    variables = [name for name in names if "VARIABLE_VALUE" in name and _is_of_optimizer(name) == of_optimizer]
    arrays = {name: held[name] for name in variables}
    yield arrays
    names = [name for name in names if name in arrays or name not in variables]
    values = [tf.constant(arrays.get(name, held[name])) for name in names]
    for path in (folder / prefix).parent.glob(f"{Path(prefix).name}.*"):
        path.unlink()
    tf.raw_ops.SaveV2(
        prefix=str(folder / prefix), tensor_names=names, shape_and_slices=[""] * len(names), tensors=values
    )


def _is_of_optimizer(name: str) -> bool:
    """Whether a variable is the optimizer's own: it also lists those that it trains."""
    return "optimizer" in name and "_trainable_variables" not in name


@contextmanager
def safetensors_arrays(folder: Path) -> Iterator[Arrays]:
    from safetensors.numpy import load_file, save_file

    arrays = load_file(folder / "model.safetensors")
    yield arrays
    save_file(arrays, folder / "model.safetensors")


def open_arrays(format_key: str, folder: Path) -> Any:
    """A context that gives the arrays of a copy by name, and writes them back."""
    if format_key in SAVED_MODELS:
        return checkpoint_arrays(folder, "variables/variables")
    if format_key == "checkpoint":
        return checkpoint_arrays(folder, "model")
    opened: dict[str, Callable[[Path], Any]] = {
        "onnx": onnx_arrays,
        "litert": litert_arrays,
        "openvino": openvino_arrays,
        "safetensors": safetensors_arrays,
        "frozen_graph": frozen_arrays,
    }
    return opened[format_key](folder)
