"""Environments with Node.js: what their scripts say and read, and that an untrusted copy is asked there confined."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.compare import Verdict
from core.environments import get_environment
from core.environments.base import SCRIPTS
from core.environments.judge import judge_kit, translate_refusal
from core.environments.pool import WarmProcesses
from core.environments.replies import EngineError
from core.errors import DoesNotLoad, PackageMissing
from core.exports.proof_kit import unpacked_kit
from core.jobs import Jobs
from core.settings import Settings
from tests.factories.built_environments import build_or_skip

ARRAYS = {
    "numbers": np.array([[1.5, np.nan], [-np.inf, 3e-9]], "float32"),
    "half": np.array([0.5, -2], "float16"),
    "whole": np.array([[-(2**62)], [2**62]], "int64"),
    "flags": np.array([True, False]),
    "text": np.array([["a"], ["é,\n"]], object),
    "nothing": np.zeros((0, 3), "float32"),
    "one": np.array(7, "int32"),
}


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Callable:
    """A function that imports a script of ours."""
    from importlib import import_module

    monkeypatch.syspath_prepend(str(SCRIPTS))
    return import_module


@pytest.mark.parametrize("name", ARRAYS)
def test_array_for_node_comes_back_as_it_was(scripts, name: str):
    script, array = scripts("node_process"), ARRAYS[name]
    back = script.decode(*json.loads(json.dumps(script.encode(array))))
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert np.array_equal(back, array, equal_nan=array.dtype.kind == "f")


def write_graph_model(folder: Path) -> Path:
    """The file of a graph model with constants of three kinds in two shards, and a lookup table among its inputs."""
    shape = {"dim": [{"size": "-1"}, {"size": "3"}]}
    inputs = {
        "pixels": {"name": "pixels:0", "dtype": "DT_FLOAT", "tensorShape": shape},
        "count": {"name": "count:0", "dtype": "DT_INT64", "tensorShape": {}},
        "table": {"name": "table:0", "dtype": "DT_RESOURCE", "resourceId": 3},
    }
    weights = [
        {"name": "words", "shape": [2], "dtype": "string"},
        {"name": "kernel", "shape": [2, 2], "dtype": "float32"},
        {"name": "axis", "shape": [], "dtype": "int32"},
    ]
    text = b"".join(len(word).to_bytes(4, "little") + word for word in (b"yes", b"\xc3\xa9"))
    content = text + np.arange(4, dtype="float32").tobytes() + np.array(-1, "int32").tobytes()
    names = ["shard1.bin", "shard2.bin"]
    for name, part in zip(names, (content[:20], content[20:]), strict=True):
        (folder / name).write_bytes(part)
    facts = {"signature": {"inputs": inputs}, "weightsManifest": [{"paths": names, "weights": weights}]}
    path = folder / "model.json"
    path.write_text(json.dumps(facts))
    return path


def test_graph_model_says_what_it_takes_without_its_tables(scripts, tmp_path: Path):
    specs = scripts("tfjs_node").list_specs(write_graph_model(tmp_path))
    assert specs == [["pixels", "float32", [None, 3]], ["count", "int64", []]]


def test_constants_of_a_graph_model_are_read_across_shards(scripts, tmp_path: Path):
    weights = dict(scripts("tfjs_node").list_weights(write_graph_model(tmp_path)))
    assert weights.keys() == {"kernel", "axis"}
    assert weights["kernel"].tolist() == [[0, 1], [2, 3]]
    assert (weights["axis"].shape, weights["axis"].item()) == ((), -1)


def test_whole_number_beyond_32_bits_is_refused_by_name(scripts):
    narrow = scripts("tfjs_node").narrow
    assert narrow(np.array([2**31 - 1, -(2**31)]), "int64").dtype == np.int32
    with pytest.raises(ValueError, match="whole numbers of 32 bits alone"):
        narrow(np.array([2**31]), "int64")
    assert narrow(np.array([0.5], "float32"), "float32").dtype == np.float32


def test_exact_gelu_is_written_without_erfc_and_answers_alike(scripts, tmp_path: Path):
    import keras
    import tensorflow as tf
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    given = keras.Input((3,), name="x")
    model = keras.Model(given, keras.layers.Dense(3, "gelu")(keras.layers.Activation("gelu")(given)))
    x = np.linspace(-6, 6, 18, dtype="float32").reshape(6, 3)
    expected = model(x).numpy()
    model.export(tmp_path, verbose=False)
    path = tmp_path / "saved_model.pb"

    def list_operations() -> set[str]:
        graph = SavedModel.FromString(path.read_bytes()).meta_graphs[0].graph_def
        bodies = [graph.node, *(function.node_def for function in graph.library.function)]
        return {node.op for nodes in bodies for node in nodes}

    assert "Erfc" in list_operations()
    scripts("tfjs_operations").rewrite_operations(tmp_path)
    assert list_operations() & {"Erfc", "Erf"} == {"Erf"}
    signature = tf.saved_model.load(tmp_path).signatures["serving_default"]
    (answer,) = signature(tf.constant(x)).values()
    assert np.abs(answer.numpy() - expected).max() < 1e-6


def test_operation_that_tensorflow_js_lacks_is_named():
    text = "Unsupported Ops in the model before optimization\nStringLower, UnicodeDecode"
    error = translate_refusal(EngineError(stage="load", error="ValueError", text=text))
    assert error.sentence == "TensorFlow.js has no operation for StringLower, UnicodeDecode."
    assert isinstance(error, DoesNotLoad)


def test_engine_that_is_not_on_this_system_says_nothing_of_the_copy():
    text = "Core ML predicts on macOS alone. Here the copy was converted: 4 operations (2 matmul), 9 bytes."
    error = translate_refusal(EngineError(stage="load", error="EngineNotHere", text=text))
    assert isinstance(error, PackageMissing)
    assert error.sentence == text
    assert "on a Mac" in error.cure


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("is_untrusted", [False, True], ids=["own", "untrusted"])
def test_onnxruntime_web_answers_as_here(built_config: Settings, jobs: Jobs, saved: Callable, is_untrusted: bool):
    environment = get_environment("onnxruntime-web")
    built = build_or_skip(built_config, environment)
    with (
        unpacked_kit(jobs.library, saved("stocks-lstm", "onnx")["artifact"]) as kit,
        WarmProcesses(built_config) as processes,
    ):
        outcome = judge_kit(processes, environment, built, replace(kit, is_untrusted=is_untrusted))
    assert (outcome.error, outcome.verdict) == (None, Verdict.ROUNDING)
    assert outcome.versions["onnxruntime-web"] == "1.30.0"
