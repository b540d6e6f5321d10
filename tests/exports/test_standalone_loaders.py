"""Loaders of kits, as the source that is written into a kit: they answer as Roundtrip does, in every structure."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.exports.bundler import bundle_functions
from core.exports.flat_structure import is_flat_architecture
from core.formats import FORMATS, get_format
from core.runtimes.base import predict_in_batches
from core.runtimes.live import live_predictor

ROWS = np.linspace(-1, 1, 5 * 3, dtype="float32").reshape(5, 3)


def build_model():
    """Two inputs, one of which may be left out; outputs nested, two of one name, and one for the whole batch."""
    import keras

    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    head = keras.layers.Dense(2, name="head")
    scores = head(left), head(right)
    return keras.Model([right, left], {"heads": list(scores), "mean": keras.ops.mean(scores[0])})


def load_bundled(format_key: str, folder: Path, *, is_flat: bool = False, build: Callable[[], Any] | None = None):
    """What the source of a format's loader gives, run apart from this project; `build` is for half a model."""
    kit = get_format(format_key).standalone.for_structure(is_flat=is_flat)
    source = bundle_functions(kit.load)
    names: dict[str, object] = {}
    exec("\n".join([*source.imports, source.body]), names)
    arguments: list[Any] = [{}] if "classes" in inspect.signature(kit.load).parameters else []
    arguments += [build] if build else []
    return names[kit.load.__name__](folder / kit.file if kit.file else folder, *arguments)


@pytest.mark.parametrize("key", ["keras", "keras_export", "frozen_graph", "onnx", "litert", "openvino"])
def test_a_bundled_loader_gives_every_output(tmp_path: Path, key: str):
    model, inputs = build_model(), {"left": ROWS, "right": 2 * ROWS}
    get_format(key).save_model(model, "keras", tmp_path)
    ours = predict_in_batches(get_format(key).load(tmp_path), inputs)
    answers = load_bundled(key, tmp_path)(inputs)
    assert answers.keys() == ours.keys()
    assert {name: array.shape for name, array in answers.items()} == {name: ours[name].shape for name in ours}
    expected = predict_in_batches(live_predictor(model), inputs)
    for array in expected.values():
        assert any(array.shape == answer.shape and np.allclose(array, answer, atol=1e-5) for answer in answers.values())


@pytest.mark.parametrize("key", ["saved_model", "frozen_graph"])
def test_bundled_loader_gives_graphs_inputs_of_their_own_type(tmp_path: Path, key: str):
    """NumPy's files hold no bfloat16, so a kit gives float32, which no graph casts by itself."""
    import keras

    row = keras.Input((3,), dtype="bfloat16", name="row")
    model = keras.Model(row, keras.layers.Dense(2, dtype="bfloat16")(row))
    get_format(key).save_model(model, "keras", tmp_path)
    (answer,) = load_bundled(key, tmp_path)({"row" if key == "frozen_graph" else "inputs": ROWS}).values()
    (expected,) = live_predictor(model).predict({"row": ROWS}).values()
    assert np.array_equal(answer.astype("float32"), expected)


@pytest.mark.parametrize("key", [item.key for item in FORMATS if item.needs_architecture and "module" in item.accepts])
def test_a_bundled_loader_fills_a_module_that_has_its_own_optimizer(tmp_path: Path, key: str):
    import tensorflow as tf

    class Momentum(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.step = tf.Variable(0.0, name="step")

    class Scaling(tf.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.factor = tf.Variable(factor, name="factor")
            self.optimizer = Momentum()

        @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, "x")])
        def __call__(self, x):
            return {"y": self.factor * x}

    get_format(key).save_model(Scaling(3.0), "module", tmp_path)
    answers = load_bundled(key, tmp_path, build=lambda: Scaling(0.0))({"x": ROWS})
    np.testing.assert_array_equal(answers["y"], 3 * ROWS)


@pytest.mark.parametrize("count", [1, 2])
def test_the_short_loader_gives_what_a_flat_model_does(tmp_path: Path, count: int):
    import keras

    names = ["right", "left"][:count]
    symbols = [keras.Input((3,), name=name) for name in names]
    ends = [keras.layers.Dense(2, name=f"{name}_end")(symbol) for name, symbol in zip(names, symbols, strict=True)]
    model = keras.Model(symbols, [*ends, keras.ops.mean(ends[0])]) if count > 1 else keras.Model(symbols, ends[0])
    inputs = {name: ROWS * at for at, name in enumerate(reversed(names), 1)}
    get_format("keras").save_model(model, "keras", tmp_path)
    expected = predict_in_batches(live_predictor(model), inputs)
    answers = load_bundled("keras", tmp_path, is_flat=True)(inputs)
    assert list(answers) == list(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(answers[name], array, atol=1e-6)


TENSOR = ["x", 0, 0]


@pytest.mark.parametrize(
    ("class_name", "taken", "given", "is_flat"),
    [
        ("Sequential", None, None, True),
        ("Functional", TENSOR, ["y", 0, 0], True),
        ("Functional", [TENSOR], [["y", 0, 0]], True),
        ("Functional", {"x": TENSOR}, ["y", 0, 0], False),
        ("Functional", [[TENSOR]], ["y", 0, 0], False),
        ("Functional", TENSOR, {"y": ["y", 0, 0]}, False),
        ("Functional", [TENSOR, ["optional", 0, 0]], ["y", 0, 0], False),
        ("Mine", TENSOR, ["y", 0, 0], False),
    ],
)
def test_an_architecture_tells_whether_a_model_is_flat(class_name: str, taken, given, is_flat: bool):
    config = {"input_layers": taken, "output_layers": given}
    architecture = {"class_name": class_name, "module": "keras", "config": config}
    assert is_flat_architecture(architecture, {"x"}, 1) is is_flat
