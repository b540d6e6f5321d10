"""Models of the break-it bench: demos in a small size, and two that no demo shows."""

import numpy as np

from core.demos import digits_data, get_demo
from core.demos.base import Data, Demo, Model, Split, TrainSettings

SMALL = {"hidden_units": 32, "epochs": 5, "batch_size": 64, "learning_rate": 0.005}

DIGITS = get_demo("digits-mlp")
DIGITS_WITH_OWN_LAYER = get_demo("digits-custom")
COUNTRY_NAMES = get_demo("names")


def small_settings(demo: Demo) -> TrainSettings:
    """Settings that train a small model of digits in a second or two."""
    return demo.defaults.model_copy(update=SMALL)


def _build_augmented(settings: TrainSettings) -> Model:
    """A reader of digits that turns and shifts its pictures while it learns."""
    import keras

    layers = [
        keras.Input((64,), name="pixels"),
        keras.layers.Reshape((8, 8, 1)),
        keras.layers.RandomRotation(0.08, seed=settings.seed),
        keras.layers.RandomTranslation(0.15, 0.15, seed=settings.seed),
        keras.layers.Flatten(),
        keras.layers.Dense(settings.hidden_units, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
    return digits_data.compile_classifier(keras.Sequential(layers), settings)


AUGMENTED_DIGITS = Demo(
    key="augmented-digits",
    label="Read a digit, with augmentation inside the model",
    model_description="Keras: RandomRotation, RandomTranslation, Dense(32, relu), Dense(10, softmax)",
    demonstrates="Layers that are for training alone travel with the model.",
    build=_build_augmented,
    **digits_data.CLASSIFIER_FACTS,
)


def _pair_digits(settings: TrainSettings) -> Data:
    """Pairs of digits of one split as two float32 inputs of 64 pixels, with both one-hot digits."""
    data = digits_data.data(settings)
    return Data(*(_pair_rows(split) for split in (data.train, data.validation, data.held_out)))


def _pair_rows(split: Split) -> Split:
    pixels, digits = split.inputs["pixels"], split.targets["digit"]
    partner = np.random.default_rng(0).permutation(len(pixels))
    return Split({"tens": pixels, "ones": pixels[partner]}, {"tens_digit": digits, "ones_digit": digits[partner]})


def _build_two_digits(settings: TrainSettings) -> Model:
    """Two readers side by side: the picture on the left gives the tens, that on the right the ones."""
    import keras

    inputs = [keras.Input((64,), name=name) for name in ("tens", "ones")]
    hidden = [keras.layers.Dense(settings.hidden_units, activation="relu")(picture) for picture in inputs]
    outputs = [
        keras.layers.Dense(10, activation="softmax", name=f"{picture.name}_digit")(features)
        for picture, features in zip(inputs, hidden, strict=True)
    ]
    model = keras.Model(inputs, outputs, name="two_digits")
    model.compile(keras.optimizers.Adam(settings.learning_rate), loss=["categorical_crossentropy"] * 2)
    return model


TWO_DIGITS = Demo(
    key="two-digits",
    label="Read a number of two digits",
    model_description="Keras: inputs tens and ones of 64 pixels, Dense(32, relu) and Dense(10, softmax) for each",
    demonstrates="Two inputs of one width: either takes what the other is meant to get.",
    build=_build_two_digits,
    **digits_data.CLASSIFIER_FACTS
    | {"data": _pair_digits, "predicts": "Which number of two digits is in two small pictures"},
)
