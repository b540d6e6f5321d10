"""Scripts of engines: what outputs are called, and how they are written."""

import importlib
from types import ModuleType

import numpy as np
import pytest

from core.environments.base import SCRIPTS
from core.runtimes.specs import flatten_outputs

LEFT, RIGHT = np.zeros((2, 3), "float32"), np.ones((2, 3), "float32")
STRUCTURES = {
    "dictionary": {"zeta": LEFT, "alpha": RIGHT},
    "list": [LEFT, RIGHT],
    "nested": {"zeta": {"b": LEFT, "a": RIGHT}, "alpha": (LEFT, None)},
    "clash": {"a": {"b": LEFT}, "a/b": RIGHT},
}


@pytest.fixture
def load_script(monkeypatch: pytest.MonkeyPatch):
    """A function that imports a script of ours."""
    monkeypatch.syspath_prepend(str(SCRIPTS))

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    return load


@pytest.mark.parametrize("names", [None, ["alpha", "zeta"], ["same", "same"]], ids=["none", "sorted", "equal"])
@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES)
def test_keras_outputs_are_named_as_ours_are(load_script, structure, names):
    named = load_script("keras_model").name_outputs(structure, names, ["zeta", "alpha"])
    ours = flatten_outputs(structure, names)
    assert list(named) == list(ours)
    assert all(named[name] is ours[name] for name in ours)


def test_single_keras_output_is_named_as_the_kit_names_it(load_script):
    named = load_script("keras_model").name_outputs([LEFT], ["dense"], ["scores"])
    assert named.keys() == {"scores"}


def test_model_kept_of_one_kit_is_let_go_with_another(load_script):
    files = load_script("kit_files")
    files.keep_for_load("first", "its model")
    assert files.take_kept("second") is None
    assert files.take_kept("first") is None
    files.keep_for_load("first", "its model")
    assert [files.take_kept("first"), files.take_kept("first")] == ["its model", None]


@pytest.mark.parametrize("name", ["onnx_web", "tfjs_node"])
def test_node_is_ended_whatever_its_load_raises(load_script, tmp_path, monkeypatch: pytest.MonkeyPatch, name: str):
    closed = []

    class Process:
        def __init__(self, module):
            pass

        def load(self, folder):
            raise ValueError("no JSON")

        def close(self):
            closed.append(self)

    (tmp_path / "artifact").mkdir()
    (tmp_path / "artifact" / "model.onnx").write_bytes(b"")
    (tmp_path / "artifact" / "model.json").write_text('{"signature": {"inputs": {}}}')
    script = load_script(name)
    monkeypatch.setattr(script, "NodeProcess", Process)
    with pytest.raises(ValueError, match="no JSON"):
        script.load(tmp_path)
    assert len(closed) == 1


def test_outputs_of_core_ml_are_paired_by_name_not_by_place(load_script):
    pair = load_script("saved_model_coreml").pair_outputs
    graph = {"alpha": "Identity:0", "zeta": "Identity_1:0"}
    assert pair(graph, ["Identity_1", "Identity"]) == {"alpha": "Identity", "zeta": "Identity_1"}
    with pytest.raises(ValueError, match="zeta"):
        pair(graph, ["Identity", "other"])


def test_outputs_of_any_name_are_written(load_script, tmp_path):
    outputs = {"file": LEFT, "args": RIGHT, "heads/left": np.array(["é"], dtype=object)}
    load_script("run_kit").write_predictions(tmp_path / "predictions.npz", outputs)
    with np.load(tmp_path / "predictions.npz", allow_pickle=False) as archive:
        assert {name: archive[name].tolist() for name in archive} == {
            name: array.tolist() for name, array in outputs.items()
        }
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.npz"]


def test_long_message_keeps_its_beginning_and_its_end(load_script):
    script = load_script("run_kit")
    text = script.shorten(f"cause{'x' * 9000}layer")
    assert len(text) <= script.MAX_TEXT
    assert (text[:5], text[-5:]) == ("cause", "layer")
    assert script.shorten("short") == "short"
    assert len(script.shorten("x" * 9000, script.MAX_NOTE)) <= script.MAX_NOTE


def test_note_of_torch_fits_whatever_layers_are_called(load_script):
    script = load_script("keras_torch")
    names = script.join_names(["n" * 300] * 1_000)
    assert len(f"{script.POOLING.format(names)} {script.CUBIC.format(names)}") <= load_script("run_kit").MAX_NOTE
    assert script.join_names(["conv", "pool"]) == "'conv', 'pool'"


def test_size_that_a_program_leaves_free_is_that_of_the_rows(load_script):
    assert load_script("pt2_executorch").fill_free_sizes([None, 3, None], (7, 3, 2)) == [7, 3, 2]


def test_keras_under_tensorflow_is_asked_as_predict_asks_it(load_script):
    import keras

    calls = []

    class Counted(keras.layers.Dense):
        def call(self, inputs):
            calls.append(1)
            return super().call(inputs)

    keras.utils.set_random_seed(0)
    first = Counted(128, "relu", bias_initializer="random_normal", dtype=keras.DTypePolicy("mixed_float16"))
    model = keras.Sequential([keras.Input((64,)), first, keras.layers.Dense(10, "softmax", dtype="float32")])
    rows = np.random.default_rng(0).random((64, 64), "float32")
    expected = model.predict(rows, batch_size=64, verbose=0)
    compute = load_script("keras_model").choose_call(keras, model)
    calls.clear()
    answers = [np.asarray(compute(model, rows, len(rows))) for _ in range(3)]
    assert len(calls) == 1  # as a graph, which is traced once
    assert all(np.array_equal(answer, expected) for answer in answers)
