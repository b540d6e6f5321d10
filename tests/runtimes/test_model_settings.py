"""Settings by value and behaviour, and what a model shares: read without moving anything in it."""

import json

import numpy as np
import pytest

from core.runtimes.model_settings import ModelSettings, SettingChange, collect_settings, compare_settings
from core.runtimes.traits import describe_sharing


def build(*layers):
    import keras

    return keras.Sequential([keras.Input((4,), name="x"), *layers])


settings_of = collect_settings


def compiled(loss="mse", optimizer="sgd", **arguments):
    import keras

    model = build(keras.layers.Dense(2, name="head"))
    model.compile(optimizer, loss, **arguments)
    return model


def test_loss_by_name_equals_the_same_loss_by_object():
    import keras

    by_name, by_object = settings_of(compiled("huber")), settings_of(compiled(keras.losses.Huber()))
    assert by_name.compile["loss"] == "huber"
    assert compare_settings(by_name, by_object) == []


@pytest.mark.parametrize(
    ("make_loss", "path"),
    [
        (lambda k: k.losses.Huber(delta=3.0), "loss.delta"),
        (lambda k: k.losses.CosineSimilarity(axis=0), "loss.axis"),
        (lambda k: k.losses.BinaryCrossentropy(label_smoothing=0.1), "loss.label_smoothing"),
        (lambda k: k.losses.MeanSquaredError(reduction="sum"), "loss.reduction"),
    ],
)
def test_changed_loss_argument_changes_value_and_behaviour(make_loss, path):
    import keras

    changed = make_loss(keras)
    plain = type(changed)()
    changes = compare_settings(settings_of(compiled(changed)), settings_of(compiled(plain)))
    assert [change.path for change in changes] == [path, "loss"]
    assert [change.part for change in changes] == ["compile", "behaviour"]


def test_loss_of_own_class_is_measured_and_its_argument_read():
    import keras

    class Weighted(keras.losses.Loss):
        def __init__(self, weight=1.0, **keywords):
            super().__init__(**keywords)
            self.weight = weight

        def call(self, targets, predictions):
            return self.weight * keras.ops.mean(keras.ops.abs(targets - predictions), axis=-1)

    changes = compare_settings(settings_of(compiled(Weighted(2.0))), settings_of(compiled(Weighted())))
    first, second = changes
    assert first == SettingChange(part="compile", path="loss.weight", original=2.0, reloaded=1.0, omitted_by="Weighted")
    assert second.original == pytest.approx([2 * number for number in second.reloaded])


def test_optimizer_of_other_class_is_one_change_with_its_steps():
    changes = compare_settings(settings_of(compiled(optimizer="adam")), settings_of(compiled(optimizer="rmsprop")))
    assert [(change.part, change.path) for change in changes] == [("compile", "optimizer"), ("behaviour", "optimizer")]
    assert (changes[0].original, changes[0].reloaded) == ("Adam", "RMSprop")


def test_schedule_and_clip_values_are_read():
    import keras

    def of(rate, clip):
        schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, rate)
        return settings_of(compiled(optimizer=keras.optimizers.SGD(schedule, clipvalue=clip)))

    changes = compare_settings(of(0.5, 1.0), of(0.25, 0.125))
    assert [(change.path, change.original, change.reloaded) for change in changes[:2]] == [
        ("optimizer.learning_rate.decay_rate", 0.5, 0.25),
        ("optimizer.clipvalue", 1.0, 0.125),
    ]


@pytest.mark.parametrize(("given", "named"), [("var_names", ["bias", "gamma"]), ("var_list", ["head/bias"])])
def test_variables_without_weight_decay_are_read(given, named, tmp_path):
    """A method of the optimizer names them, and no config holds them: Keras decays all weights of a copy."""
    import keras

    model, optimizer = compiled(), keras.optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(**{given: ["gamma", "bias"] if given == "var_names" else [model.weights[1]]})
    model.compile(optimizer, "mse")
    model.fit(np.ones((8, 4), "float32"), np.ones((8, 2), "float32"), verbose=0)
    model.save(tmp_path / "model.keras")
    assert compare_settings(settings_of(model), settings_of(keras.models.load_model(tmp_path / "model.keras"))) == [
        SettingChange(
            part="compile",
            path="optimizer.exclude_from_weight_decay",
            original=named,
            omitted_by="keras.AdamW",
        )
    ]


def test_settings_of_single_weights_are_read(tmp_path):
    """Keras writes down what a layer was made with, and not what was set on one of its weights afterwards."""
    import keras

    model = compiled()
    kernel, bias = model.layers[0].weights
    kernel.trainable, kernel.constraint = False, keras.constraints.MaxNorm(2)
    bias.regularizer = keras.regularizers.L2(0.5)
    model.save(tmp_path / "model.keras")
    changes = compare_settings(settings_of(model), settings_of(keras.models.load_model(tmp_path / "model.keras")))
    assert [(change.path, change.original, change.reloaded) for change in changes] == [
        ("head.kernel.trainable", False, None),
        ("head.kernel.constraint", "MaxNorm", None),
        ("head.bias.regularizer", "L2", None),
    ]
    assert {change.omitted_by for change in changes} == {"keras.Dense"}


def test_reading_settings_moves_nothing_in_the_model():
    import keras

    model = compiled(metrics=[keras.metrics.CosineSimilarity(axis=0)], optimizer="adam")
    model.fit(np.ones((8, 4), "float32"), np.ones((8, 2), "float32"), verbose=0)
    state = [
        np.asarray(variable) for variable in (*model.variables, *model.optimizer.variables, *model.metrics_variables)
    ]
    settings_of(model)
    after = [
        np.asarray(variable) for variable in (*model.variables, *model.optimizer.variables, *model.metrics_variables)
    ]
    assert [array.tobytes() for array in state] == [array.tobytes() for array in after]


def test_settings_are_plain_json_and_hold_no_code():
    import keras

    model = build(keras.layers.Dense(2, activation=lambda value: value, name="own"))
    settings = settings_of(model)
    text = json.dumps(settings.model_dump(), allow_nan=False)
    assert __file__ not in text
    assert settings.layers["own"]["own.units"] == 2


def test_layer_beside_those_of_before_is_one_change():
    before = ModelSettings(layers={"a": {"a": "Dense", "a.units": 2}})
    now = ModelSettings(layers={**before.layers, "b": {"b": "Dense", "b.units": 3}})
    assert compare_settings(before, now) == [SettingChange(part="layers", path="b", reloaded="Dense")]


@pytest.mark.parametrize("traits", [{}, {"settings": 3}, {"settings": {"layers": [1]}}, {"settings": None}])
def test_settings_of_old_or_foreign_records_are_none(traits):
    assert ModelSettings.read(traits) is None


def test_layers_inside_of_layers_go_by_their_place(tmp_path):
    """A counter of the process names them, and goes on counting when a copy is loaded."""
    import keras

    x = keras.Input((3, 4), name="x")
    attended = keras.layers.MultiHeadAttention(2, 2, dropout=0.25, name="attention")(x, x)
    words = keras.Input((), dtype="string", name="words")
    looked_up = keras.layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=2, name="tokens")(words)
    model = keras.Model([x, words], [attended, looked_up])
    model.save(tmp_path / "model.keras")
    before, now = settings_of(model), settings_of(keras.models.load_model(tmp_path / "model.keras"))
    assert {"attention/Softmax", "attention/Dropout", "tokens/StringLookup"} <= before.layers.keys()
    assert compare_settings(before, now) == []


# What is shared


def test_layer_through_nested_model_is_counted_in_every_place():
    import keras

    x = keras.Input((10,))
    layer = keras.layers.Dense(10, name="twice")
    model = keras.Model(x, layer(keras.Model(x, layer(x))(x)))
    assert describe_sharing(model)["twice"] == 2


def test_layer_called_twice_is_shared():
    import keras

    x, layer = keras.Input((4,)), keras.layers.Dense(4, name="again")
    assert describe_sharing(keras.Model(x, layer(layer(x)))) == {"again": 2}


def test_tied_weights_are_named_by_all_layers_that_hold_them():
    import keras

    class Tied(keras.layers.Layer):
        def __init__(self, source, **keywords):
            super().__init__(**keywords)
            self.shared_kernel = source.kernel

        def call(self, inputs):
            return keras.ops.matmul(inputs, keras.ops.transpose(self.shared_kernel))

    first = keras.layers.Dense(4, name="first")
    first.build((None, 4))
    assert describe_sharing(build(first, Tied(first, name="second"))) == {"first/kernel = second/kernel": 2}


def test_wrappers_and_attention_share_nothing():
    import keras

    x = keras.Input((3, 4))
    attended = keras.layers.MultiHeadAttention(2, 2)(x, x)
    model = keras.Model(x, keras.layers.Bidirectional(keras.layers.LSTM(2))(attended))
    assert describe_sharing(model) == {}
