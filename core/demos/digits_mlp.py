"""The plain case: two Dense layers that read a handwritten digit."""

from core.demos import digits_data
from core.demos.base import Demo, Model, TrainSettings


def build(settings: TrainSettings) -> Model:
    import keras

    layers = [
        keras.Input((digits_data.pixel_count(settings.dataset),), name="pixels"),
        keras.layers.Dense(settings.hidden_units, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
    return digits_data.compile_classifier(keras.Sequential(layers), settings)


DEMO = Demo(
    key="digits-mlp",
    label="Read a digit",
    model_description="Keras: Dense(128, relu), Dense(10, softmax)",
    demonstrates="The plain case: every format can take it.",
    build=build,
    **digits_data.CLASSIFIER_FACTS,
)
