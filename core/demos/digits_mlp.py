"""The plain case: two Dense layers that read a handwritten digit."""

from core.demos import digits_data
from core.demos.contract import Demo, TrainSettings, accuracy
from core.demos.fit import fit


def build(settings: TrainSettings):
    import keras

    model = keras.Sequential(
        [
            keras.Input((digits_data.pixel_count(settings.dataset),), name="pixels"),
            keras.layers.Dense(settings.hidden_units, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


DEMO = Demo(
    key="digits-mlp",
    label="Read a digit",
    predicts="Which digit, 0 to 9, is in a small picture",
    data_says="1,797 handwritten digits, 8×8 pixels",
    model_says="Keras: Dense(128, relu), Dense(10, softmax)",
    shows="The plain case: every format can take it.",
    source=digits_data.SOURCE,
    kind="keras",
    labels=digits_data.LABELS,
    datasets=digits_data.DATASETS,
    image_shapes=digits_data.IMAGE_SHAPES,
    data=digits_data.data,
    build=build,
    score=accuracy,
    train=fit,
)
