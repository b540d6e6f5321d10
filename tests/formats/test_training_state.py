"""What of a training is in which file: learning rates, averaged weights, seeds of Dropout; an .h5 that is compiled."""

from pathlib import Path

import numpy as np
import pytest

from core.formats import get_format
from core.runtimes.base import ModelCode

ROWS = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
TARGETS = ROWS[:, :2] + 1


def build(optimizer=None):
    import keras

    inputs = keras.Input((3,), name="x")
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Dropout(0.5)(inputs)))
    if optimizer is not None:
        model.compile(optimizer, keras.losses.MeanSquaredError())
    return model


def train(optimizer, callbacks=()):
    model = build(optimizer)
    model.fit(ROWS, TARGETS, epochs=2, batch_size=4, verbose=0, callbacks=list(callbacks))
    return model


@pytest.mark.filterwarnings("ignore:Skipping variable loading")
@pytest.mark.parametrize(("name", "rate", "steps"), [("SGD", 0.125, 4), ("Adam", 0.5, 0)])
def test_load_weights_alone_takes_the_rate_where_counts_agree(name: str, rate: float, steps: int, tmp_path: Path):
    """Two variables of an SGD are taken over, its rate among them; of an Adam that has not stepped nothing is."""
    import keras

    kind = getattr(keras.optimizers, name)
    train(kind(0.125)).save_weights(tmp_path / "model.weights.h5")
    model = build(kind(0.5))
    model.load_weights(tmp_path / "model.weights.h5")
    assert (float(model.optimizer.learning_rate), int(model.optimizer.iterations)) == (rate, steps)


@pytest.mark.parametrize("key", ["weights", "weights_sharded"])
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_weights_copy_brings_its_learning_rate_and_says_so(key: str, name: str, tmp_path: Path):
    import keras

    kind = getattr(keras.optimizers, name)
    get_format(key).save(train(kind(0.125)), tmp_path)
    predictor = get_format(key).load(tmp_path, ModelCode(build=lambda: build(kind(0.5))))
    assert float(predictor.model.optimizer.learning_rate) == 0.125
    assert int(predictor.model.optimizer.iterations) == 4
    assert "learning rate" in get_format(key).explains


def test_h5_is_compiled_and_takes_no_step(tmp_path: Path):
    get_format("h5").save(train("adam"), tmp_path)
    model = get_format("h5").load(tmp_path).model
    assert model.compiled
    with pytest.raises((KeyError, ValueError), match="variable"):
        model.fit(ROWS, TARGETS, verbose=0)


@pytest.mark.parametrize("key", ["keras", "keras_dir"])
def test_copy_of_weights_before_their_average_says_so(key: str, tmp_path: Path):
    """`fit` puts the averages in place of the weights at its end, after the last epoch's callbacks."""
    import keras

    remarks = {}

    class SaveAtEnd(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            (folder := tmp_path / f"epoch {epoch}").mkdir()
            remarks[f"epoch {epoch}"] = get_format(key).save(self.model, folder)

    model = train(keras.optimizers.Adam(0.1, use_ema=True), [SaveAtEnd()])
    (tmp_path / "end").mkdir()
    remarks["end"] = get_format(key).save(model, tmp_path / "end")
    assert {name: "use_ema" in remark for name, remark in remarks.items()} == {
        "epoch 0": True,
        "epoch 1": True,
        "end": False,
    }
    loaded = {name: get_format(key).load(tmp_path / name) for name in ("epoch 1", "end")}
    assert {name: "use_ema" in item.remark for name, item in loaded.items()} == {"epoch 1": True, "end": False}
    before, averaged = (item.model.get_weights()[0] for item in loaded.values())
    assert np.abs(before - averaged).max() > 1e-3
    model = loaded["epoch 1"].model
    model.optimizer.finalize_variable_values(model.trainable_variables)
    assert np.array_equal(model.get_weights()[0], averaged)


@pytest.mark.parametrize("key", ["keras", "keras_dir", "h5"])
def test_seed_of_dropout_is_in_no_file(key: str, tmp_path: Path):
    import keras

    keras.utils.set_random_seed(5)
    model = train("adam")
    get_format(key).save(model, tmp_path)
    keras.utils.set_random_seed(6)
    states = [np.asarray(each.layers[1].seed_generator.state) for each in (model, get_format(key).load(tmp_path).model)]
    assert int(states[0][1]) > int(states[1][1]) == 0
    assert states[0][0] != states[1][0]
