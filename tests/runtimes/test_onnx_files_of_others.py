"""ONNX files as its own packages write them: numbers beside the file, optimised graphs, and opsets."""

from pathlib import Path

import onnx
import pytest

from core.errors import Refused
from core.formats.onnx import FORMAT
from core.runtimes.onnx import FILE
from core.runtimes.openvino import import_openvino
from core.validation.content.onnx import validate_onnx
from tests.factories.optimized_onnx_files import make_convolution, write_optimized_files


def test_second_save_of_onnx_appends_to_the_numbers_and_empties_the_object(tmp_path: Path):
    sizes = []
    for _ in range(2):
        model = make_convolution()
        onnx.save(model, tmp_path / FILE, save_as_external_data=True, location="numbers", size_threshold=0)
        sizes.append((tmp_path / "numbers").stat().st_size)
        assert not model.graph.initializer[0].raw_data
    assert sizes == [16 * 16 * 9 * 4, 2 * 16 * 16 * 9 * 4]


def test_graph_that_onnxruntime_optimised_for_itself_is_refused(tmp_path: Path):
    optimized = write_optimized_files(tmp_path)
    if {node.domain for node in onnx.load(optimized["ALL"]).graph.node} <= {"", "com.microsoft"}:
        pytest.skip("this processor has no operations of its own in ONNX Runtime")
    core = import_openvino().Core()
    for level in ("BASIC", "EXTENDED"):
        assert len(core.read_model(optimized[level]).inputs) == 1
    with pytest.raises(Exception, match="nchwc"):
        core.read_model(optimized["ALL"])
    (tmp_path / "upload").mkdir()
    optimized["ALL"].rename(tmp_path / "upload" / FILE)
    with pytest.raises(Refused) as refused:
        validate_onnx(tmp_path / "upload")
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
