"""A convolutional network with all that tells training from inference: augmentation, BatchNormalization, Dropout."""

from core.demos import digits_data
from core.demos.base import Demo, Model, TrainSettings


def build(settings: TrainSettings) -> Model:
    import keras
    from keras import layers

    height, width = digits_data.IMAGE_SHAPES[settings.dataset]
    stack = [
        keras.Input((height * width,), name="pixels"),
        layers.Reshape((height, width, 1)),
        layers.RandomTranslation(0.1, 0.1, fill_mode="constant"),
        layers.Conv2D(16, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(settings.hidden_units, activation="relu"),
        layers.Dropout(0.3),
        layers.Dense(10, activation="softmax"),
    ]
    return digits_data.compile_classifier(keras.Sequential(stack), settings)


DEMO = Demo(
    key="digits-cnn",
    label="Read a digit, by convolution",
    model_description="Keras: RandomTranslation, Conv2D, BatchNormalization, Conv2D, Dense(64, relu), Dropout, "
    "Dense(10)",
    demonstrates="Training mode against inference: an augmentation layer that stays awake gives random answers.",
    build=build,
    **digits_data.CLASSIFIER_FACTS
    | {"data_description": "1,797 handwritten digits, 8×8 pixels, shifted at random in training"},
    defaults=TrainSettings(hidden_units=64, epochs=10),
)
