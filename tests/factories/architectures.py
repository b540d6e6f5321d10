"""Small models of the structures that people convert, built as they would write them."""

from collections.abc import Callable
from typing import Any

import numpy as np

ROWS = 5


def build_dense() -> Any:
    import keras

    keras.utils.set_random_seed(1)
    x = keras.Input((64,), name="pixels")
    hidden = keras.layers.Dense(128, activation="relu")(x)
    return keras.Model(x, keras.layers.Dense(10, activation="softmax")(hidden))


def build_convolutions() -> Any:
    import keras

    keras.utils.set_random_seed(1)
    layers, picture = keras.layers, keras.Input((16, 16, 3), name="picture")
    x = layers.BatchNormalization()(layers.Conv2D(16, 3, activation="relu")(picture))
    x = layers.Conv2D(16, 3, padding="same")(layers.MaxPooling2D()(x))
    return keras.Model(picture, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def build_lstm() -> Any:
    import keras

    keras.utils.set_random_seed(1)
    steps = keras.Input((12, 4), name="steps")
    return keras.Model(steps, keras.layers.Dense(3)(keras.layers.LSTM(16)(steps)))


def build_masked_gru() -> Any:
    """Masking, Conv1D and a bidirectional GRU over twelve steps."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(1)
    steps = keras.Input((12, 4), name="steps")
    x = layers.Conv1D(6, 3, padding="same", activation="relu")(layers.Masking()(steps))
    return keras.Model(steps, layers.Dense(2, activation="softmax")(layers.Bidirectional(layers.GRU(5))(x)))


def build_convnext_block() -> Any:
    """A block of ConvNeXt: depthwise convolution, LayerNormalization, exact GELU, LayerScale."""
    import keras
    from keras.src.applications.convnext import LayerScale

    layers = keras.layers
    keras.utils.set_random_seed(1)
    picture = keras.Input((8, 8, 3), name="picture")
    x = layers.LayerNormalization()(layers.Conv2D(8, 2, strides=2)(picture))
    y = layers.LayerNormalization()(layers.DepthwiseConv2D(3, padding="same")(x))
    y = LayerScale(1.0, 8)(layers.Dense(8)(layers.Activation("gelu")(layers.Dense(32)(y))))
    return keras.Model(picture, layers.Dense(3)(layers.GlobalAveragePooling2D()(layers.Add()([x, y]))))


def build_transformer() -> Any:
    """A block of a transformer over words, with a mask and exact GELU."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(1)
    words = keras.Input((10,), dtype="int32", name="words")
    x = layers.Embedding(20, 8, mask_zero=True)(words)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    x = layers.LayerNormalization()(x + layers.Dense(8)(layers.Dense(16, activation="gelu")(x)))
    return keras.Model(words, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))


# A model of each kind that people convert, by its name.
FAMILIES: dict[str, Callable[[], Any]] = {
    "dense": build_dense,
    "convolutions": build_convolutions,
    "lstm": build_lstm,
    "masked gru": build_masked_gru,
    "convnext": build_convnext_block,
    "transformer": build_transformer,
}


def build_mobilenet_block() -> Any:
    """A block of MobileNetV3 whose weights are so large that integers need scales beyond what XNNPACK takes."""
    import keras

    layers = keras.layers
    picture = keras.Input((16, 16, 3), name="picture")
    x = layers.Conv2D(8, 3, strides=2, padding="same")(layers.Rescaling(1 / 127.5, offset=-1)(picture))
    x = layers.Activation("hard_silu")(layers.BatchNormalization()(x))
    squeezed = layers.Conv2D(4, 1, activation="relu")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Multiply()([x, layers.ReLU(6.0)(layers.Conv2D(8, 1)(squeezed) + 3.0) * (1 / 6)])
    x = layers.BatchNormalization()(layers.DepthwiseConv2D(3, strides=2)(x))
    x = layers.Conv2D(16, 1)(layers.GlobalAveragePooling2D(keepdims=True)(layers.Activation("hard_silu")(x)))
    x = layers.Flatten()(layers.Conv2D(3, 1)(layers.Activation("hard_silu")(x)))
    model = keras.Model(picture, layers.Softmax()(x))
    random = np.random.default_rng(0)
    for weight in model.weights:
        values = 30 * random.normal(size=weight.shape)
        weight.assign(np.abs(values) if "gamma" in weight.path or "variance" in weight.path else values)
    return model


def make_inputs(model: Any) -> dict[str, np.ndarray]:
    """Random inputs of a model with one input, by its name."""
    random, (port,) = np.random.default_rng(0), model.inputs
    shape = (ROWS, *port.shape[1:])
    if port.dtype == "int32":
        return {port.name: random.integers(0, 20, shape).astype("int32")}
    return {port.name: random.normal(size=shape).astype("float32")}
