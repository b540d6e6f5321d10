"""Which layers are quantised by Keras: those that it can rebuild from the file, and no layer inside of another."""

import pytest

from core.errors import CannotSave
from core.formats import get_format, keras_int8
from core.formats import keras as keras_format

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Keras says so of each layer that it does not quantise


def attend(x):
    import keras

    return keras.layers.MultiHeadAttention(2, 2)(x, x)


def normalize(x):
    import keras

    return keras.layers.SpectralNormalization(keras.layers.Dense(3, name="inner"))(x)


def distribute(x):
    import keras

    return keras.layers.TimeDistributed(keras.layers.Dense(3, name="inner"))(x)


@pytest.mark.parametrize(
    ("apply", "kept"),
    [(attend, "query, key, value …"), (normalize, "inner"), (distribute, "inner")],
)
def test_layers_inside_of_others_stay_as_they_are_and_are_named(apply, kept, tmp_path):
    import keras

    x = keras.Input((5, 4))
    model = keras.Model(x, keras.layers.Dense(2, name="head")(apply(x)))
    remark = keras_int8.save(model, tmp_path)
    copy = keras_format.load(tmp_path).model
    assert remark == f"Layers inside of others were not quantised, since Keras does not rebuild them so: {kept}."
    assert {weight.path for weight in copy.weights if weight.dtype == "int8"} == {"head/kernel"}


def test_a_model_of_inner_layers_alone_is_refused_with_the_reason(tmp_path):
    import keras

    x = keras.Input((5, 4))
    with pytest.raises(CannotSave) as caught:
        keras_int8.save(keras.Model(x, attend(x)), tmp_path)
    assert caught.value.sentence == "Keras can quantise no layer of this model, so the copy would be the model itself."
    assert caught.value.cure.endswith("and rebuilds none inside of others.")


def test_layers_of_a_nested_model_are_quantised(tmp_path):
    import keras

    x, inner = keras.Input((4,)), keras.Input((4,))
    nested = keras.Model(inner, keras.layers.Dense(3, name="deep")(inner), name="nested")
    assert keras_int8.save(keras.Model(x, nested(x)), tmp_path) == ""
    (kernel,) = (weight for weight in keras_format.load(tmp_path).model.weights if weight.dtype == "int8")
    assert kernel.shape == (4, 3)


def test_layer_with_adapters_is_refused_in_8_bit_floats_in_a_sentence(tmp_path):
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="adapted")])
    model.layers[0].enable_lora(2)
    with pytest.raises(CannotSave) as caught:
        get_format("keras_float8").save_model(model, "keras", tmp_path)
    assert caught.value.sentence.startswith("Keras merges the LoRA adapters of a layer as it writes it")
    assert caught.value.cure == "Choose the Keras file in 8-bit integers, or plain .keras."
