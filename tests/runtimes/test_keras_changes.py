"""Files of an older Keras mean what they meant, by one table, in every format that holds layers."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import DoesNotLoad
from core.formats import get_format
from core.runtimes.base import NO_CODE, Predictor
from core.runtimes.keras_changes import CHANGES, changes_since, describe_translation, parse_version, restore_arguments

X = {"x": np.array([[2.0]], "float32")}
HARD_SIGMOID = "hard_sigmoid is 0.2 x + 0.5, and not the x / 6 + 0.5 of Keras 3"


@pytest.fixture(scope="module")
def hard_model() -> Any:
    """hard_sigmoid of x itself: 0.9 of 2 in Keras 2, and 5 / 6 in Keras 3."""
    import keras

    dense = keras.layers.Dense(1, "hard_sigmoid", kernel_initializer="ones")
    return keras.Sequential([keras.Input((1,), name="x"), dense])


def set_version(path: Path, version: str) -> None:
    """Make a file say that another Keras wrote it."""
    if path.suffix == ".json":
        document = json.loads(path.read_text())
        path.write_text(json.dumps({**document, "keras_version": version}))
        return
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["metadata.json"] = json.dumps({"keras_version": version}).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def load_as_written_by(key: str, file: str, model: Any, version: str, folder: Path) -> Predictor:
    get_format(key).save_model(model, "keras", folder)
    set_version(folder / file, version)
    return get_format(key).load(folder, NO_CODE)


def first_answer(predictor: Predictor) -> float:
    for variable in predictor.model.weights:
        variable.assign(np.full(variable.shape, float("kernel" in variable.path)))
    return float(next(iter(predictor.predict(X).values()))[0, 0])


@pytest.mark.parametrize(
    ("key", "file"),
    [("keras", "model.keras"), ("keras_dir", "model/metadata.json"), ("architecture", "architecture.json")],
)
@pytest.mark.parametrize(("version", "expected"), [("2.15.0", 0.9), ("3.0.0", 5 / 6)])
def test_hard_sigmoid_of_an_older_file_means_what_it_meant(key, file, version, expected, hard_model, tmp_path: Path):
    predictor = load_as_written_by(key, file, hard_model, version, tmp_path)
    assert first_answer(predictor) == pytest.approx(expected, abs=1e-6)
    assert (HARD_SIGMOID in predictor.remark) == (version == "2.15.0")


def test_architecture_as_keras_2_wrote_it_is_translated(tmp_path: Path):
    layer = {"class_name": "Dense", "config": {"name": "d", "units": 1, "activation": "hard_sigmoid"}}
    layer["config"]["batch_input_shape"] = [None, 1]
    config = {"name": "m", "layers": [layer]}
    document = {"class_name": "Sequential", "config": config, "keras_version": "2.4.0", "backend": "tensorflow"}
    (tmp_path / "architecture.json").write_text(json.dumps(document))
    predictor = get_format("architecture").load(tmp_path, NO_CODE)
    assert first_answer(predictor) == pytest.approx(0.9, abs=1e-6)
    assert "batch_input_shape → an input layer" in predictor.remark
    assert HARD_SIGMOID in predictor.remark


def test_copy_of_a_translated_model_keeps_the_old_meaning(hard_model, tmp_path: Path):
    (again := tmp_path / "again").mkdir()
    model = load_as_written_by("keras", "model.keras", hard_model, "2.15.0", tmp_path).model
    get_format("keras").save_model(model, "keras", again)
    assert first_answer(get_format("keras").load(again, NO_CODE)) == pytest.approx(0.9, abs=1e-6)


DEFAULTS = [
    ("2.2.4", "GRU", {}, {"reset_after": False, "recurrent_activation": "hard_sigmoid"}),
    ("2.2.4-tf", "LSTM", {"recurrent_activation": "sigmoid"}, {"recurrent_activation": "sigmoid"}),
    ("2.15.0", "ConvLSTM2D", {}, {"recurrent_activation": "hard_sigmoid"}),
    ("1.0.7", "BatchNormalization", {}, {"epsilon": 1e-6}),
    ("1.1.2", "BatchNormalization", {"mode": 0}, {"mode": 0, "epsilon": 1e-5}),
    ("3.0.0", "GRU", {}, {}),
]


@pytest.mark.parametrize(("version", "name", "config", "expected"), DEFAULTS)
def test_restore_arguments_writes_the_defaults_of_that_release(version, name, config, expected):
    words = list(restore_arguments(version, name, config))
    assert config == expected
    assert len(words) == len(expected.keys() - {"mode"}) or not words


def test_restore_arguments_refuses_what_keras_3_cannot_do():
    with pytest.raises(DoesNotLoad, match="no layer of Keras 3 does"):
        list(restore_arguments("1.2.2", "BatchNormalization", {"mode": 1, "epsilon": 1e-3}))


def test_every_change_has_a_version_and_two_sources():
    for change in CHANGES:
        assert parse_version(change.before) <= (3, 15)
        assert change.words
        assert all(change.sources)
    assert not list(changes_since("3.15.1"))


def test_describe_translation_says_what_is_not_known():
    import keras

    assert describe_translation(keras.__version__, []) == ""
    assert describe_translation("99.0", []).endswith("what changed is not known.")
    assert describe_translation("2.6.0", []).endswith("nothing in it is known to have meant something else.")
