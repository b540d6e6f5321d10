"""Image in, image out: clean a handwritten digit of noise. A changed prediction can be seen."""

import numpy as np

from core.demos import digits_data
from core.demos.base import Data, Demo, Model, Split, TrainSettings, mean_absolute_error_scorer

NOISE = 0.3  # standard deviation, where 1 is the step from paper to ink


def data(settings: TrainSettings) -> Data:
    """Digits with noise as inputs, and the same digits as they were as targets, both float32 in [0, 1].

    Raises DataUnavailable when MNIST cannot be downloaded.
    """
    generator, digits = np.random.default_rng(0), digits_data.data(settings)
    return Data(*(_add_noise(split, generator) for split in (digits.train, digits.validation, digits.held_out)))


def sample() -> Split:
    """The first ten digits with noise, and as they were."""
    return _add_noise(digits_data.sample(), np.random.default_rng(0))


def _add_noise(split: Split, generator: np.random.Generator) -> Split:
    clean = split.inputs["pixels"]
    grain = generator.normal(0, NOISE, clean.shape).astype("float32")
    return Split({"noisy": np.clip(clean + grain, 0, 1)}, {"clean": clean})


def build(settings: TrainSettings) -> Model:
    import keras
    from keras import layers

    height, width = digits_data.IMAGE_SHAPES[settings.dataset]
    stack = [
        keras.Input((height * width,), name="noisy"),
        layers.Reshape((height, width, 1)),
        layers.Conv2D(settings.hidden_units, 3, padding="same", activation="relu"),
        layers.Conv2D(settings.hidden_units, 3, padding="same", activation="relu"),
        layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
        layers.Reshape((height * width,), name="clean"),
    ]
    model = keras.Sequential(stack)
    model.compile(keras.optimizers.Adam(settings.learning_rate), loss=keras.losses.MeanSquaredError(), metrics=["mae"])
    return model


DEMO = Demo(
    key="digits-denoiser",
    label="Clean a noisy digit",
    predicts="The picture without its noise, pixel by pixel",
    data_description="1,797 handwritten digits, 8×8 pixels, with noise added by us",
    model_description="Keras: three Conv2D layers from picture to picture",
    demonstrates="Answers that can be looked at: what a format changed is a change in a picture.",
    output_image_shapes=digits_data.IMAGE_SHAPES,
    unit="ink, from 0 to 1",
    data=data,
    sample=sample,
    build=build,
    **digits_data.DIGIT_FACTS,
    score=mean_absolute_error_scorer("% of full ink", 100),
    defaults=TrainSettings(hidden_units=32, epochs=15, learning_rate=0.002),
)
