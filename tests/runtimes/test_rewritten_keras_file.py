"""`.keras` files of Keras 2 (tf-keras) and of torch: what `load_model` does with them, and that they load here."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.formats import get_format
from core.runtimes.rewritten_keras_file import readable_keras_file
from core.validation.keras_config import check_config, parse_config
from tests.factories.keras_2_files import (
    ROWS,
    build_functional,
    build_sequential,
    write_tf_keras_file,
    write_torch_file,
)

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
    path = write_tf_keras_file(build_functional(), tmp_path / "model.keras", time_major=True, unheard_of=False)
    with readable_keras_file(path) as (readable, changed), zipfile.ZipFile(readable) as archive:
        layers = json.loads(archive.read("config.json"))["config"]["layers"]
    (recurrent,) = (layer["config"] for layer in layers if layer["class_name"] == "LSTM")
    assert (recurrent["time_major"], "time_major" in changed) == (True, False)
    assert (recurrent["unheard_of"], "unheard_of" in changed) == (False, False)
    assert not readable.exists()


def test_file_of_keras_3_is_read_as_it_stands(tmp_path: Path):
    build_functional().save(tmp_path / "model.keras")
    with readable_keras_file(tmp_path / "model.keras") as (readable, changed):
        assert (readable, changed) == (tmp_path / "model.keras", [])


def test_file_saved_under_torch_keeps_its_optimizer_here(tmp_path: Path):
    import keras

    model = build_sequential()
    model.compile("adam", "mse")
    model.fit(X, X[:, :2], verbose=0)
    path = write_torch_file(model, tmp_path / "model.keras")
    with pytest.raises(TypeError, match="torch_adam cannot be imported"):
        keras.saving.load_model(path)
    alone = keras.saving.load_model(path, compile=False)
    assert all(map(np.array_equal, alone.get_weights(), model.get_weights()))
    predictor = get_format("keras").load(tmp_path)
    states = [list(map(np.asarray, each.optimizer.variables)) for each in (predictor.model, model)]
    assert len(states[0]) == 6
    assert all(map(np.array_equal, *states))
    assert predictor.remark.startswith("It was saved under torch: ")
    with zipfile.ZipFile(path) as archive:
        check_config(parse_config(archive.read("config.json")))  # and an import of it is let in
