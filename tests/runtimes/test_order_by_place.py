"""Inputs and outputs by place and by name: only the names lead to the right ones."""

from pathlib import Path

import numpy as np
import pytest

from core.compare import compare
from core.evidence.element_order import find_places
from core.formats import get_format
from core.runtimes.base import NO_CODE
from core.runtimes.openvino import adapt_compiled_model, compile_model, import_openvino
from core.text.summaries import describe_places
from core.worker.model_loading import load_artifact

Z, A = (np.random.default_rng(seed).normal(size=(4, 3)).astype("float32") for seed in (0, 1))
OUTPUTS = [f"output_{index}" for index in range(4)]
BY_PLACE = ["output_1", "output_3", "output_0", "output_2"]


@pytest.fixture(scope="module")
def many_sided_model():
    """A model of two inputs, "z" and "a", whose difference four layers take."""
    import keras

    keras.utils.set_random_seed(0)
    inputs = [keras.Input((3,), name=name) for name in ("z", "a")]
    difference = keras.layers.Subtract()(inputs)
    return keras.Model(inputs, [keras.layers.Dense(2, name=name)(difference) for name in "wcxb"])


@pytest.fixture(scope="module")
def answers(many_sided_model) -> dict[str, np.ndarray]:
    return dict(zip(OUTPUTS, map(np.asarray, many_sided_model([Z, A])), strict=True))


@pytest.fixture(scope="module")
def litert_folder(many_sided_model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("litert")
    get_format("litert").save_model(many_sided_model, "keras", folder)
    return folder


def test_litert_lists_outputs_by_place_in_another_order(litert_folder: Path, answers):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=(litert_folder / "model.tflite").read_bytes())
    for detail in interpreter.get_input_details():
        interpreter.resize_tensor_input(detail["index"], Z.shape)
    interpreter.allocate_tensors()
    for detail, rows in zip(interpreter.get_input_details(), (A, Z), strict=True):  # by the alphabet
        interpreter.set_tensor(detail["index"], rows)
    interpreter.invoke()
    details = interpreter.get_output_details()
    by_place = [interpreter.get_tensor(detail["index"]) for detail in details]
    assert all(np.allclose(given, answers[name]) for given, name in zip(by_place, BY_PLACE, strict=True))
    # Without a signature the number behind the colon is the true place.
    assert [f"output_{detail['name'].rpartition(':')[2]}" for detail in details] == BY_PLACE


def test_litert_predictor_reads_by_name_and_says_the_order(litert_folder: Path, answers):
    predictor = load_artifact("litert", litert_folder, NO_CODE)
    predictions = predictor.predict({"z": Z, "a": A})
    assert all(np.allclose(predictions[name], answers[name]) for name in OUTPUTS)
    assert predictor.places == {"inputs": ["a", "z"], "outputs": BY_PLACE}
    pairs = [{"reference": name, "answer": name, "by": "name"} for name in ("z", "a")]
    facts = {"places": predictor.places, "input_pairs": pairs}
    places = find_places(["z", "a"], OUTPUTS, facts, compare(answers, predictions))
    assert describe_places(places) == (
        "By place its runtime takes inputs as a, z: give them by name. "
        "By place its runtime gives outputs as output_1, output_3, output_0, output_2: read them by name."
    )


def test_openvino_takes_inputs_of_saved_model_by_the_alphabet(many_sided_model, answers, tmp_path: Path):
    get_format("keras_export").save_model(many_sided_model, "keras", tmp_path)
    compiled = compile_model(import_openvino().convert_model(tmp_path))
    turned = many_sided_model([A, Z])
    assert any(np.allclose(given, turned[0], atol=1e-5) for given in compiled([Z, A]).values())
    adapter = adapt_compiled_model(compiled)
    assert adapter.places["inputs"] == ["a", "z"]
    by_name = adapter.predict({"z": Z, "a": A})
    assert np.allclose(by_name["output_0"], answers["output_0"], atol=1e-5)
