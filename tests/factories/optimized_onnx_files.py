"""An ONNX file, and what ONNX Runtime makes of it at each level of its optimisation."""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from core.runtimes.onnx import import_onnxruntime

LEVELS = ("BASIC", "EXTENDED", "ALL")


def make_convolution(channels: int = 16) -> onnx.ModelProto:
    kernel = np.random.default_rng(0).random((channels, channels, 3, 3), dtype="float32")
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    ports = [[helper.make_tensor_value_info(name, 1, [1, channels, 8, 8])] for name in "xy"]
    graph = helper.make_graph(nodes, "g", *ports, [numpy_helper.from_array(kernel, "kernel")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


def write_optimized_files(folder: Path) -> dict[str, Path]:
    """Write a convolution as `plain.onnx`, and as it is optimised; returns the paths by level, all of which the checker
    passes."""
    onnxruntime = import_onnxruntime()
    onnx.save(make_convolution(), folder / "plain.onnx")
    paths = {level: folder / f"{level}.onnx" for level in LEVELS}
    for level, path in paths.items():
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
        options.optimized_model_filepath = str(path)
        options.log_severity_level = 4
        onnxruntime.InferenceSession(folder / "plain.onnx", options, providers=["CPUExecutionProvider"])
        onnx.checker.check_model(onnx.load(path))
    return paths
