"""What is special to single formats: their options, what is really in their files, and how those are fed."""

import json
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils

from core.compare import Verdict
from core.runtimes.litert import litert_predictor
from tests.helpers import wait_until_done

DEMO = "digits-mlp"
PIXELS = np.random.default_rng(0).random((7, 64), dtype="float32")


@pytest.fixture(scope="session")
def save_with_options(jobs, trained):
    """A function that saves a run of `RUN` with options; gives the folder of its files and its evidence."""

    def save(format_key: str, **options):
        job = wait_until_done(jobs, jobs.save(trained(DEMO), [format_key], {format_key: options}))
        row = job.result["rows"][format_key]
        assert row["state"] == "done", row.get("error")
        return jobs.library.verified_folder(row["artifact"]), jobs.library.evidence(row["artifact"])

    return save


@pytest.fixture(scope="session")
def folder_of(jobs, saved):
    """A function that gives the folder of `RUN`, or of another demo, saved in a format."""

    def of(format_key: str, demo: str = DEMO) -> Path:
        return jobs.library.verified_folder(saved(demo, format_key)["artifact"])

    return of


def read_tensor_details(folder: Path) -> list[dict]:
    return Interpreter(model_content=(folder / "model.tflite").read_bytes()).get_tensor_details()


def read_dtypes(folder: Path) -> set[str]:
    return {np.dtype(detail["dtype"]).name for detail in read_tensor_details(folder)}


# ONNX


@pytest.mark.parametrize("opset", [13, 18])
def test_onnx_file_has_the_chosen_opset(opset, save_with_options):
    import onnx

    folder, evidence = save_with_options("onnx", opset=opset)
    assert onnx.load(folder / "model.onnx").opset_import[0].version == opset
    assert evidence.best.verdict.rank <= Verdict.ROUNDING.rank


@pytest.mark.long
def test_onnx_file_embeds_layer_constants_instead_of_inputs(folder_of):
    """Keras' own export makes inputs of what Normalization has measured, and nobody can fill those."""
    import onnx

    graph = onnx.load(folder_of("onnx", "two-in-two-out") / "model.onnx").graph
    assert sorted(port.name.removesuffix(":0") for port in graph.input) == ["colours", "minerals"]


def test_onnx_file_weights_equal_the_run_bit_for_bit(jobs, saved):
    weights = jobs.library.evidence(saved(DEMO, "onnx")["artifact"]).best.weights
    assert (weights.found, weights.of) == (4, 4)


# LiteRT


@pytest.mark.parametrize(
    ("format_key", "held"),
    [
        ("litert", {"float32"}),
        ("litert_float16", {"float32", "float16"}),
        ("litert_dynamic", {"float32", "int8"}),
        ("litert_int8", {"float32", "int8", "int32"}),
    ],
)
def test_litert_file_has_the_dtypes_of_its_format(format_key, held, folder_of):
    assert read_dtypes(folder_of(format_key)) == held


def test_litert_int8_file_is_float_only_at_inputs_and_outputs(folder_of):
    content = (folder_of("litert_int8") / "model.tflite").read_bytes()
    interpreter = Interpreter(model_content=content)
    border = {detail["index"] for detail in interpreter.get_input_details() + interpreter.get_output_details()}
    assert {
        detail["index"] for detail in read_tensor_details(folder_of("litert_int8")) if detail["dtype"] is np.float32
    } == border


def test_few_calibration_rows_cost_precision(save_with_options):
    item, many = (save_with_options("litert_int8", calibration_rows=rows)[1].best for rows in (1, 200))
    assert many.max_abs < item.max_abs
    assert many.changed_rows <= item.changed_rows


def test_litert_signature_preserves_input_and_output_names(folder_of):
    signature = Interpreter(model_content=(folder_of("litert", "digits-core") / "model.tflite").read_bytes())
    assert signature.get_signature_list() == {"serving_default": {"inputs": ["pixels"], "outputs": ["probabilities"]}}


def test_litert_file_with_fixed_batch_of_one_is_fed_row_by_row(folder_of):
    content = (folder_of("litert") / "model.tflite").read_bytes()
    for_one_row = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    graph = for_one_row.subgraphs[0]
    graph.tensors[graph.inputs[0]].shapeSignature = [1, 64]
    fixed = litert_predictor(bytes(flatbuffer_utils.convert_object_to_bytearray(for_one_row)))
    free = litert_predictor(content)
    assert [spec.shape for spec in fixed.inputs] == [(None, 64)]
    np.testing.assert_allclose(
        fixed.predict({"pixels": PIXELS})["output_0"], free.predict({"pixels": PIXELS})["output_0"], atol=1e-6
    )


# Keras


def test_weight_shards_have_requested_size_and_are_all_indexed(save_with_options):
    folder, evidence = save_with_options("weights_sharded", shard_mb=0.04)
    index = json.loads((folder / "model.weights.json").read_text())
    named = {name for names in index["weight_map"].values() for name in ([names] if isinstance(names, str) else names)}
    shards = sorted(path.name for path in folder.glob("*.h5"))
    assert shards == sorted(named) == [f"model_{number:05}.weights.h5" for number in range(len(shards))]
    assert index["metadata"]["total_size"] == sum(array.nbytes for array in _read_arrays(folder))
    assert len(shards) == 4
    assert evidence.with_code.verdict is Verdict.BIT_IDENTICAL
    assert evidence.with_code.optimizer.is_complete


def _read_arrays(folder: Path) -> list[np.ndarray]:
    import h5py

    result: list[np.ndarray] = []
    for path in folder.glob("*.h5"):
        with h5py.File(path) as file:
            file.visititems(lambda _, item: result.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    return result


@pytest.mark.parametrize("format_key", ["keras_int8", "keras_int4"])
def test_quantized_keras_file_reports_missing_kernels(format_key, jobs, saved):
    weights = jobs.library.evidence(saved(DEMO, format_key)["artifact"]).best.weights
    assert weights.missing == ["sequential/dense/kernel", "sequential/dense_1/kernel"]


# Weights alone


def test_safetensors_file_is_readable_by_its_own_library_alone(folder_of):
    from safetensors.numpy import load_file

    arrays = load_file(folder_of("safetensors") / "model.safetensors")
    assert {name: array.shape for name, array in arrays.items()} == {
        "sequential/dense/kernel": (64, 128),
        "sequential/dense/bias": (128,),
        "sequential/dense_1/kernel": (128, 10),
        "sequential/dense_1/bias": (10,),
    }


# The graph of TensorFlow 1


@pytest.mark.parametrize(("demo", "output"), [(DEMO, "output_0"), ("digits-core", "probabilities")])
def test_frozen_graph_has_no_variables_and_names_its_outputs(demo, output, jobs, saved):
    outcome = jobs.library.evidence(saved(demo, "frozen_graph")["artifact"]).best
    content = (jobs.library.verified_folder(saved(demo, "frozen_graph")["artifact"]) / "model.pb").read_bytes()
    assert outcome.verdict is Verdict.BIT_IDENTICAL
    assert [pair["answer"] for pair in outcome.pairs] == [output]
    assert (b"Placeholder" in content, b"VarHandleOp" in content) == (True, False)
    assert (outcome.weights.found, outcome.weights.of) == (4, 4)
