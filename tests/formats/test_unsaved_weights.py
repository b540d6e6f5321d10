"""What was never written: weights are counted against the model when it is saved, and when it is loaded."""

import io
import zipfile
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import CannotSave, DoesNotLoad
from core.formats import get_format
from core.readers.keras import read_keras_archive
from core.runtimes.base import ModelCode
from core.runtimes.unsaved_weights import (
    find_unheld_variables,
    find_untracked_weights,
    find_weights_missing_from_hdf5,
)
from core.runtimes.zip_member import open_zip_member
from core.worker.model_loading import load_artifact

X = np.ones((1, 4), "float32")
KEPT_BY = ["weights", "weights_sharded", "safetensors", "keras", "keras_dir"]


def build_nested(item_name: str = "Nested") -> Any:
    """A model of four layers in a list of lists, which TensorFlow's checkpoints do not reach."""
    import keras

    class Nested(keras.Model):
        def __init__(self, **options):
            super().__init__(**options)
            self.blocks = [
                [keras.layers.Dense(4), keras.layers.Dense(4)],
                [keras.layers.Dense(4)],
                [keras.layers.Dense(2)],
            ]

        def call(self, x):
            for block in self.blocks:
                for layer in block:
                    x = layer(x)
            return x

    model = Nested(name="nested")
    model(X)
    for at, variable in enumerate(model.weights):
        variable.assign(np.full(variable.shape, at + 0.5))
    return model


@pytest.fixture(scope="module")
def nested_model() -> Any:
    return build_nested()


def test_variables_that_keras_does_not_find_are_named(nested_model):
    """Layers in a deque, and a variable of TensorFlow's: no format of Keras writes them, and none says so."""
    import keras
    import tensorflow as tf

    class Hidden(keras.Model):
        def __init__(self):
            super().__init__()
            self.held = keras.layers.Dense(2, name="held")
            self.blocks = deque([keras.layers.Dense(2, name="hidden")])
            self.factor = tf.Variable(2.0, name="factor")

        def call(self, x):
            return self.blocks[0](self.held(x)) * self.factor

    model = Hidden()
    model(X)
    assert [variable.name for variable in model.weights] == ["kernel", "bias"]
    unheld = find_unheld_variables(model, {"input_0": X})
    assert len(unheld) == 3
    assert "factor" in unheld
    assert find_unheld_variables(nested_model, {"input_0": X}) == []


def test_save_of_a_checkpoint_that_reaches_no_variable_names_them(nested_model, tmp_path: Path):
    names = [variable.path for variable in nested_model.weights]
    assert find_untracked_weights(nested_model, tmp_path) == names
    with pytest.raises(CannotSave) as caught:
        get_format("checkpoint").save_model(nested_model, "keras", tmp_path)
    assert caught.value.sentence == "8 of the 8 weights of this model are not in its files."
    assert caught.value.received == f"without {', '.join(names)}"


def test_load_of_a_checkpoint_without_the_variables_names_them(nested_model, tmp_path: Path):
    get_format("checkpoint").save(nested_model, tmp_path)
    with pytest.raises(DoesNotLoad) as caught:
        load_artifact("checkpoint", tmp_path, ModelCode(build=build_nested))
    assert caught.value.sentence == "8 of the 8 weights of this model are not in its files."


@pytest.mark.parametrize("key", KEPT_BY)
def test_formats_that_write_layers_of_nested_lists_bring_all_of_them_back(key: str, nested_model, tmp_path: Path):
    get_format(key).save_model(nested_model, "keras", tmp_path)
    loaded = load_artifact(key, tmp_path, ModelCode(build=build_nested, classes={"Nested": type(nested_model)}))
    assert [float(array.flat[0]) for _, array in loaded.weights()] == [at + 0.5 for at in range(8)]


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_load_of_a_file_that_lacks_layers_names_their_weights(nested_model, tmp_path: Path):
    """As Keras before 3.14 wrote it: plain Keras warns, and leaves new random weights."""
    import h5py

    get_format("weights").save_model(nested_model, "keras", tmp_path)
    with h5py.File(tmp_path / "model.weights.h5", "a") as file:
        last = sorted(file["blocks"])[-1]
        del file["blocks"][last]
    with pytest.raises(DoesNotLoad) as caught:
        load_artifact("weights", tmp_path, ModelCode(build=build_nested))
    assert caught.value.sentence.endswith("weights of this model are not in its files.")


def test_missing_weights_of_one_shape_are_told_apart_by_their_values(tmp_path: Path):
    import h5py
    import keras

    model = keras.Sequential([keras.Input((3,)), *(keras.layers.Dense(3, use_bias=False) for _ in range(3))])
    with h5py.File(tmp_path / "two.h5", "w") as file:
        for at in (0, 2):
            file[f"layers/{at}"] = np.asarray(model.weights[at])
        file["optimizer/vars/0"] = np.asarray(model.weights[1])
    assert find_weights_missing_from_hdf5(model, [tmp_path / "two.h5"]) == [model.weights[1].path]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip_member_is_read_like_a_file(compression: int, tmp_path: Path):
    content = bytes(range(256)) * 9
    with zipfile.ZipFile(tmp_path / "a.zip", "w", compression) as archive:
        archive.writestr("before", b"x" * 99)
        archive.writestr("member", content)
        archive.writestr("behind", b"y" * 99)
    with open_zip_member(tmp_path / "a.zip", "member") as file:
        assert file.read() == content
        assert file.seek(-5, 2) == len(content) - 5
        assert file.read(99) == content[-5:]
        assert (file.seek(7), file.read(3)) == (7, content[7:10])


def test_weights_of_a_keras_file_are_inspected_where_they_lie(tmp_path):
    import keras

    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(tmp_path / "model.keras")
    in_place = read_keras_archive(tmp_path / "model.keras").tensors()
    in_memory = read_keras_archive(io.BytesIO((tmp_path / "model.keras").read_bytes())).tensors()
    assert [tensor.name for tensor in in_place] == [tensor.name for tensor in in_memory]
    assert [tensor.read().tobytes() for tensor in in_place] == [tensor.read().tobytes() for tensor in in_memory]
