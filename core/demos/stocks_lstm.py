"""A recurrent network over stock prices: twelve weeks in, the week after out. Hard for converters, and for people."""

import numpy as np

from core.demos.base import Data, Demo, Model, Split, TrainSettings, mean_absolute_error_scorer, take_rows
from core.demos.keras_training import fit_keras

WINDOW_WEEKS = 12
# Prices are told apart by time: what is held out lies after all that was learned from.
LAST_TRAINING_WEEK, LAST_VALIDATION_WEEK = 72, 88


def data(settings: TrainSettings) -> Data:
    """Windows of shape (rows, 12, 1) of one company's weekly prices, with the price of the week after, both float32 as
    multiples of that company's first price."""
    import plotly.data

    prices = plotly.data.stocks(indexed=True).to_numpy("float32")
    weeks = np.arange(WINDOW_WEEKS, len(prices))
    windows = np.concatenate([prices[week - WINDOW_WEEKS : week].T for week in weeks])[:, :, None]
    following = np.concatenate([prices[week] for week in weeks])[:, None]
    week = np.repeat(weeks, prices.shape[1])
    when = np.digitize(week, [LAST_TRAINING_WEEK, LAST_VALIDATION_WEEK])
    return Data(
        *(take_rows({"prices": windows}, {"next_price": following}, np.flatnonzero(when == part)) for part in range(3))
    )


def build(settings: TrainSettings) -> Model:
    import keras

    layers = [
        keras.Input((WINDOW_WEEKS, 1), name="prices"),
        keras.layers.LSTM(settings.hidden_units),
        keras.layers.Dense(1, name="next_price"),
    ]
    model = keras.Sequential(layers)
    # By its short name, as most people write it: Keras cannot read that back from .h5.
    model.compile(keras.optimizers.Adam(settings.learning_rate), loss="mse", metrics=["mae"])
    return model


def sample() -> Split:
    """The windows that are held out."""
    return data(DEMO.defaults).held_out


DEMO = Demo(
    key="stocks-lstm",
    label="Guess next week's price",
    predicts="The price of a stock after twelve weeks that are known, as a multiple of its first price",
    data_description="105 weekly prices of six companies, 2018 and 2019",
    model_description="Keras: LSTM(32), Dense(1)",
    demonstrates="A loop inside the model: converters that know no loops refuse it. It is no advice on money.",
    source="Closing prices of six technology companies, as bundled with plotly (MIT licence), which states neither "
    "their origin nor a licence of the data alone.",
    kind="keras",
    datasets={"stocks": "558 windows of 12 weeks, bundled with plotly: works offline"},
    unit="times the first price",
    data=data,
    sample=sample,
    build=build,
    score=mean_absolute_error_scorer("% of the first price", 100),
    train=fit_keras,
    defaults=TrainSettings(dataset="stocks", hidden_units=32, epochs=30, learning_rate=0.01),
)
