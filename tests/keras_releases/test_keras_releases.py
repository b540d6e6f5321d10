"""Which older Keras reads a model: by the table, and by older releases themselves."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.errors import CannotSave
from core.formats import get_format
from core.runtimes.keras_releases import (
    FIRST_RELEASE,
    TABLE_FILE,
    THIS_RELEASE,
    WRITTEN_FOR,
    config_for,
    find_needs,
    oldest_release,
    read_table,
    rewrite_config,
)
from tests.factories import architectures
from tests.keras_releases.collect import collect_table

LAST_PATCHES = ("3.3.3", "3.4.1", "3.5.0", "3.6.0", "3.7.0", "3.8.0", "3.9.2", "3.10.0", "3.11.3", "3.12.0", "3.13.2")
LAST_PATCHES += ("3.14.0", "3.15.1")
ARCHITECTURES = (architectures.build_transformer, architectures.build_mobilenet_block)
RUN_RELEASES = ("3.3.3", "3.6.0", "3.9.2", "3.12.0", "3.14.0")


def dense(**arguments) -> dict:
    initializer = {"class_name": "GlorotUniform", "config": {"seed": None, "input_axes": None, "output_axes": None}}
    config = {"name": "head", "units": 3, "kernel_initializer": initializer, "quantization_config": None, **arguments}
    return {"class_name": "Dense", "config": config}


def attention(**arguments) -> dict:
    return {"class_name": "MultiHeadAttention", "config": {"name": "look", "num_heads": 2, **arguments}}


def test_oldest_release_counts_keys_even_at_their_defaults():
    assert oldest_release(dense()) == (3, 15)
    assert oldest_release(dense(), without_defaults=True) == FIRST_RELEASE
    assert {need.what for need in find_needs(dense())} == {
        "Dense(quantization_config=None)",
        "GlorotUniform(input_axes=None)",
        "GlorotUniform(output_axes=None)",
    }


def test_oldest_release_of_newer_class_is_its_first():
    layers = [dense(), {"class_name": "RMSNormalization", "config": {"name": "norm"}}]
    assert oldest_release({"class_name": "Sequential", "config": {"layers": layers}}, without_defaults=True) == (3, 9)


@pytest.mark.parametrize("release", [(3, 3), (3, 12), (3, 13), (3, 14), (3, 15)])
def test_config_for_release_holds_no_key_of_a_later_one(release):
    config = config_for(dense(), release)
    assert ("quantization_config" in config["config"]) == (release >= (3, 13))
    assert ("input_axes" in config["config"]["kernel_initializer"]["config"]) == (release >= (3, 15))
    assert [need for need in find_needs(config) if need.release > release] == []
    assert config["config"]["units"] == 3


def test_config_for_release_refuses_a_setting_that_says_something():
    with pytest.raises(CannotSave) as caught:
        config_for({"class_name": "Sequential", "config": {"layers": [attention(use_gate=True)]}}, (3, 9))
    assert caught.value.sentence == "Keras 3.9 has no word for what this model asks for."
    assert caught.value.received == "MultiHeadAttention(use_gate=True) in 'look'"
    assert caught.value.cure == "Write it for Keras 3.14 or newer, or save as SavedModel."


def test_config_for_release_renames_classes_and_nests_endpoints():
    initializer = {"class_name": "Orthogonal", "config": {"gain": 1.0}}
    ends = {"input_layers": ["x", 0, 0], "output_layers": ["y", 0, 0], "layers": [initializer]}
    written = config_for({"class_name": "Functional", "config": ends}, (3, 3))["config"]
    assert written["layers"][0]["class_name"] == "OrthogonalInitializer"
    assert (written["input_layers"], written["output_layers"]) == ([["x", 0, 0]], [["y", 0, 0]])
    assert config_for({"class_name": "Functional", "config": ends}, (3, 7))["config"] == ends


def test_rewrite_config_says_which_releases_read_it():
    text = json.dumps(dense())
    kept, words = rewrite_config(text, THIS_RELEASE)
    assert kept == text
    assert words == "Keras 3.15 and later read this file; with the option 'For Keras', 3.3 and later."
    _, words = rewrite_config(text, "3.9")
    assert words == "Written for Keras 3.9: no word in it is of a later release."


def test_releases_that_may_be_chosen_are_all_minors_before_this():
    minor = int(importlib.metadata.version("keras").split(".")[1])
    assert (THIS_RELEASE, *(f"3.{number}" for number in range(minor - 1, 2, -1))) == WRITTEN_FOR


@pytest.mark.parametrize("key", ["keras", "keras_dir", "architecture"])
def test_copy_written_for_older_keras_still_loads_here(key, tmp_path):
    model = architectures.build_transformer()
    saved = get_format(key).save_model(model, "keras", tmp_path, {"for_keras": "3.3"})
    assert saved.remark == "Written for Keras 3.3: no word in it is of a later release."
    inputs = architectures.make_inputs(model)
    expected = model.predict(next(iter(inputs.values())), verbose=0)
    predictions = get_format(key).load(tmp_path).predict(inputs)
    assert [array.shape for array in predictions.values()] == [expected.shape]
    if key != "architecture":
        np.testing.assert_array_equal(next(iter(predictions.values())), expected)


# The table itself, and older releases


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The released packages of Keras 3, unpacked by release in `sources`."""
    folder = tmp_path_factory.mktemp("wheels")
    for version in LAST_PATCHES:
        download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), f"keras=={version}"]
        subprocess.run(download, check=True, capture_output=True)
        with zipfile.ZipFile(next(folder.glob(f"keras-{version}-*.whl"))) as archive:
            archive.extractall(folder / "sources" / version)
    return folder


@pytest.mark.long
def test_table_is_what_the_released_packages_say(wheels):
    collected = json.dumps(collect_table(list(wheels.glob("*.whl"))))  # in which a tuple is a list
    assert json.loads(collected) == read_table()
    assert TABLE_FILE.name == "keras_releases.json"


@pytest.mark.long
@pytest.mark.parametrize("version", RUN_RELEASES)
def test_older_keras_loads_what_was_written_for_it(wheels, version, tmp_path):
    names = write_models(tmp_path, version.rpartition(".")[0])
    script, environ = Path(__file__).with_name("load_in_old_keras.py"), {**os.environ}
    environ["PYTHONPATH"] = str(wheels / "sources" / version)
    subprocess.run([sys.executable, str(script), str(tmp_path)], env=environ, check=True)
    assert {file.name: file.read_text() for file in tmp_path.glob("*.error.txt")} == {}
    for name in names:
        answer = np.load(tmp_path / f"{name}.answer.npz")["answer"]
        np.testing.assert_allclose(answer, np.load(tmp_path / f"{name}.expected.npz")["answer"], atol=1e-5)


def write_models(folder: Path, release: str) -> list[str]:
    """Write models for a release, with inputs and expected outputs; returns their names."""
    models = {"recurrent": build_recurrent()} | {build.__name__: build() for build in ARCHITECTURES}
    models |= {layer.name: layer_alone(layer) for layer in layers()}
    for name, model in models.items():
        inputs = architectures.make_inputs(model)
        (folder / "copy").mkdir()
        get_format("keras").save_model(model, "keras", folder / "copy", {"for_keras": release})
        (folder / "copy" / "model.keras").rename(folder / f"{name}.keras")
        shutil.rmtree(folder / "copy")
        np.savez(folder / f"{name}.inputs.npz", **inputs)
        np.savez(folder / f"{name}.expected.npz", answer=np.asarray(model(next(iter(inputs.values())), training=False)))
    return list(models)


def build_recurrent() -> object:
    import keras

    layers = keras.layers
    return keras.Sequential([keras.Input((12, 4), name="steps"), layers.Bidirectional(layers.GRU(5)), layers.Dense(2)])


def layers() -> list:
    """One layer of each kind that gained arguments after Keras 3.0, and some that did not."""
    from keras import layers

    pictures = [layers.BatchNormalization(), layers.Resizing(4, 4), layers.CenterCrop(4, 4), layers.ZeroPadding2D(1)]
    pictures += [layers.Conv2D(2, 3), layers.SeparableConv2D(2, 3), layers.UpSampling2D(2), layers.Rescaling(0.5)]
    pictures += [
        layers.LayerNormalization(),
        layers.GroupNormalization(3),
        layers.EinsumDense("abcd,de->abce", (None, 8, 2)),
    ]
    pictures += [layers.RandomFlip(), layers.RandomRotation(0.1), layers.Dropout(0.5), layers.GlobalMaxPooling2D()]
    return pictures


def layer_alone(layer) -> object:
    """A model of one layer over pictures of 8 by 8 in three channels."""
    import keras

    return keras.Sequential([keras.Input((8, 8, 3), name="picture"), layer])
