"""What Keras' own `.h5` does not keep or read back is said as such, with a cure that works."""

import pytest

from core.errors import CannotSave, DoesNotLoad
from core.formats import h5
from core.formats import keras as keras_format


def build_masked():
    import keras

    steps = keras.Input((4,), dtype="int32")
    embedded = keras.layers.Embedding(5, 2, mask_zero=True)(steps)
    return keras.Model(steps, keras.layers.LSTM(2)(embedded))


def build_sum():
    import keras

    left, right = keras.Input((3,)), keras.Input((3,))
    return keras.Model([left, right], left + right)


def build_remainder():
    import keras

    x = keras.Input((3,))
    return keras.Model(x, 1.0 - keras.layers.Dense(2)(x))


def build_nested_cast():
    import keras

    inner, x = keras.Input((3,)), keras.Input((3,))
    return keras.Model(x, keras.Model(inner, keras.ops.cast(inner, "float16"))(x))


def build_attention():
    import keras

    query, value = keras.Input((3, 2)), keras.Input((3, 2))
    return keras.Model([query, value], keras.layers.Attention(name="attend")([query, value]))


def build_layer_scale():
    import keras
    from keras.src.applications.convnext import LayerScale

    return keras.Sequential([keras.Input((3,)), LayerScale(0.5, 3)])


OPERATIONS = (
    "The model computes with operations ({}), and Keras' own reader of .h5 takes each for a layer.",
    "Save as .keras, which keeps them. In .h5, write layers.Add()([a, b]) for a + b; masks need a Sequential model.",
)


@pytest.mark.parametrize(
    ("build", "sentence", "cure"),
    [
        (build_masked, OPERATIONS[0].format("NotEqual"), OPERATIONS[1]),
        (build_sum, OPERATIONS[0].format("Add"), OPERATIONS[1]),
        (build_remainder, OPERATIONS[0].format("Subtract"), OPERATIONS[1]),
        (build_nested_cast, OPERATIONS[0].format("Cast"), OPERATIONS[1]),
        (
            build_attention,
            "Keras' own reader of .h5 turns the setting score_mode='dot' of the layer 'attend' into a function.",
            "Save as .keras, which keeps it as text.",
        ),
        (
            build_layer_scale,
            "Keras' own reader of .h5 does not know Keras' own layer 'LayerScale', which is not exported.",
            "Save as .keras, or load it with custom_objects={'LayerScale': "
            "keras.src.applications.convnext.LayerScale}.",
        ),
    ],
)
def test_file_unreadable_by_keras_names_keras_and_loads_as_keras_file(build, sentence, cure, tmp_path):
    model = build()
    h5.save(model, tmp_path)
    with pytest.raises(DoesNotLoad) as caught:
        h5.load(tmp_path)
    assert (caught.value.sentence, caught.value.cure) == (sentence, cure)
    keras_format.save(model, tmp_path)
    assert keras_format.load(tmp_path).model.count_params() == model.count_params()


def test_a_class_of_ones_own_is_not_blamed_on_keras(tmp_path):
    import keras

    class LayerScale(keras.layers.Layer):
        def __init__(self, factor=2.0, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, x):
            return self.factor * x

        def get_config(self):
            return super().get_config() | {"factor": self.factor}

    x = keras.Input((3,))
    h5.save(keras.Model(x, LayerScale()(x) + 1.0), tmp_path)
    with pytest.raises(ValueError, match="Unknown layer: 'LayerScale'"):
        h5.load(tmp_path)


def test_a_setting_that_keras_cannot_copy_is_named_before_saving(tmp_path):
    import keras

    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.RandomBrightness(0.2, name="brighter")])
    with pytest.raises(CannotSave) as caught:
        h5.save(model, tmp_path)
    assert caught.value.sentence == (
        "Keras cannot copy the setting 'value_range' of the layer 'brighter', which it does for .h5 alone."
    )
    keras_format.save(model, tmp_path)
    assert keras_format.load(tmp_path).model.layers[0].value_range == [0, 255]


def test_a_layer_of_ones_own_that_returns_a_plain_list_can_be_saved(tmp_path):
    import keras

    class Jitter(keras.layers.Layer):
        def __init__(self, span, plain=False, **kwargs):
            super().__init__(**kwargs)
            self.span, self.plain = span, plain
            self.seeds = keras.random.SeedGenerator(1)

        def call(self, x):
            return x + self.span[0]

        def get_config(self):
            span = list(self.span) if self.plain else self.span
            return super().get_config() | {"span": span, "plain": self.plain}

    with pytest.raises(CannotSave, match="'span' of the layer 'jitter'"):
        h5.save(keras.Sequential([keras.Input((3,)), Jitter([0, 1], name="jitter")]), tmp_path)
    h5.save(keras.Sequential([keras.Input((3,)), Jitter([0, 1], plain=True)]), tmp_path)
