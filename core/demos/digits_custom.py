"""A custom layer: what happens when the reloading process does not know its class."""

from core.demos import digits_data
from core.demos.base import Demo, Model, TrainSettings


def classes() -> dict[str, type]:
    """The custom class of this demo: made on demand, so that a process that does not call this does not know it."""
    import keras

    class Scale(keras.layers.Layer):
        """Multiplies every feature by a factor of its own, learned in training."""

        def build(self, input_shape):
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

        def call(self, inputs):
            return inputs * self.factor

    return {"Scale": Scale}


def build(settings: TrainSettings) -> Model:
    import keras

    layers = [
        keras.Input((digits_data.pixel_count(settings.dataset),), name="pixels"),
        classes()["Scale"](),
        keras.layers.Dense(settings.hidden_units, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
    return digits_data.compile_classifier(keras.Sequential(layers), settings)


DEMO = Demo(
    key="digits-custom",
    label="Read a digit, with a custom layer",
    model_description="Keras: our own Scale layer, then Dense(128, relu), Dense(10, softmax)",
    demonstrates="Formats that keep layers by name fail without the class; a graph does not.",
    build=build,
    **digits_data.CLASSIFIER_FACTS,
    classes=classes,
    has_classes=True,
)
