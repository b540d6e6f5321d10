"""What ONNX Runtime's quantizer would change the meaning of stays as it is; all else is in 8 bits."""

import numpy as np
import pytest

from core.runtimes.onnx import load, load_model
from core.runtimes.onnx_quantizer import NEVER, name_float_nodes, quantize_static
from tests.factories.packaged_models import KERNEL, write_onnx

ROWS = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
PRODUCT = ROWS @ KERNEL


def clip(low, high):
    """A kernel, then what clips its product."""
    from onnx.helper import make_node

    nodes = [make_node("MatMul", ["x", "kernel"], ["product"]), make_node("Clip", ["product", "low", "high"], ["y"])]
    return nodes, {"low": np.float32(low), "high": np.float32(high)}, PRODUCT.clip(low, high)


def scale(**factors):
    """A kernel, then a Gemm of these factors with the identity and a bias of 10."""
    from onnx.helper import make_node

    nodes = [make_node("MatMul", ["x", "kernel"], ["a"]), make_node("Gemm", ["a", "one", "bias"], ["y"], **factors)]
    expected = factors.get("alpha", 1) * PRODUCT + factors.get("beta", 1) * 10
    return nodes, {"one": np.eye(3, dtype="float32"), "bias": np.full(3, 10, "float32")}, expected


@pytest.mark.parametrize(
    ("build", "floats"),
    [
        (lambda: clip(0.2, 3), ["Clip_1"]),
        (lambda: clip(-3, -0.2), ["Clip_1"]),
        (lambda: clip(0, 0.5), []),
        (lambda: scale(beta=3.0), ["Gemm_1"]),
        (lambda: scale(alpha=0.5), []),
        (lambda: scale(), []),
    ],
    ids=["clip above zero", "clip below zero", "clip from zero", "beta", "alpha", "plain Gemm"],
)
def test_static_quantisation_keeps_clips_and_scaled_gemms(build, floats, tmp_path):
    nodes, constants, expected = build()
    path = tmp_path / "model.onnx"
    write_onnx(path, nodes, {"x": ["rows", 4]}, {"y": ["rows", 3]}, {"kernel": KERNEL, **constants})
    assert name_float_nodes(load_model(path)) == floats
    quantize_static(path, {"x": ROWS}, NEVER)
    (answers,) = load(tmp_path).predict({"x": ROWS}).values()
    assert np.abs(answers - expected).max() < 0.02 * np.abs(expected).max() + 0.02
    kinds = {node.op_type for node in load_model(path).graph.node}
    assert "QuantizeLinear" in kinds
    assert {name.partition("_")[0] for name in floats} <= kinds
