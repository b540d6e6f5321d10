"""Mutants of files that runtimes read, and of files of plain arrays; rows of `tests.oracle.mutants`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.oracle.graph_files import (
    ARRAY_FORMATS,
    SAVED_MODELS,
    checkpoint_arrays,
    frozen_graph,
    litert_model,
    onnx_graph,
    open_arrays,
    open_nodes,
    openvino_graph,
    safetensors_arrays,
    saved_graph,
)
from tests.oracle.mutants import VALUES, Change, change_number, choose, kind

FEWEST = 2  # numbers of an array that counts as a weight
GRAPHS = (*SAVED_MODELS, "frozen_graph")
PORTS = ("answers", "signatures")
BROKEN = ("answers", "code")


def _are_weights(array: np.ndarray) -> bool:
    return array.dtype == np.float32 and array.size >= FEWEST


def _change_array(format_key: str, how: str) -> Change:
    def change(folder: Path, random: np.random.Generator) -> str:
        with open_arrays(format_key, folder) as arrays:
            name = str(random.choice(sorted(name for name, array in arrays.items() if _are_weights(array))))
            arrays[name] = change_number(arrays[name], how, random)
            return f"{how} in {name}"

    change.__name__ = how
    return change


def _swap_arrays(format_key: str) -> Change:
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


def _change_epsilon(format_key: str) -> Change:
    """A constant of one number that is as small as an epsilon."""

    def epsilon(folder: Path, random: np.random.Generator) -> str:
        with open_arrays(format_key, folder) as arrays:
            names = sorted(name for name, each in arrays.items() if each.size == 1 and 1e-8 < np.ravel(each)[0] < 0.1)
            if not names:
                return ""
            arrays[name] = arrays[(name := choose(names, random))] * np.float32(30)
            return f"{name} is {np.ravel(arrays[name])[0]:.3g}"

    return epsilon


for _key in ARRAY_FORMATS:
    for _how in ("ulp", "percent", "nan"):
        kind(_key)(_change_array(_key, _how))
    kind(_key)(_swap_arrays(_key))
for _key in ("onnx", "litert", "openvino", "frozen_graph"):
    kind(_key)(_change_epsilon(_key))


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


@kind("onnx", seen_in=BROKEN)
def padding(folder: Path, random: np.random.Generator) -> str:
    with onnx_graph(folder) as graph:
        pads = [each for node in graph.node for each in node.attribute if each.name == "pads" and any(each.ints)]
        if not pads:
            return ""
        pads[0].ints[:] = [2 * size if at < len(pads[0].ints) // 2 else 0 for at, size in enumerate(pads[0].ints)]
        return f"pads are {list(pads[0].ints)}"


@kind("onnx", seen_in=BROKEN)
def axis(folder: Path, random: np.random.Generator) -> str:
    with onnx_graph(folder) as graph:
        axes = [each for node in graph.node for each in node.attribute if each.name == "axes"]
        if not axes:
            return ""
        chosen = choose(axes, random)
        chosen.ints[:] = [2 if each == 1 else 1 for each in chosen.ints]
        return f"axes are {list(chosen.ints)}"


@kind("onnx", seen_in=BROKEN)
def dtype(folder: Path, random: np.random.Generator) -> str:
    from onnx import numpy_helper

    with onnx_graph(folder) as graph:
        weights = [each for each in graph.initializer if numpy_helper.to_array(each).dtype == np.float32]
        chosen = choose(weights, random)
        chosen.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(chosen).astype("float16"), chosen.name))
        return f"{chosen.name} in float16"


@kind("safetensors")
def dtype_of_tensor(folder: Path, random: np.random.Generator) -> str:
    with safetensors_arrays(folder) as arrays:
        name = choose(sorted(name for name, array in arrays.items() if _are_weights(array)), random)
        arrays[name] = arrays[name].astype("float16")
        return f"{name} in float16"


@kind("checkpoint", seen_in=(*BROKEN, "weights"))
def missing_variable(folder: Path, random: np.random.Generator) -> str:
    with checkpoint_arrays(folder, "model") as arrays:
        del arrays[(name := choose(sorted(arrays), random))]
        return f"{name} deleted"


@kind("checkpoint", seen_in=("optimizer",))
def moment(folder: Path, random: np.random.Generator) -> str:
    with checkpoint_arrays(folder, "model", of_optimizer=True) as arrays:
        name = choose(sorted(name for name, array in arrays.items() if _are_weights(array)), random)
        arrays[name] = change_number(arrays[name], "percent", random)
        return f"percent in {name}"


def _change_node(format_key: str, name: str, change: Callable[[list, np.random.Generator], str]) -> None:
    def change_nodes(folder: Path, random: np.random.Generator) -> str:
        with open_nodes(format_key, folder) as nodes:
            return change(nodes, random)

    change_nodes.__name__ = name
    kind(format_key, seen_in=(*BROKEN, "vocabulary"))(change_nodes)


def _other_activation(nodes: list, random: np.random.Generator) -> str:
    found = [node for node in nodes if node.op in ("Relu", "Tanh")]
    if not found:
        return ""
    node = choose(found, random)
    node.op = "Tanh" if node.op == "Relu" else "Relu"
    return f"{node.name} is {node.op}"


def _other_padding(nodes: list, random: np.random.Generator) -> str:
    found = [node for node in nodes if node.attr["padding"].s == b"SAME"]
    for node in found[:1]:
        node.attr["padding"].s = b"VALID"
    return f"padding of {found[0].name} is VALID" if found else ""


def _other_axis(nodes: list, random: np.random.Generator) -> str:
    import tensorflow as tf

    found = [node for node in nodes if node.op == "Const" and node.name.endswith("reduction_indices")]
    for node in found[:1]:
        axes = tf.make_ndarray(node.attr["value"].tensor)
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.where(axes == 1, 2, 1).astype(axes.dtype)))
    return f"{found[0].name} is another" if found else ""


def _other_word(nodes: list, random: np.random.Generator) -> str:
    words = [node.attr["value"].tensor for node in nodes if node.op == "Const"]
    words = [each for each in words if len(each.string_val) > FEWEST and all(map(bytes.isalpha, each.string_val))]
    if not words:
        return ""
    at = int(random.integers(len(words[0].string_val)))
    words[0].string_val[at] = b"zebra"
    return f"another word at {at}"


for _key in GRAPHS:
    _change_node(_key, "activation", _other_activation)
    _change_node(_key, "padding", _other_padding)
    _change_node(_key, "axis", _other_axis)
for _key in SAVED_MODELS:
    _change_node(_key, "vocabulary_entry", _other_word)


def _exchange(left: object, right: object, key: str) -> None:
    """Let two things have each other's attribute."""
    first, second = getattr(left, key), getattr(right, key)
    setattr(left, key, second)
    setattr(right, key, first)


@kind("litert", seen_in=PORTS)
def swapped_ends_of_signature(folder: Path, random: np.random.Generator) -> str:
    with litert_model(folder) as model:
        side = choose(["inputs", "outputs"], random)
        ends = getattr(model.signatureDefs[0], side)
        if len(ends) < 2:
            return ""
        _exchange(ends[0], ends[1], "tensorIndex")
        return f"the {side} of the signature go by each other's name"


@kind("litert", seen_in=VALUES)
def fused_activation(folder: Path, random: np.random.Generator) -> str:
    with litert_model(folder) as model:
        operators = [each.builtinOptions for graph in model.subgraphs for each in graph.operators]
        fused = [each for each in operators if getattr(each, "fusedActivationFunction", 0) == 1]
        for each in fused[:1]:
            each.fusedActivationFunction = 0
        return "an activation is none" if fused else ""


@kind("openvino", seen_in=VALUES)
def layer_type(folder: Path, random: np.random.Generator) -> str:
    with openvino_graph(folder) as tree:
        layer = choose([each for each in tree.iter("layer") if each.get("type") in ("ReLU", "Tanh")], random)
        layer.set("type", "Tanh" if layer.get("type") == "ReLU" else "ReLU")
        return f"{layer.get('name')} is {layer.get('type')}"


@kind("openvino", seen_in=PORTS)
def swapped_ports(folder: Path, random: np.random.Generator) -> str:
    """Inputs, or outputs, go by each other's name: that of a result is one of the port that it shows."""
    with openvino_graph(folder) as tree:
        layers = {each.get("id"): each for each in tree.iter("layer")}
        results = [key for key, each in layers.items() if each.get("type") == "Result"]
        shown = [each.get("from-layer") for each in tree.iter("edge") if each.get("to-layer") in results]
        taken = [key for key, each in layers.items() if each.get("type") == "Parameter"]
        chosen = choose([each for each in (shown, taken) if len(each) > 1], random)
        left, right = (next(port for port in layers[key].iter("port") if port.get("names")) for key in chosen[:2])
        left_names, right_names = left.get("names"), right.get("names")
        left.set("names", right_names)
        right.set("names", left_names)
        return f"{left_names} and {right_names} swapped"


@kind("frozen_graph", seen_in=PORTS)
def swapped_results(folder: Path, random: np.random.Generator) -> str:
    """The two last nodes, each of which hands on what an output is."""
    with frozen_graph(folder) as graph:
        read = {name.split(":")[0].lstrip("^") for node in graph.node for name in node.input}
        left, right = [node for node in graph.node if node.op == "Identity" and node.name not in read][:2]
        left.input[0], right.input[0] = right.input[0], left.input[0]
        return f"{left.name} and {right.name} swapped"


@kind(*SAVED_MODELS, seen_in=PORTS)
def swapped_returns(folder: Path, random: np.random.Generator) -> str:
    """The function behind each signature gives its outputs the other way round."""
    with saved_graph(folder) as graph:
        wrappers = [each for each in graph.library.function if "signature_wrapper" in each.signature.name]
        for function in (each for each in wrappers if len(each.ret) == 2):
            left, right = sorted(function.ret)
            function.ret[left], function.ret[right] = function.ret[right], function.ret[left]
        return "the outputs of the signatures swapped" if any(len(each.ret) == 2 for each in wrappers) else ""
