"""LiteRT files without their weights, found by what stands in them: files of our own ways and of others."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import CannotSave
from core.formats import get_format
from core.formats.litert import require_weights
from core.runtimes.litert import litert_predictor
from core.runtimes.litert_contents import list_unfilled_variables
from core.runtimes.model_kinds import model_kind
from tests.factories.litert_inputs import list_free_inputs


def build_keras_model() -> Any:
    import keras

    x = keras.Input((3,), name="x")
    return keras.Model(x, keras.layers.Dense(2, name="head")(x))


def build_module() -> Any:
    import tensorflow as tf

    class Product(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = tf.Variable(np.ones((3, 2), "float32"))

        @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, "x")])
        def __call__(self, x):
            return {"y": x @ self.kernel}

    return Product()


def convert_function(model: Any, folder: Path) -> bytes:
    """Convert a Keras model beside its function, which TensorFlow documents."""
    import tensorflow as tf

    call = tf.function(lambda x: model(x, training=False)).get_concrete_function(tf.TensorSpec((1, 3)))
    return tf.lite.TFLiteConverter.from_concrete_functions([call], model).convert()


def convert_saved_model(model: Any, folder: Path) -> bytes:
    """Convert what `tf.saved_model.save` writes of a Keras 3 model, in place of its own `export`."""
    import tensorflow as tf

    tf.saved_model.save(model, str(folder / "saved"))
    return tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved")).convert()


@pytest.fixture(scope="module", params=[convert_function, convert_saved_model])
def empty_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of a Keras model whose weights stay outside."""
    folder = tmp_path_factory.mktemp("empty")
    path = folder / "model.tflite"
    path.write_bytes(request.param(build_keras_model(), folder))
    return path


def test_file_converted_without_weights_names_them_and_says_so(empty_file: Path):
    content = empty_file.read_bytes()
    names = list_unfilled_variables(content)
    assert [name.split("/")[-2:] for name in names] == [["head", "bias"], ["head", "kernel"]]
    listed = ", ".join(names)
    words = f"The file reads 2 variables whose numbers are not in it ({listed}), so it cannot answer."
    assert words in litert_predictor(content).remark


def test_require_weights_of_file_without_them_is_refused(empty_file: Path):
    with pytest.raises(CannotSave) as caught:
        require_weights(empty_file)
    assert caught.value.sentence.startswith("The converter left the weights of this model out of its file")
    assert caught.value.received == f"without {', '.join(list_unfilled_variables(empty_file.read_bytes()))}"


@pytest.mark.parametrize("build", [build_keras_model, build_module])
def test_our_own_ways_leave_no_weight_out(build, tmp_path: Path):
    model, rows = build(), np.random.default_rng(0).random((4, 3), "float32")
    get_format("litert").save_model(model, model_kind(model), tmp_path)
    content = (tmp_path / "model.tflite").read_bytes()
    assert (list_unfilled_variables(content), len(list_free_inputs(content))) == ([], 1)
    (answer,) = litert_predictor(content).predict({"x": rows}).values()
    np.testing.assert_allclose(answer, model(rows)["y"] if build is build_module else model(rows), atol=1e-6)
