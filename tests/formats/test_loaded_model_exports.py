"""Exports of a model that was just loaded, and has never been called."""

from pathlib import Path

import numpy as np
import pytest

from core.formats import get_format
from core.runtimes.base import NO_CODE
from core.worker.model_loading import load_artifact

ROWS = np.linspace(-1, 1, 12, dtype="float32").reshape(3, 4)


def test_onnx_of_a_loaded_model_is_refused_by_keras_and_saved_here(tmp_path: Path):
    import keras

    inputs = keras.Input((4,), name="x")
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="never"):
        loaded.export(str(tmp_path / "alone.onnx"), format="onnx", verbose=False)
    (tmp_path / "copy").mkdir()
    get_format("onnx").save_model(keras.saving.load_model(tmp_path / "model.keras"), "keras", tmp_path / "copy")
    (given,) = load_artifact("onnx", tmp_path / "copy", NO_CODE).predict({"x": ROWS}).values()
    assert np.allclose(given, np.asarray(model(ROWS)), atol=1e-6)
