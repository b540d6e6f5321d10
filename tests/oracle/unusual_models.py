"""Models of unusual types of numbers and text, small, for the long run. Nothing of `core` is imported."""

import numpy as np

from tests.oracle.architectures import ROWS, Builder, Built, draw, draw_ids, seed, train

LARGE = 2**32 + 17  # no int32 holds it
UNUSUAL: dict[str, Builder] = {}


def unusual(builder: Builder) -> Builder:
    """Make the decorated function a row of `UNUSUAL`."""
    UNUSUAL[builder.__name__.removeprefix("build_")] = builder
    return builder


def draw_bytes(*shape: int, kind: str = "uint8") -> np.ndarray:
    known = np.iinfo(kind)
    return np.random.default_rng(3).integers(known.min, known.max + 1, (ROWS, *shape)).astype(kind)


@unusual
def build_video_of_bytes() -> Built:
    import keras

    seed()
    kinds = keras.layers
    frames = keras.Input((3, 6, 6, 2), dtype="uint8", name="frames")
    features = kinds.TimeDistributed(kinds.Conv2D(2, 3, activation="relu"))(kinds.Rescaling(1 / 255)(frames))
    features = kinds.GlobalAveragePooling3D()(kinds.Conv3D(3, 2)(features))
    return train(keras.Model(frames, kinds.Dense(2)(features), name="video"), draw_bytes(3, 6, 6, 2), draw(2))


@unusual
def build_answer_of_text() -> Built:
    import keras

    seed()
    row = keras.Input((4,), name="row")
    scores = keras.layers.Dense(3, name="scores")(row)
    words = keras.layers.StringLookup(vocabulary=["chat", "été", ""], num_oov_indices=0, invert=True, name="word")
    answers = {"scores": scores, "word": words(keras.ops.argmax(scores, axis=-1))}
    return Built(keras.Model(row, answers, name="labels"), draw(4), None)


@unusual
def build_channels_first() -> Built:
    import keras

    seed()
    kinds, first = keras.layers, {"data_format": "channels_first"}
    picture = keras.Input((2, 8, 8), name="picture")
    features = kinds.Conv2D(3, 3, activation="relu", padding="same", **first)(picture)
    features = kinds.BatchNormalization(axis=1)(kinds.MaxPooling2D(2, **first)(features))
    features = kinds.DepthwiseConv2D(3, **first)(kinds.UpSampling2D(2, **first)(features))
    features = kinds.GlobalAveragePooling2D(**first)(features)
    return train(keras.Model(picture, kinds.Dense(2)(features), name="first"), draw(2, 8, 8), draw(2))


def build_in_type(policy: str) -> Built:
    import keras

    seed()
    kinds, typed = keras.layers, {"dtype": policy}
    row = keras.Input((6,), dtype=policy, name="row")
    features = kinds.LayerNormalization(**typed)(kinds.Dense(5, "gelu", **typed)(row))
    model = keras.Model(row, kinds.Dense(2, "softmax", name="kind", **typed)(features), name=policy)
    return train(model, draw(6).astype(model.inputs[0].dtype), draw(2), keras.optimizers.SGD(0.01))


@unusual
def build_half_precision() -> Built:
    return build_in_type("float16")


@unusual
def build_brain_floats() -> Built:
    return build_in_type("bfloat16")


@unusual
def build_large_ids() -> Built:
    """Whole numbers above 2**32: looked up, hashed, and answered."""
    import keras

    seed()
    kinds = keras.layers
    ids = keras.Input((3,), dtype="int64", name="ids")
    known = kinds.IntegerLookup(vocabulary=[LARGE, LARGE + 1, 5 * LARGE], dtype="int64", name="known")(ids)
    hashed = kinds.Hashing(7, name="hashed")(ids)
    features = kinds.Concatenate()([kinds.Embedding(5, 2)(known), kinds.Embedding(7, 2)(hashed)])
    answers = {"score": kinds.Dense(2, name="score")(kinds.Flatten()(features)), "next": ids + 1}
    return Built(keras.Model(ids, answers, name="large_ids"), LARGE * draw_ids(6, 3).astype("int64"), None)


@unusual
def build_large_ids_divided() -> Built:
    """Whole numbers above 2**32, which only a remainder makes small, without any table."""
    import keras

    seed()
    ids = keras.Input((3,), dtype="int64", name="ids")
    features = keras.layers.Embedding(7, 2)(keras.ops.mod(ids, 7))
    model = keras.Model(ids, {"score": keras.layers.Flatten()(features), "twice": ids * 2}, name="remainders")
    return Built(model, LARGE * draw_ids(900, 3).astype("int64"), None)


@unusual
def build_signed_bytes_and_switches() -> Built:
    import keras

    seed()
    level, on = keras.Input((4,), dtype="int8", name="level"), keras.Input((4,), dtype="bool", name="on")
    chosen = keras.ops.where(on, keras.ops.cast(level, "float32") / 64, -1.0)
    answers = {"score": keras.layers.Dense(2, name="score")(chosen), "any": keras.ops.any(on, axis=-1)}
    inputs = {"level": draw_bytes(4, kind="int8"), "on": draw(4) > 0}
    return Built(keras.Model({"level": level, "on": on}, answers, name="switches"), inputs, None)


@unusual
def build_picture_of_bytes_out() -> Built:
    """Bytes in, bytes out, as a filter of pictures has them."""
    import keras

    seed()
    picture = keras.Input((8, 8, 3), dtype="uint8", name="picture")
    features = keras.layers.Conv2D(3, 3, padding="same")(keras.layers.Rescaling(1 / 127.5, -1)(picture))
    answer = keras.ops.cast(keras.ops.clip(keras.ops.round(features * 127 + 128), 0, 255), "uint8")
    return Built(keras.Model(picture, answer, name="filter"), draw_bytes(8, 8, 3), None)


@unusual
def build_spectrum() -> Built:
    """Complex numbers inside, by tf.signal in a layer of one's own."""
    import keras
    import tensorflow as tf

    @keras.saving.register_keras_serializable("oracle")
    class Spectrum(keras.layers.Layer):
        def call(self, inputs):
            return tf.abs(tf.signal.stft(inputs, 16, 8, fft_length=16))

        def compute_output_shape(self, shape):
            return (shape[0], 7, 9)

    seed()
    sound = keras.Input((64,), name="sound")
    features = keras.layers.GlobalAveragePooling1D()(Spectrum(name="spectrum")(sound))
    return train(keras.Model(sound, keras.layers.Dense(2)(features), name="sounds"), draw(64), draw(2))


@unusual
def build_complex_answer() -> Built:
    import keras
    import tensorflow as tf

    @keras.saving.register_keras_serializable("oracle")
    class Fourier(keras.layers.Layer):
        def call(self, inputs):
            return tf.signal.rfft(inputs)

        def compute_output_spec(self, inputs):
            return keras.KerasTensor((inputs.shape[0], 5), "complex64")

    seed()
    row = keras.Input((8,), name="row")
    return Built(keras.Model(row, Fourier(name="fourier")(keras.layers.Dense(8)(row)), name="fourier"), draw(8), None)


@unusual
def build_texts_of_other_codes() -> Built:
    """Texts with an empty one, an emoji and whole sentences, by characters."""
    import keras

    seed()
    texts = np.array([["été"], [""], ["a😀b"], ["zoë ate"]] * (ROWS // 4))
    letters = keras.layers.TextVectorization(split="character", standardize=None, output_sequence_length=4)
    letters.adapt(["été", "a😀b", "zoë"])
    layers = [letters, keras.layers.Embedding(12, 2), keras.layers.Flatten()]
    return Built(
        keras.Sequential([keras.Input((1,), dtype="string", name="text"), *layers], name="letters"), texts, None
    )
