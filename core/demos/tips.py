"""Restaurant bills: six named inputs, numbers and words, and all preparation of them inside the model."""

from typing import Any

import numpy as np

from core.demos.base import Data, Demo, InputField, Model, Split, TrainSettings, mean_absolute_error_scorer, split_rows
from core.demos.keras_training import fit_keras

NUMBER_COLUMNS = ("total_bill", "size")
CHOICE_COLUMNS = {
    "sex": ("Female", "Male"),
    "smoker": ("No", "Yes"),
    "day": ("Thur", "Fri", "Sat", "Sun"),
    "time": ("Lunch", "Dinner"),
}


def data(settings: TrainSettings) -> Data:
    """Bills as six inputs of shape (rows, 1), float32 or text, with the tip in dollars; one bill that stands in the
    table twice is taken once."""
    bills = sample()
    return split_rows(bills.inputs, bills.targets)


def sample() -> Split:
    """All bills, not split."""
    import plotly.data

    bills = plotly.data.tips().drop_duplicates()
    inputs = {name: bills[[name]].to_numpy("float32") for name in NUMBER_COLUMNS}
    inputs |= {name: bills[[name]].to_numpy("U") for name in CHOICE_COLUMNS}
    return Split(inputs, {"tip": bills[["tip"]].to_numpy("float32")})


def build(settings: TrainSettings) -> Model:
    """The model, with means and vocabularies learned from the training rows."""
    import keras

    rows = data(settings).train.inputs
    inputs = {name: keras.Input((1,), name=name) for name in NUMBER_COLUMNS}
    inputs |= {name: keras.Input((1,), name=name, dtype="string") for name in CHOICE_COLUMNS}
    prepared = [_normalize(inputs[name], rows[name]) for name in NUMBER_COLUMNS]
    prepared += [_one_hot_encode(inputs[name], rows[name]) for name in CHOICE_COLUMNS]
    hidden = keras.layers.Dense(settings.hidden_units, activation="relu")(keras.layers.Concatenate()(prepared))
    model = keras.Model(inputs, keras.layers.Dense(1, name="tip")(hidden), name="tips")
    model.compile(keras.optimizers.Adam(settings.learning_rate), loss=keras.losses.MeanSquaredError(), metrics=["mae"])
    return model


def _normalize(tensor: Any, training_values: np.ndarray) -> Any:
    import keras

    layer = keras.layers.Normalization()
    layer.adapt(training_values)
    return layer(tensor)


def _one_hot_encode(tensor: Any, training_values: np.ndarray) -> Any:
    """One column for each word of the training rows, and one for every other."""
    import keras
    import tensorflow as tf

    lookup = keras.layers.StringLookup()
    lookup.adapt(tf.constant(training_values))
    return keras.layers.CategoryEncoding(lookup.vocabulary_size(), output_mode="one_hot")(lookup(tensor))


DEMO = Demo(
    key="tips",
    label="Guess the tip",
    predicts="The tip on a restaurant bill, in dollars",
    data_description="243 bills of one restaurant: amount, table, day, guests",
    model_description="Keras: Normalization, StringLookup and CategoryEncoding, then Dense(32, relu), Dense(1)",
    demonstrates="Preparation inside the model: scales and vocabularies must come back too.",
    source="Bills of one restaurant (244, one of them twice), as bundled with plotly (MIT licence), which names as "
    "their origin the table `tips` of the R package reshape2 (MIT licence), by way of Rdatasets; no licence is stated "
    "of the data alone.",
    kind="keras",
    datasets={"tips": "243 restaurant bills, bundled with plotly: works offline"},
    input_fields=(
        InputField("total_bill", "Bill in dollars", "number", 24.59, minimum=3, maximum=51),
        InputField("size", "Guests", "number", 4, minimum=1, maximum=6),
        InputField("sex", "Who pays", "choice", "Female", CHOICE_COLUMNS["sex"]),
        InputField("smoker", "Smokers at the table", "choice", "No", CHOICE_COLUMNS["smoker"]),
        InputField("day", "Day", "choice", "Sun", CHOICE_COLUMNS["day"]),
        InputField("time", "Meal", "choice", "Dinner", CHOICE_COLUMNS["time"]),
    ),
    unit="dollars",
    data=data,
    sample=sample,
    build=build,
    score=mean_absolute_error_scorer("dollars"),
    train=fit_keras,
    defaults=TrainSettings(dataset="tips", hidden_units=32, epochs=30, batch_size=16, learning_rate=0.003),
)
