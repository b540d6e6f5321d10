"""A model written as a class: its layers are Python code, and its weights exist only once it has been called."""

from core.demos import digits_data
from core.demos.base import Demo, Model, TrainSettings


def classes() -> dict[str, type]:
    """The model's class: made on demand, so that a process that does not call this does not know it."""
    import keras

    class DigitReader(keras.Model):
        """Two Dense layers, called one after the other by a `call` of our own."""

        def __init__(self, units: int, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.hidden = keras.layers.Dense(units, activation="relu")
            self.out = keras.layers.Dense(10, activation="softmax")

        def call(self, pixels):
            return self.out(self.hidden(pixels))

        def get_config(self):
            return super().get_config() | {"units": self.units}

    return {"DigitReader": DigitReader}


def build(settings: TrainSettings) -> Model:
    import numpy as np

    model = classes()["DigitReader"](settings.hidden_units, name="digit_reader")
    model(np.zeros((1, digits_data.pixel_count(settings.dataset)), dtype="float32"))
    return digits_data.compile_classifier(model, settings)


DEMO = Demo(
    key="digits-subclassed",
    label="Read a digit, with a custom model class",
    model_description="Keras: our own class DigitReader(keras.Model) around Dense(128, relu), Dense(10, softmax)",
    demonstrates="A model that is code: only a graph comes back in a process that does not have the class.",
    build=build,
    **digits_data.CLASSIFIER_FACTS,
    classes=classes,
    has_classes=True,
)
