"""Architectures as a person would write them, small, each with its inputs and targets. Nothing of `core` is imported.

Classes are made inside functions, so that no reloading process can know them. Each builder gives the same model at
every call: seeded, compiled, and trained one step in eager mode, which costs least.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

ROWS = 12


class Built(NamedTuple):
    """A live model with rows that it takes and targets for them (None where it is not trained)."""

    model: Any
    inputs: Any
    targets: Any


Builder = Callable[[], Built]
ARCHITECTURES: dict[str, Builder] = {}


def architecture(builder: Builder) -> Builder:
    """Make the decorated function a row of `ARCHITECTURES`."""
    ARCHITECTURES[builder.__name__.removeprefix("build_")] = builder
    return builder


def draw(*shape: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(ROWS, *shape)).astype("float32")


def draw_ids(most: int, *shape: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, most, (ROWS, *shape)).astype("int32")


def seed(number: int = 0) -> None:
    import keras

    keras.utils.set_random_seed(11 + number)


def train(model: Any, inputs: Any, targets: Any, optimizer: Any = None, loss: Any = None, metrics: Any = None) -> Built:
    """The model compiled, and trained one step."""
    import keras

    loss = loss or keras.losses.MeanSquaredError()
    model.compile(optimizer or keras.optimizers.Adam(0.01), loss, metrics=metrics, run_eagerly=True)
    model.train_on_batch(as_tensors(inputs), targets)
    return Built(model, inputs, targets)


def as_tensors(inputs: Any) -> Any:
    """The inputs as tensors where there is text among them: Keras takes no arrays of it for training, nor a mixture."""
    import tensorflow as tf

    is_text = any(array.dtype.kind == "U" for array in tf.nest.flatten(inputs))
    return tf.nest.map_structure(tf.constant, inputs) if is_text else inputs


def conv(features: Any, filters: int, **options: Any) -> Any:
    import keras

    return keras.layers.Conv2D(filters, 3, padding="same", activation="relu", **options)(features)


@architecture
def build_mlp() -> Built:
    import keras

    seed()
    layers = [keras.layers.Dense(6, "relu"), keras.layers.Dropout(0.2), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential([keras.Input((4,), name="x"), *layers], name="mlp")
    loss = keras.losses.SparseCategoricalCrossentropy()
    metrics = [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    return train(model, draw(4), draw_ids(3), keras.optimizers.SGD(0.1, momentum=0.9), loss, metrics)


@architecture
def build_cnn_with_augmentation() -> Built:
    import keras

    seed()
    kinds = keras.layers
    layers = [
        kinds.RandomFlip(),
        kinds.RandomRotation(0.1),
        kinds.Rescaling(0.5),
        kinds.Conv2D(3, 3, activation="relu"),
    ]
    layers += [kinds.BatchNormalization(), kinds.MaxPooling2D(), kinds.Flatten(), kinds.Dense(3)]
    model = keras.Sequential([keras.Input((8, 8, 1), name="image"), *layers], name="cnn")
    return train(model, draw(8, 8, 1), draw(3))


@architecture
def build_u_net() -> Built:
    import keras

    seed()
    image = keras.Input((8, 8, 1), name="image")
    first = conv(image, 2)
    lower = conv(keras.layers.MaxPooling2D()(first), 4)
    upper = keras.layers.Conv2DTranspose(2, 2, strides=2)(lower)
    mask = keras.layers.Conv2D(1, 1, activation="sigmoid", name="mask")(keras.layers.Concatenate()([first, upper]))
    return train(keras.Model(image, mask, name="u_net"), draw(8, 8, 1), draw(8, 8, 1, seed=4))


@architecture
def build_resnet_block() -> Built:
    import keras

    seed()
    image = keras.Input((8, 8, 2), name="image")
    inner = keras.layers.BatchNormalization()(conv(image, 4))
    added = keras.layers.Add()([conv(inner, 4), keras.layers.Conv2D(4, 1)(image)])
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(added))
    return train(keras.Model(image, keras.layers.Dense(2)(features), name="resnet"), draw(8, 8, 2), draw(2))


@architecture
def build_bigru_with_masking() -> Built:
    import keras

    seed()
    steps = draw(6, 3)
    steps[: ROWS // 2, 4:] = 0
    layers = [keras.layers.Masking(), keras.layers.Bidirectional(keras.layers.GRU(3)), keras.layers.Dense(2)]
    return train(keras.Sequential([keras.Input((6, 3), name="steps"), *layers], name="bigru"), steps, draw(2))


@architecture
def build_transformer_block() -> Built:
    import keras

    seed()
    tokens = keras.Input((5,), dtype="int32", name="tokens")
    embedded = keras.layers.Embedding(10, 4, mask_zero=True)(tokens)
    attended = keras.layers.MultiHeadAttention(2, 2)(embedded, embedded)
    features = keras.layers.LayerNormalization(epsilon=1e-6)(keras.layers.Add()([embedded, attended]))
    features = keras.layers.Add()([features, keras.layers.Dense(4, "gelu")(features)])
    answer = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling1D()(features))
    return train(keras.Model(tokens, answer, name="transformer"), draw_ids(10, 5), draw(2))


@architecture
def build_two_towers_with_shared_encoder() -> Built:
    import keras

    seed()
    encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "tanh")], name="encoder")
    query, item = keras.Input((4,), name="query"), keras.Input((4,), name="item")
    score = keras.layers.Dot(axes=1, normalize=True, name="score")([encoder(query), encoder(item)])
    inputs = {"query": draw(4), "item": draw(4, seed=5)}
    return train(keras.Model({"query": query, "item": item}, score, name="towers"), inputs, draw(1))


@architecture
def build_autoencoder_with_two_heads() -> Built:
    import keras

    seed()
    row = keras.Input((6,), name="row")
    code = keras.layers.Dense(2, "tanh", name="code")(row)
    heads = {
        "copy": keras.layers.Dense(6, name="copy")(code),
        "kind": keras.layers.Dense(3, "softmax", name="kind")(code),
    }
    losses = {"copy": keras.losses.Huber(0.5), "kind": keras.losses.CategoricalCrossentropy(label_smoothing=0.1)}
    targets = {"copy": draw(6), "kind": np.eye(3, dtype="float32")[draw_ids(3)]}
    return train(keras.Model(row, heads, name="autoencoder"), draw(6), targets, loss=losses)


@architecture
def build_gan_pair_with_frozen_part() -> Built:
    import keras

    seed()
    critic_layers = [keras.layers.Dense(4, keras.layers.LeakyReLU(0.2)), keras.layers.Dense(1, "sigmoid")]
    critic = keras.Sequential([keras.Input((3,)), *critic_layers], name="critic")
    critic.trainable = False
    generator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)], name="generator")
    noise = keras.Input((2,), name="noise")
    return train(keras.Model(noise, critic(generator(noise)), name="gan"), draw(2), np.ones((ROWS, 1), "float32"))


@architecture
def build_vae_with_sampling_and_add_loss() -> Built:
    import keras

    class Sampling(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.seeds = keras.random.SeedGenerator(1)

        def call(self, inputs, training=None):
            mean, log_variance = inputs
            gap = keras.ops.exp(log_variance) + keras.ops.square(mean) - 1 - log_variance
            self.add_loss(0.5 * keras.ops.mean(gap))
            if not training:
                return mean
            noise = keras.random.normal(keras.ops.shape(mean), seed=self.seeds)
            return mean + keras.ops.exp(0.5 * log_variance) * noise

    seed()
    row = keras.Input((5,), name="row")
    code = Sampling(name="sampling")(
        [keras.layers.Dense(2, name="mean")(row), keras.layers.Dense(2, name="spread")(row)]
    )
    return train(keras.Model(row, keras.layers.Dense(5)(code), name="vae"), draw(5), draw(5))


@architecture
def build_text_classifier(number: int = 0) -> Built:
    import keras

    seed(number)
    texts = np.array([["good film"], ["bad film"], ["very good"], ["dull and bad"]] * (ROWS // 4))
    words = keras.layers.TextVectorization(max_tokens=20, output_mode="int", output_sequence_length=4)
    words.adapt(["good film", "bad film", "dull and very long"])
    layers = [words, keras.layers.Embedding(20, 3), keras.layers.GlobalMaxPooling1D(), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((1,), dtype="string", name="text"), *layers], name="texts")
    return train(model, texts, draw(2))


@architecture
def build_tabular_with_feature_space() -> Built:
    import keras
    import tensorflow as tf

    seed()
    inputs = {"age": draw_ids(70, 1).astype("float32"), "job": np.array([["cook"], ["smith"], ["clerk"]] * (ROWS // 3))}
    features = {"age": keras.utils.FeatureSpace.float_normalized(), "job": "string_categorical"}
    space = keras.utils.FeatureSpace(features, output_mode="concat")
    space.adapt(tf.data.Dataset.from_tensor_slices({name: column[:, 0] for name, column in inputs.items()}).batch(4))
    answer = keras.layers.Dense(2)(space.get_encoded_features())
    return train(keras.Model(space.get_inputs(), answer, name="tabular"), inputs, draw(2))


@architecture
def build_siamese_with_custom_layers() -> Built:
    import keras

    class Distance(keras.layers.Layer):
        def __init__(self, power=1.0, **kwargs):
            super().__init__(**kwargs)
            self.power = power

        def call(self, inputs):
            left, right = inputs
            return keras.ops.abs(left - right) ** self.power

        def get_config(self):
            return super().get_config() | {"power": self.power}

    seed()
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    encoder = keras.layers.Dense(3, "tanh", name="encoder")
    answer = keras.layers.Dense(1, "sigmoid")(Distance(2.0, name="distance")([encoder(left), encoder(right)]))
    model = keras.Model([left, right], answer, name="siamese")
    return train(model, [draw(4), draw(4, seed=5)], draw(1))
