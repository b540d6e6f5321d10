"""Saving and looking change nothing: neither the model nor the program around it, whatever happens meanwhile."""

import json
import logging
import os
import random
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

from core.errors import CannotSave
from core.formats import FORMATS, get_format
from core.runtimes import preservation
from core.runtimes.preservation import preserve_model, preserve_program, training_steps, watch_weights

ROWS = np.linspace(-1, 1, 8 * 4, dtype="float32").reshape(8, 4)
QUICK = ("h5", "keras", "checkpoint", "onnx", "keras_int8", "pickle")  # each changes something in plain Keras, or may


@pytest.fixture(scope="module")
def fitted_model():
    """A compiled and fitted sequential model, one layer of which is frozen; every test leaves it as it was."""
    import keras

    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(3), keras.layers.Dropout(0.5), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.layers[0].trainable = False
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(ROWS, ROWS[:, :3], verbose=0)
    return model


def describe(model) -> dict[str, object]:
    """All that a person could find changed in a Keras model."""
    parts = list(model._flatten_layers())
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return {
        "config": model.to_json(),
        "compile": json.dumps(model.get_compile_config(), default=str),
        "values": [np.asarray(variable).tobytes() for variable in variables],
        "names": [variable.path for variable in variables],
        "trainable": [(part.trainable, len(part.trainable_variables)) for part in parts],
        "policies": [part.dtype_policy.name for part in parts],
        "calls": [(len(part._inbound_nodes), len(part._outbound_nodes)) for part in parts],
        "attributes": [sorted(vars(part)) for part in parts],
    }


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(item.key, marks=[] if item.key in QUICK else [pytest.mark.long])
        for item in FORMATS
        if "keras" in item.accepts and not item.refusal_reason("keras")
    ],
)
def test_save_model_in_any_format_leaves_the_model_as_it_was(tmp_path: Path, fitted_model, key: str):
    before = describe(fitted_model)
    get_format(key).save_model(fitted_model, "keras", tmp_path, samples=lambda: {fitted_model.inputs[0].name: ROWS})
    assert describe(fitted_model) == before


def test_a_keras_file_after_an_h5_file_keeps_its_optimizer(tmp_path: Path, fitted_model):
    import keras

    for key in ("h5", "keras"):
        (tmp_path / key).mkdir()
        get_format(key).save_model(fitted_model, "keras", tmp_path / key)
    assert type(keras.models.load_model(tmp_path / "keras" / "model.keras").optimizer).__name__ == "Adam"


def test_save_model_that_raises_leaves_the_model_as_it_was(tmp_path: Path, fitted_model, monkeypatch):
    before = describe(fitted_model)

    def spoil_and_raise(model, path):
        model._compile_config.config.clear()
        model.layers[0].trainable = True
        model.trainable_variables[0].assign_add(np.ones((4, 3)))
        raise ValueError("it stops half-way")

    monkeypatch.setattr("keras.Model.save", spoil_and_raise)
    with pytest.raises(CannotSave):
        get_format("keras").save_model(fitted_model, "keras", tmp_path)
    assert describe(fitted_model) == before


def test_preserve_model_keeps_what_another_thread_trains_meanwhile(fitted_model):
    """Neither the steps nor what fit leaves in the model go back; compile settings that a save cut do."""
    import keras

    model = keras.models.clone_model(fitted_model)
    model.compile("adam", "mse")
    compiled = model.get_compile_config()
    with preserve_model(model):
        thread = threading.Thread(target=model.fit, args=(ROWS, ROWS[:, :3]), kwargs={"epochs": 3, "verbose": 0})
        thread.start()
        thread.join()
        model.stop_training = True
        model._compile_config.config.pop("optimizer")
        trained = [np.asarray(variable) for variable in model.weights]
    assert (int(model.optimizer.iterations), model.stop_training, model.get_compile_config()) == (3, True, compiled)
    assert [array.tobytes() for array in trained] == [np.asarray(variable).tobytes() for variable in model.weights]


def test_watched_weights_are_changed_by_one_bit_of_one_that_is_trained():
    import keras

    for dtype in ("float32", "bfloat16", "float64"):
        model = keras.Sequential(
            [keras.Input((2,)), keras.layers.Dense(1, dtype=dtype), keras.layers.BatchNormalization()]
        )
        kernel = np.asarray(model.weights[0])
        kernel[0, 0] = np.nan
        model.weights[0].assign(kernel)
        has_changed = watch_weights(model)
        model.non_trainable_variables[0].assign([3.0])  # as a call in training does
        assert not has_changed()
        model.weights[0].assign(kernel * 1)
        assert not has_changed()
        kernel[1, 0] = np.nextafter(kernel[1, 0], kernel.dtype.type(9))
        model.weights[0].assign(kernel)
        assert has_changed()


def test_training_steps_count_batches_whose_gradients_wait():
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(gradient_accumulation_steps=4), "mse")
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 1)))
    assert training_steps(model) == 1


def test_put_back_table_is_never_without_its_entries():
    """Another thread may read it meanwhile: registered classes, the attributes of a layer."""

    class Table(dict):
        def clear(self):
            raise AssertionError("it is read meanwhile")

    table = Table(kept=1, changed=2, added=3)
    preservation._refill(table, {"kept": 1, "changed": 0})
    assert table == {"kept": 1, "changed": 0}


def test_preserve_model_puts_back_the_state_of_a_module():
    import tensorflow as tf

    module = tf.Module()
    module.count, module.words = tf.Variable(1), tf.Variable(["a"])
    with preserve_model(module):
        module.count.assign_add(1)
        module.words.assign(["b"])
    assert (module.count.numpy(), module.words.numpy().tolist()) == (1, [b"a"])


def program_state() -> dict[str, object]:
    """All that a person could find changed in the program; drawing numbers is left out, since it changes them."""
    import keras
    import tensorflow as tf

    return {
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "filters": list(warnings.filters),
        "classes": dict(keras.saving.get_custom_objects()),
        "policy": keras.config.dtype_policy().name,
        "graph": len(tf.compat.v1.get_default_graph().get_operations()),
        "handlers": (list(logging.root.handlers), logging.getLogger("absl").level),
    }


def draw_everything() -> list[object]:
    """One number of every global generator, and the name of the next layer."""
    import keras
    import tensorflow as tf

    drawn = [float(tf.random.uniform(())), float(tf.random.get_global_generator().normal(()))]
    drawn += [float(keras.random.normal(())), random.random(), float(np.random.rand())]
    return [*drawn, keras.layers.Dense(1).name]


def disturb_program(folder: Path, is_disturbed: bool) -> None:
    """Change everything that can be changed, or nothing, and raise KeyError."""
    import keras
    import tensorflow as tf

    if not is_disturbed:
        raise KeyError
    draw_everything()
    keras.utils.set_random_seed(7)
    keras.config.set_dtype_policy("mixed_float16")
    keras.saving.register_keras_serializable("disturbing")(type("Disturbance", (keras.layers.Layer,), {}))
    tf.random.get_global_generator().reset_from_seed(9)
    tf.constant([1.0]) + 1.0
    warnings.simplefilter("error")
    logging.root.addHandler(logging.NullHandler())
    logging.getLogger("absl").setLevel(logging.ERROR)
    os.environ["ROUNDTRIP_DISTURBED"] = "1"
    os.chdir(folder)
    raise KeyError


def test_preserve_program_puts_everything_back_even_after_an_error(tmp_path: Path):
    import keras
    import tensorflow as tf

    drawn = []
    for is_disturbed in (False, True):
        keras.utils.clear_session(free_memory=False)
        keras.utils.set_random_seed(3)
        tf.random.set_global_generator(tf.random.Generator.from_seed(4))
        before = program_state()
        with pytest.raises(KeyError), preserve_program():
            disturb_program(tmp_path, is_disturbed)
        assert program_state() == before
        drawn.append(draw_everything())
    assert drawn[0] == drawn[1]


def test_preserve_program_adds_nothing_to_the_graph_that_is_being_built():
    import tensorflow as tf

    with tf.Graph().as_default() as graph, preserve_program():
        assert tf.constant([1.0]).numpy().tolist() == [1.0]
    assert graph.get_operations() == []
