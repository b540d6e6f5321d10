"""`.keras` files of Keras 2 (tf-keras): what `load_model` of Keras 3 does with them, and that they load here."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.formats import get_format
from core.runtimes.keras_2_file import readable_keras_file
from tests.factories.keras_2_files import ROWS, build_functional, build_sequential, write_tf_keras_file

X = np.linspace(-1, 1, 16, dtype="float32").reshape(4, 4)


def test_functional_file_of_tf_keras_loads_here_and_not_alone(tmp_path: Path):
    import keras

    model = build_functional()
    path = write_tf_keras_file(model, tmp_path / "model.keras")
    for compiles in (True, False):
        with pytest.raises(TypeError, match="Could not locate class 'Functional'"):
            keras.saving.load_model(path, compile=compiles)
    predictor = get_format("keras").load(tmp_path)
    (given,) = predictor.predict(ROWS).values()
    assert np.array_equal(given, np.asarray(model(list(ROWS.values()))))
    assert (
        "in Keras 3 `load_model` refuses it for axis as a list, the place of the class Functional, time_major"
        in predictor.remark
    )


def test_predict_of_tf_keras_file_raises_alone_and_answers_here(tmp_path: Path):
    import keras

    model = build_sequential()
    path = write_tf_keras_file(model, tmp_path / "model.keras")
    alone = keras.saving.load_model(path)
    with pytest.raises(TypeError, match="NoneType"):
        alone.predict(X, verbose=0)
    assert np.array_equal(
        keras.saving.load_model(path, compile=False).predict(X, verbose=0), model.predict(X, verbose=0)
    )
    predictor = get_format("keras").load(tmp_path)
    assert np.array_equal(predictor.model.predict(X, verbose=0), model.predict(X, verbose=0))
    assert "`predict` of what it loads raises. compile=False cures that" in predictor.remark


def test_argument_that_asks_for_something_is_left_in(tmp_path: Path):
    path = write_tf_keras_file(build_functional(), tmp_path / "model.keras", time_major=True)
    with readable_keras_file(path) as (readable, changed), zipfile.ZipFile(readable) as archive:
        layers = json.loads(archive.read("config.json"))["config"]["layers"]
    (recurrent,) = (layer["config"] for layer in layers if layer["class_name"] == "LSTM")
    assert (recurrent["time_major"], "time_major" in changed) == (True, False)
    assert not readable.exists()


def test_file_of_keras_3_is_read_as_it_stands(tmp_path: Path):
    build_functional().save(tmp_path / "model.keras")
    with readable_keras_file(tmp_path / "model.keras") as (readable, changed):
        assert (readable, changed) == (tmp_path / "model.keras", [])
