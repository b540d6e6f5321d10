"""Text in: type the name of a country, and its letters say which continent it may be on."""

import numpy as np

from core.demos.base import Data, Demo, InputField, Model, Split, TrainSettings, accuracy_score, split_rows
from core.demos.keras_training import fit_keras

CONTINENTS = ("Africa", "Americas", "Asia", "Europe")
MAX_NGRAM = 3  # longest piece of a name that is counted


def data(settings: TrainSettings) -> Data:
    """Names of shape (rows, 1) as text, with one-hot float32 continents; Oceania's two names are too few to learn."""
    countries = sample()
    return split_rows(countries.inputs, countries.targets, countries.targets["continent"].argmax(axis=1))


def sample() -> Split:
    """All names, not split."""
    import plotly.data

    countries = plotly.data.gapminder(year=2007)
    countries = countries[countries["continent"].isin(CONTINENTS)]
    classes = np.array([CONTINENTS.index(continent) for continent in countries["continent"]])
    names = countries[["country"]].to_numpy("U")
    return Split({"name": names}, {"continent": np.eye(len(CONTINENTS), dtype="float32")[classes]})


def build(settings: TrainSettings) -> Model:
    """The model, with the letters, and pieces of two and three letters, of the training names as its vocabulary."""
    import keras
    import tensorflow as tf
    from keras import layers

    pieces = layers.TextVectorization(standardize="lower", split="character", ngrams=MAX_NGRAM, output_mode="count")
    pieces.adapt(tf.constant(data(settings).train.inputs["name"]))
    stack = [
        keras.Input((1,), name="name", dtype="string"),
        pieces,
        layers.Dense(settings.hidden_units, activation="relu"),
        layers.Dropout(0.3),
        layers.Dense(len(CONTINENTS), activation="softmax", name="continent"),
    ]
    model = keras.Sequential(stack)
    model.compile(keras.optimizers.Adam(settings.learning_rate), loss="categorical_crossentropy", metrics=["accuracy"])
    return model


DEMO = Demo(
    key="names",
    label="Guess the continent",
    predicts="On which of four continents a country lies, from the letters of its name alone",
    data_description="140 names of countries: so few that an unseen name stays a guess",
    model_description="Keras: TextVectorization by pieces of 1 to 3 letters, Dense(64, relu), Dropout, "
    "Dense(4, softmax)",
    demonstrates="Text goes straight into the model: a copy without its vocabulary cannot answer.",
    source="Names and continents of Gapminder's countries (gapminder.org/data), as bundled with plotly (MIT licence), "
    "which states no licence of the data alone.",
    kind="keras",
    labels=CONTINENTS,
    datasets={"countries": "140 countries on four continents, bundled with plotly: works offline"},
    input_fields=(InputField("name", "Name of a country", "text", "Uzbekistan"),),
    data=data,
    sample=sample,
    build=build,
    score=accuracy_score,
    train=fit_keras,
    defaults=TrainSettings(dataset="countries", hidden_units=64, epochs=15, batch_size=16, learning_rate=0.003),
)
