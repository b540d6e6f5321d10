"""Half-precision arithmetic over single-precision weights, by the policy of this model and of nothing else."""

from core.demos import digits_data
from core.demos.base import Demo, Model, TrainSettings

POLICY = "mixed_float16"


def build(settings: TrainSettings) -> Model:
    import keras

    layers = [
        keras.Input((digits_data.pixel_count(settings.dataset),), name="pixels"),
        keras.layers.Dense(settings.hidden_units, activation="relu", dtype=POLICY),
        keras.layers.Dense(10, activation="softmax", dtype=POLICY),
    ]
    model = keras.Sequential(layers)
    # By its own policy a model decides whether its loss is scaled, without which small gradients vanish.
    model.dtype_policy = POLICY
    return digits_data.compile_classifier(model, settings)


DEMO = Demo(
    key="digits-mixed",
    label="Read a digit, in half precision",
    model_description="Keras: Dense(128, relu), Dense(10, softmax) under the policy mixed_float16",
    demonstrates="Answers in float16, and an optimizer that scales the loss: not every copy keeps both.",
    build=build,
    **digits_data.CLASSIFIER_FACTS,
)
