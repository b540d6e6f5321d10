"""Half-precision arithmetic over single-precision weights, by the policy of this model and of nothing else."""

from core.demos import digits_data
from core.demos.contract import Demo, TrainSettings, accuracy
from core.demos.fit import fit

POLICY = "mixed_float16"


def build(settings: TrainSettings):
    import keras

    model = keras.Sequential(
        [
            keras.Input((digits_data.pixel_count(settings.dataset),), name="pixels"),
            keras.layers.Dense(settings.hidden_units, activation="relu", dtype=POLICY),
            keras.layers.Dense(10, activation="softmax", dtype=POLICY),
        ]
    )
    # By its own policy a model decides whether its loss is scaled, without which small gradients vanish.
    model.dtype_policy = POLICY
    model.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


DEMO = Demo(
    key="digits-mixed",
    label="Read a digit, in half precision",
    predicts="Which digit, 0 to 9, is in a small picture",
    data_says="1,797 handwritten digits, 8×8 pixels",
    model_says="Keras: Dense(128, relu), Dense(10, softmax) under the policy mixed_float16",
    shows="Answers in float16, and an optimizer that scales the loss: not every copy keeps both.",
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
