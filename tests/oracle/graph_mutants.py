"""Mutants and sound copies of files that runtimes read, and of plain arrays; rows of `tests.oracle.mutants`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tests.oracle.mutants import SOUND_WAYS, VALUES, SoundWay, change_number, kind

Arrays = dict[str, np.ndarray]
FEWEST = 2  # numbers of an array that counts as a weight


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
def litert_arrays(folder: Path) -> Iterator[Arrays]:
    from tensorflow.lite.tools import flatbuffer_utils

    path = str(folder / "model.tflite")
    model = flatbuffer_utils.read_model(path)
    buffers = {str(tensor.buffer): tensor for graph in model.subgraphs for tensor in graph.tensors if tensor.type == 0}
    held = {key: model.buffers[int(key)].data for key in buffers}
    arrays = {key: np.frombuffer(bytes(data), "float32") for key, data in held.items() if data is not None}
    yield arrays
    for key, array in arrays.items():
        model.buffers[int(key)].data = np.frombuffer(array.astype("float32").tobytes(), "uint8")
    flatbuffer_utils.write_model(model, path)


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
def checkpoint_arrays(folder: Path, prefix: str) -> Iterator[Arrays]:
    """The variables of a checkpoint, written anew with all of its other entries and right checksums."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(folder / prefix))
    names = sorted(reader.get_variable_to_shape_map())
    held = {name: reader.get_tensor(name) for name in names}
    arrays = {name: each for name, each in held.items() if "optimizer" not in name and "VARIABLE_VALUE" in name}
    yield arrays
    values = [tf.constant(arrays.get(name, held[name])) for name in names]
    for path in (folder / prefix).parent.glob(f"{Path(prefix).name}.*"):
        path.unlink()
    tf.raw_ops.SaveV2(
        prefix=str(folder / prefix), tensor_names=names, shape_and_slices=[""] * len(names), tensors=values
    )


@contextmanager
def safetensors_arrays(folder: Path) -> Iterator[Arrays]:
    from safetensors.numpy import load_file, save_file

    arrays = load_file(folder / "model.safetensors")
    yield arrays
    save_file(arrays, folder / "model.safetensors")


def open_arrays(format_key: str, folder: Path) -> Any:
    """A context that gives the arrays of a copy by name, and writes them back."""
    if format_key in ("saved_model", "keras_export"):
        return checkpoint_arrays(folder, "variables/variables")
    if format_key == "checkpoint":
        return checkpoint_arrays(folder, "model")
    opened: dict[str, Callable[[Path], Any]] = {
        "onnx": onnx_arrays,
        "litert": litert_arrays,
        "openvino": openvino_arrays,
        "safetensors": safetensors_arrays,
    }
    return opened[format_key](folder)


def _are_weights(array: np.ndarray) -> bool:
    return array.dtype == np.float32 and array.size >= FEWEST


def _change_array(format_key: str, how: str) -> Callable[[Path, np.random.Generator], str]:
    def change(folder: Path, random: np.random.Generator) -> str:
        with open_arrays(format_key, folder) as arrays:
            name = str(random.choice(sorted(name for name, array in arrays.items() if _are_weights(array))))
            arrays[name] = change_number(arrays[name], how, random)
            return f"{how} in {name}"

    change.__name__ = how
    return change


def _swap_arrays(format_key: str) -> Callable[[Path, np.random.Generator], str]:
    def swapped_weights(folder: Path, random: np.random.Generator) -> str:
        with open_arrays(format_key, folder) as arrays:
            names = sorted(name for name, array in arrays.items() if _are_weights(array))
            pairs = [(a, b) for a in names for b in names if a < b and arrays[a].shape == arrays[b].shape]
            pairs = [(a, b) for a, b in pairs if not np.array_equal(arrays[a], arrays[b])]
            if not pairs:
                return ""
            left, right = pairs[int(random.integers(len(pairs)))]
            arrays[left], arrays[right] = arrays[right], arrays[left]
            return f"{left} and {right} swapped"

    return swapped_weights


def write_again(format_key: str) -> Callable[[Path], None]:
    """A sound copy: everything read and written anew."""

    def write(folder: Path) -> None:
        with open_arrays(format_key, folder):
            pass

    return write


ARRAY_FORMATS = ("saved_model", "keras_export", "checkpoint", "safetensors", "onnx", "litert", "openvino")
for _key in ARRAY_FORMATS:
    for _how in ("ulp", "percent", "nan"):
        kind(_key)(_change_array(_key, _how))
    kind(_key)(_swap_arrays(_key))
    SOUND_WAYS.append(SoundWay(_key, "read and written anew", write_again(_key)))


@kind("onnx", seen_in=VALUES)
def activation(folder: Path, random: np.random.Generator) -> str:
    with onnx_graph(folder) as graph:
        nodes = [node for node in graph.node if node.op_type in ("Relu", "Tanh")]
        node = nodes[int(random.integers(len(nodes)))]
        node.op_type = "Tanh" if node.op_type == "Relu" else "Relu"
        return f"{node.name} is {node.op_type}"


def _exchange_names(graph: Any, left: str, right: str) -> None:
    """Let two ends of the graph go by each other's name, and the nodes with them."""
    other = {left: right, right: left}
    for node in graph.node:
        node.input[:] = [other.get(name, name) for name in node.input]
        node.output[:] = [other.get(name, name) for name in node.output]


@kind("onnx", seen_in=("answers", "signatures"))
def swapped_outputs(folder: Path, random: np.random.Generator) -> str:
    with onnx_graph(folder) as graph:
        if len(graph.output) < 2:
            return ""
        _exchange_names(graph, graph.output[0].name, graph.output[1].name)
        return "the outputs go by each other's name"


@kind("onnx", seen_in=("answers", "signatures"))
def swapped_inputs(folder: Path, random: np.random.Generator) -> str:
    with onnx_graph(folder) as graph:
        if len(graph.input) < 2:
            return ""
        _exchange_names(graph, graph.input[0].name, graph.input[1].name)
        return "the inputs go by each other's name"


@kind("onnx", seen_in=("answers", "code"))
def missing_tensor(folder: Path, random: np.random.Generator) -> str:
    with onnx_graph(folder) as graph:
        at = int(random.integers(len(graph.initializer)))
        name = graph.initializer[at].name
        del graph.initializer[at]
        return f"{name} deleted"


@kind("safetensors", seen_in=("answers", "code", "weights"))
def foreign_or_missing_tensor(folder: Path, random: np.random.Generator) -> str:
    with safetensors_arrays(folder) as arrays:
        name = str(random.choice(sorted(arrays)))
        arrays[f"{name}_again" if random.random() < 0.5 else "foreign"] = arrays[name]
        if random.random() < 0.5:
            del arrays[name]
        return f"another name beside or in place of {name}"


def reorder_initializers(folder: Path) -> None:
    """The same initializers in the other order."""
    with onnx_graph(folder) as graph:
        each = list(graph.initializer)[::-1]
        del graph.initializer[:]
        graph.initializer.extend(each)


def rename_initializers(folder: Path) -> None:
    """Other names inside of the graph: those of inputs and outputs stay."""
    with onnx_graph(folder) as graph:
        names = {each.name: f"renamed_{at}" for at, each in enumerate(graph.initializer)}
        for each in graph.initializer:
            each.name = names[each.name]
        for node in graph.node:
            node.input[:] = [names.get(name, name) for name in node.input]


def save_by_plain_openvino(folder: Path) -> None:
    import openvino

    model = openvino.Core().read_model(folder / "model.xml").clone()
    for path in folder.iterdir():
        path.unlink()
    openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)


SOUND_WAYS.append(SoundWay("onnx", "initializers in another order", reorder_initializers))
SOUND_WAYS.append(SoundWay("onnx", "initializers renamed", rename_initializers))
SOUND_WAYS.append(SoundWay("openvino", "saved by plain OpenVINO", save_by_plain_openvino))
