"""The models whose copies are mutated: between them they have a place for every kind of mutant."""

from typing import Any

from tests.oracle.architectures import Built, build_text_classifier, draw, seed, train


def build_numbers(number: int = 0) -> Built:
    """Two inputs and two outputs of the same shape each; convolution, normalisations, activations, two losses.

    Each number gives other weights.
    """
    import keras

    seed(number)
    kinds: Any = keras.layers
    some = {"bias_initializer": "random_normal"}
    left, right = keras.Input((6,), name="left"), keras.Input((6,), name="right")
    sides = [kinds.Dense(8, "tanh", **some)(left), kinds.Dense(8, "relu", **some)(right)]
    features = kinds.Reshape((8, 1))(kinds.Subtract()(sides))
    features = kinds.Conv1D(4, 3, padding="same", activation="relu", **some)(features)
    features = kinds.LayerNormalization(epsilon=1e-3)(kinds.BatchNormalization(epsilon=1e-3)(features))
    features = kinds.Flatten()(features)
    heads = [kinds.Dense(2, name="first", **some)(features), kinds.Dense(2, name="second", **some)(features)]
    losses = [keras.losses.Huber(), keras.losses.MeanAbsoluteError()]
    inputs = [3 * draw(6), draw(6, seed=5)]
    return train(keras.Model([left, right], heads, name="numbers"), inputs, [5 * draw(2), draw(2, seed=6)], loss=losses)


def named_inputs(built: Built) -> Any:
    """Inputs by name where there are several: the order of a list is not what is tested here."""
    if not isinstance(built.inputs, list):
        return built.inputs
    return {tensor.name: array for tensor, array in zip(built.model.inputs, built.inputs, strict=True)}


def build_words(number: int = 0) -> Built:
    """A classifier of texts, with a vocabulary; each number gives other weights."""
    return build_text_classifier(number)


BASES = {"numbers": ("tests.oracle.bases", "build_numbers"), "words": ("tests.oracle.bases", "build_words")}
FEW_FORMATS = ("architecture", "keras", "weights", "saved_model", "onnx")
MORE_FORMATS = ("keras_export", "checkpoint", "safetensors", "litert", "openvino", "keras_dir", "weights_sharded")
FORMATS = {
    "numbers": (*FEW_FORMATS, *MORE_FORMATS, "frozen_graph", "h5"),
    "words": ("keras", "keras_dir", "saved_model", "keras_export"),  # a JSON file holds no vocabulary
}
