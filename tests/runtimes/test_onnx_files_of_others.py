"""ONNX files as its own packages write them: numbers beside the file, optimised graphs, and opsets."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from core.errors import Refused
from core.formats.onnx import FORMAT
from core.runtimes.onnx import FILE, import_onnxruntime
from core.runtimes.openvino import import_openvino
from core.validation.content.onnx import validate_onnx


def make_convolution(channels: int = 16) -> onnx.ModelProto:
    kernel = np.random.default_rng(0).random((channels, channels, 3, 3), dtype="float32")
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    ports = [[helper.make_tensor_value_info(name, 1, [1, channels, 8, 8])] for name in "xy"]
    graph = helper.make_graph(nodes, "g", *ports, [numpy_helper.from_array(kernel, "kernel")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


def test_second_save_of_onnx_appends_to_the_numbers_and_empties_the_object(tmp_path: Path):
    sizes = []
    for _ in range(2):
        model = make_convolution()
        onnx.save(model, tmp_path / FILE, save_as_external_data=True, location="numbers", size_threshold=0)
        sizes.append((tmp_path / "numbers").stat().st_size)
        assert not model.graph.initializer[0].raw_data
    assert sizes == [16 * 16 * 9 * 4, 2 * 16 * 16 * 9 * 4]


def test_graph_that_onnxruntime_optimised_for_itself_is_refused(tmp_path: Path):
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.optimized_model_filepath = str(tmp_path / FILE)
    options.log_severity_level = 4
    onnxruntime.InferenceSession(make_convolution().SerializeToString(), options, providers=["CPUExecutionProvider"])
    optimized = onnx.load(tmp_path / FILE)
    onnx.checker.check_model(optimized)
    if {node.domain for node in optimized.graph.node} <= {"", "com.microsoft"}:
        pytest.skip("this processor has no operations of its own in ONNX Runtime")
    with pytest.raises(Exception, match="nchwc"):
        import_openvino().Core().read_model(tmp_path / FILE)
    with pytest.raises(Refused) as refused:
        validate_onnx(tmp_path)
    assert (refused.value.rule, "take the file that it was made of" in refused.value.cure) == ("onnx-domain", True)


def test_opsets_that_are_offered_are_those_of_the_converter():
    import tensorflow as tf
    from tf2onnx import convert

    (opset,) = [option for option in FORMAT.options if option.key == "opset"]
    newest, shape = max(opset.choices), [tf.TensorSpec((1, 3))]
    model, _ = convert.from_function(tf.function(tf.nn.relu, shape), shape, opset=newest)
    assert model.opset_import[0].version == newest
    with pytest.raises(ValueError, match=f"Opset {newest + 1} is not supported"):
        convert.from_function(tf.function(tf.nn.relu, shape), shape, opset=newest + 1)
