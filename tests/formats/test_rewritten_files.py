"""Forms that are made from a plain ONNX, LiteRT or OpenVINO file: what stands in them, and how they are asked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import system
from core.compatibility.matrix import build_row
from core.errors import CannotSave
from core.formats import get_format
from core.formats.base import Saved
from core.readers import open_contents
from core.runtimes import onnx as onnx_runtime
from core.runtimes.litert import open_interpreter
from core.runtimes.model_kinds import ModelFile
from core.runtimes.onnx_quantizer import ALWAYS, FULL_REMARK, NEVER, REDUCED_REMARK
from tests.factories.litert_inputs import list_free_inputs
from tests.factories.packaged_models import write_onnx

DEMO = "digits-mlp"
PIXELS = np.random.default_rng(0).random((40, 64), dtype="float32")
ONNX_FORMS = ["onnx_external", "onnx_float16", "onnx_int8_dynamic", "onnx_int8"]
Rewrite = Callable[..., Saved]


@pytest.fixture(scope="session")
def folder_of(jobs, saved) -> Callable[[str], Path]:
    """A function that gives the folder of the demo saved in a format."""
    return lambda key: jobs.library.verified_folder(saved(DEMO, key)["artifact"])


@pytest.fixture
def rewrite(folder_of) -> Rewrite:
    """A function that makes a form from the demo's plain ONNX file."""

    def make(key: str, folder: Path, **options: str) -> Saved:
        folder.mkdir(exist_ok=True)
        source = ModelFile("onnx", folder_of("onnx"))
        return get_format(key).save_model(source, "onnx", folder, options, lambda: {"pixels": PIXELS})

    return make


def read_constants(folder: Path) -> dict[str, np.ndarray]:
    graph = onnx_runtime.load_model(folder / "model.onnx").graph
    return {item.name: onnx_runtime.read_tensor(item.tensor, folder) for item in onnx_runtime.list_constants(graph)}


# ONNX


@pytest.mark.parametrize("key", ONNX_FORMS)
def test_onnx_form_is_valid_and_takes_and_returns_float32(key, folder_of):
    import onnx

    path = folder_of(key) / "model.onnx"
    onnx.checker.check_model(str(path))
    graph = onnx.load(path, load_external_data=False).graph
    assert {port.type.tensor_type.elem_type for port in (*graph.input, *graph.output)} == {onnx.TensorProto.FLOAT}


@pytest.mark.parametrize(
    ("key", "dtype"), [("onnx_float16", "float16"), ("onnx_int8_dynamic", "int8"), ("onnx_int8", "int8")]
)
def test_onnx_form_has_kernels_of_its_dtype_alone(key, dtype, folder_of):
    kernels = [array for array in read_constants(folder_of(key)).values() if array.ndim > 1]
    assert {(array.shape, array.dtype.name) for array in kernels} == {((64, 128), dtype), ((128, 10), dtype)}


def test_onnx_external_saved_twice_into_one_folder_is_no_larger(rewrite, tmp_path):
    sizes = []
    for _ in range(2):
        rewrite("onnx_external", tmp_path)
        sizes.append({path.name: path.stat().st_size for path in tmp_path.iterdir()})
    assert sizes[0] == sizes[1]
    assert sizes[0]["model.onnx.data"] == 9_610 * 4
    assert sizes[0]["model.onnx"] < 2_000


def test_onnx_float16_of_large_weight_is_cut_as_it_says(folder_of, tmp_path):
    import onnx

    model = onnx_runtime.load_model(folder_of("onnx") / "model.onnx")
    kernel = max(model.graph.initializer, key=lambda item: len(item.raw_data))
    values = onnx.numpy_helper.to_array(kernel).copy()
    values[0, 0] = 1e6
    kernel.CopyFrom(onnx.numpy_helper.from_array(values, kernel.name))
    (tmp_path / "source").mkdir()
    onnx.save(model, tmp_path / "source" / "model.onnx")
    source = ModelFile("onnx", tmp_path / "source")
    get_format("onnx_float16").save_model(source, "onnx", _made(tmp_path / "copy"))
    assert max(array.max() for array in read_constants(tmp_path / "copy").values() if array.ndim > 1) == 65_504
    assert "65,504" in get_format("onnx_float16").explains


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_onnx_float16_of_model_without_float32_is_refused(dtype, tmp_path):
    import keras

    model = keras.Sequential([keras.Input((4,), dtype=dtype), keras.layers.Dense(2, dtype=dtype)])
    with pytest.raises(CannotSave) as caught:
        get_format("onnx_float16").save_model(model, "keras", tmp_path)
    assert caught.value.sentence == (
        "Nothing in this model computes in float32, so the file would be the plain ONNX file."
    )


def _write_choice(folder: Path, *, in_body: bool) -> ModelFile:
    """An ONNX file of whole numbers, which computes with floats of Constant nodes, or of the bodies of If, inside."""
    from onnx import TensorProto, checker, helper, save_model

    def constant(value: float) -> Any:
        return helper.make_node(
            "Constant", [], [f"c{value}"], value=helper.make_tensor("", TensorProto.FLOAT, [], [value])
        )

    def body(value: float) -> Any:
        numbers = [helper.make_tensor(f"c{value}", TensorProto.FLOAT, [], [value])]
        result = helper.make_tensor_value_info(f"r{value}", TensorProto.FLOAT, [])
        return helper.make_graph([helper.make_node("Neg", [f"c{value}"], [f"r{value}"])], "body", [], [result], numbers)

    if in_body:
        any_row = helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0)
        above = [any_row, helper.make_node("Cast", ["most"], ["is_above"], to=TensorProto.BOOL)]
        nodes = [*above, helper.make_node("If", ["is_above"], ["y"], then_branch=body(2.5), else_branch=body(1.5))]
    else:
        above = [helper.make_node("Cast", ["x"], ["is_above"], to=TensorProto.BOOL), constant(2.5), constant(1.5)]
        nodes = [*above, helper.make_node("Where", ["is_above", "c2.5", "c1.5"], ["y"])]
    nodes += [helper.make_node("Cast", ["y"], ["whole"], to=TensorProto.INT64)]
    nodes += [helper.make_node("Add", ["x", "whole"], ["answer"])]
    x, answer = (helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", 1]) for name in ("x", "answer"))
    model = helper.make_model(
        helper.make_graph(nodes, "choice", [x], [answer]), opset_imports=[helper.make_opsetid("", 15)]
    )
    model.ir_version = 8
    checker.check_model(model)
    save_model(model, _made(folder) / "model.onnx")
    return ModelFile("onnx", folder)


@pytest.mark.parametrize("in_body", [False, True])
def test_onnx_float16_halves_floats_inside_of_models_of_integers(in_body, tmp_path):
    source, copy, rows = (
        _write_choice(tmp_path / "source", in_body=in_body),
        _made(tmp_path / "copy"),
        {"x": np.array([[0], [3]])},
    )
    get_format("onnx_float16").save_model(source, "onnx", copy)
    answers = [get_format("onnx").load(folder).predict(rows)["answer"].tolist() for folder in (source.folder, copy)]
    assert answers == [[[-2], [1]] if in_body else [[1], [5]]] * 2


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("key", ["onnx_int8_dynamic", "onnx_int8"])
@pytest.mark.parametrize(("choice", "limit", "words"), [(ALWAYS, 64, REDUCED_REMARK), (NEVER, 127, FULL_REMARK)])
def test_onnx_kernels_have_the_chosen_range_and_the_copy_says_it(key, choice, limit, words, rewrite, tmp_path):
    remark = rewrite(key, tmp_path, reduce_range=choice).remark
    kernels = [array for array in read_constants(tmp_path).values() if array.ndim > 1]
    assert remark == words
    assert max(np.abs(array.astype("int16")).max() for array in kernels) == limit


@pytest.mark.parametrize(("key", "is_exact"), [("onnx_int8_dynamic", False), ("onnx_int8_dynamic", True)])
def test_onnx_copy_says_where_this_processor_may_cut_sums_off(key, is_exact, rewrite, tmp_path, monkeypatch):
    rewrite(key, tmp_path, reduce_range=NEVER)
    monkeypatch.setattr(onnx_runtime, "has_exact_8_bit_products", lambda: is_exact)
    remark = get_format(key).load(tmp_path).remark
    assert remark == ("" if is_exact else onnx_runtime.INEXACT_PRODUCTS_REMARK)


def test_onnx_file_without_8_bit_operations_is_not_parsed_for_them(folder_of, monkeypatch):
    monkeypatch.setattr(onnx_runtime, "has_exact_8_bit_products", lambda: False)
    monkeypatch.setattr("onnx.load", lambda *given, **options: pytest.fail("parsed"))
    assert get_format("onnx").load(folder_of("onnx")).remark == ""


@pytest.mark.parametrize(
    ("flags", "machine", "expected"),
    [
        ("sse4_2 avx2 fma", "x86_64", False),
        ("avx2 avx512_vnni", "x86_64", True),
        ("avx2 avx_vnni", "x86_64", True),
        ("", "x86_64", False),
        ("", "aarch64", True),
    ],
)
def test_exact_products_are_told_by_the_flags_of_the_processor(flags, machine, expected, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n" if flags else "processor\t: 0\n")
    monkeypatch.setattr(system, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(system.platform, "machine", lambda: machine)
    assert system.has_exact_8_bit_products.__wrapped__() is expected


@pytest.mark.parametrize("key", ONNX_FORMS[1:])
def test_quantized_onnx_file_is_not_rounded_again(key, folder_of, tmp_path):
    source = ModelFile("onnx", folder_of("onnx_int8"))
    with pytest.raises(CannotSave) as caught:
        get_format(key).save_model(source, "onnx", tmp_path, samples=lambda: {"pixels": PIXELS})
    assert caught.value.sentence.startswith("This ONNX file is quantised already")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("key", ["onnx_int8_dynamic", "onnx_int8"])
def test_onnx_file_in_half_precision_is_not_quantised(key: str, dtype: str, tmp_path: Path):
    from onnx import TensorProto, helper

    number = getattr(TensorProto, dtype.upper())
    nodes = [
        helper.make_node("Cast", ["x"], ["narrow"], to=number),
        helper.make_node("MatMul", ["narrow", "kernel"], ["product"]),
        helper.make_node("Cast", ["product"], ["y"], to=TensorProto.FLOAT),
    ]
    kernel = np.ones((4, 2), helper.tensor_dtype_to_np_dtype(number))
    write_onnx(tmp_path / "model.onnx", nodes, {"x": ["batch", 4]}, {"y": ["batch", 2]}, {"kernel": kernel})
    samples = {"x": np.ones((8, 4), "float32")}
    with pytest.raises(CannotSave) as caught:
        get_format(key).save_model(ModelFile("onnx", tmp_path), "onnx", _made(tmp_path / "copy"), None, lambda: samples)
    assert caught.value.sentence == f"ONNX Runtime does not quantise a model that computes in {dtype}."


@pytest.mark.parametrize(
    ("key", "state"),
    [("onnx_int8_dynamic", "changed"), ("onnx_int8", "kept"), ("litert_int4", "kept"), ("onnx", "kept")],
)
def test_matrix_says_whether_a_row_depends_on_those_beside_it(key, state, jobs, saved, trained):
    evidence = jobs.library.evidence(saved(DEMO, key)["artifact"])
    cell = build_row(jobs.library.run(trained(DEMO)), key, "", evidence).cells["batch"]
    assert (cell.state, "depends on the rows of its call" in cell.words) == (state, state == "changed")
    assert (evidence.best.probes["row_shift"] > 1e-4) == (state == "changed")


# LiteRT


def test_litert_int4_file_has_kernels_of_four_bits(folder_of):
    tensors = open_contents(folder_of("litert_int4")).tensors()
    assert sorted(tensor.shape for tensor in tensors if tensor.dtype == "int4") == [(10, 128), (128, 64)]


def test_litert_fixed_file_leaves_no_size_open(folder_of):
    contents = {key: (folder_of(key) / "model.tflite").read_bytes() for key in ("litert", "litert_fixed")}
    assert {key: len(list_free_inputs(content)) for key, content in contents.items()} == {
        "litert": 1,
        "litert_fixed": 0,
    }


def test_litert_fixed_of_free_second_size_is_refused(tmp_path):
    import keras

    x = keras.Input((None, 3), name="x")
    model = keras.Model(x, keras.layers.GlobalAveragePooling1D()(x))
    with pytest.raises(CannotSave) as caught:
        get_format("litert_fixed").save_model(model, "keras", tmp_path)
    assert caught.value.sentence.startswith("Some sizes of this model's inputs are free beside the number of rows")


def test_litert_int8_measures_pictures_in_the_size_of_its_samples(tmp_path):
    import keras

    picture = keras.Input((None, None, 3), name="picture")
    small = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(picture)  # nothing is left of one pixel
    model = keras.Model(picture, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(small)))
    pictures = np.random.default_rng(0).random((8, 12, 10, 3), dtype="float32")
    get_format("litert_int8").save_model(model, "keras", tmp_path, samples=lambda: {"picture": pictures})
    predictions = get_format("litert_int8").load(tmp_path).predict({"picture": pictures})
    np.testing.assert_allclose(next(iter(predictions.values())), model.predict(pictures, verbose=0), atol=0.02)
    content = (tmp_path / "model.tflite").read_bytes()
    (detail,) = open_interpreter(content).get_input_details()
    assert (detail["shape"].tolist(), len(list_free_inputs(content))) == ([1, 12, 10, 3], 1)


# Keras


def test_keras_float8_file_computes_in_eight_bits_and_is_no_smaller(folder_of):
    model = get_format("keras_float8").load(folder_of("keras_float8")).model
    modes = [layer.quantization_mode for layer in model.layers if layer.weights]
    assert modes == ["float8", "float8"]
    sizes = [(folder_of(key) / "model.keras").stat().st_size for key in ("keras_float8", "keras_int8")]
    assert sizes[0] > 9_610 * 4 > sizes[1]


# OpenVINO


@pytest.mark.skipif(bool(get_format("openvino_int8").missing_packages), reason="Needs nncf: pip install nncf")
def test_openvino_int8_files_have_integer_kernels_and_are_not_rewritten(folder_of, tmp_path):
    folder = folder_of("openvino_int8")
    assert (folder / "model.xml").read_text().count('element_type="i8"') == 2
    source = ModelFile("openvino", folder)
    with pytest.raises(CannotSave, match="quantised already"):
        get_format("openvino_int8").save_model(source, "openvino", tmp_path, samples=lambda: {"pixels": PIXELS})
