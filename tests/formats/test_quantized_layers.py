"""Which layers are quantised by Keras: those that it can rebuild from the file, and no layer inside of another."""

import numpy as np
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


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_embedding_that_makes_its_mask_in_its_call_stays_and_is_named(mode, tmp_path):
    """Of padding: an answer of 1 for the first word, and for those after it by what they are."""
    import keras

    keras.utils.set_random_seed(1)
    words = keras.Input((5,), dtype="int32")
    table = keras.layers.ReversibleEmbedding(9, 4, mask_zero=True, name="table")(words)
    _, scores = keras.layers.MultiHeadAttention(1, 2)(table, table, return_attention_scores=True)
    model = keras.Model(words, keras.layers.Dense(5, "softmax", kernel_initializer="identity")(scores))
    remark = get_format(f"keras_{mode}").save_model(model, "keras", tmp_path).remark
    assert "Layers that tell padding were not quantised, since Keras forgets their mask then: table." in remark
    rows = np.array([[3, 4, 0, 0, 0], [1, 0, 2, 0, 0]])
    copy, before = keras_format.load(tmp_path).model, model.predict(rows, verbose=0)
    np.testing.assert_allclose(copy.predict(rows, verbose=0), before, atol=0.05)


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_model_of_layers_that_tell_padding_alone_is_refused_for_it(mode, tmp_path):
    import keras

    table = keras.layers.ReversibleEmbedding(9, 4, mask_zero=True, name="table")
    model = keras.Sequential([keras.Input((5,), dtype="int32"), table])
    with pytest.raises(CannotSave) as caught:
        get_format(f"keras_{mode}").save_model(model, "keras", tmp_path)
    assert caught.value.sentence == (
        "Layers that tell padding were not quantised, since Keras forgets their mask then: table. "
        "No other layer can be, so the copy would be the model itself."
    )


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
