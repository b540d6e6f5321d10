"""Loaders of kits, as the source that is written into a kit: they answer as Roundtrip does, in every structure."""

import inspect
from pathlib import Path

import numpy as np
import pytest

from core.exports.bundler import bundle_functions
from core.formats import get_format
from core.runtimes.live import live_predictor
from core.runtimes.reference import predict_in_batches

ROWS = np.linspace(-1, 1, 5 * 3, dtype="float32").reshape(5, 3)


def build_model():
    """Two inputs, one of which may be left out; outputs nested, two of one name, and one for the whole batch."""
    import keras

    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    head = keras.layers.Dense(2, name="head")
    scores = head(left), head(right)
    return keras.Model([right, left], {"heads": list(scores), "mean": keras.ops.mean(scores[0])})


def load_bundled(format_key: str, folder: Path):
    """What the source of a format's loader gives, run apart from this project."""
    kit = get_format(format_key).standalone
    source = bundle_functions(kit.load)
    names: dict[str, object] = {}
    exec("\n".join([*source.imports, source.body]), names)
    arguments = [{}] if "classes" in inspect.signature(kit.load).parameters else []
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
        assert any(array.shape == found.shape and np.allclose(array, found, atol=1e-5) for found in answers.values())
