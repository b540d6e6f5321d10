"""Every layer class of Keras, as data: the config that builds it and the inputs that it takes; and small models of it.

`tests/oracle/test_oracle.py` fails for a class without a row here. Nothing of `core` is imported.
"""

from typing import Any, NamedTuple

import numpy as np

from tests.oracle.architectures import ROWS, Built, as_tensors


class Inner(NamedTuple):
    """A layer inside the config of another one."""

    name: str
    config: dict[str, Any]


class InputRow(NamedTuple):
    """One input: its shape without the batch, and what is drawn: "normal", "steps" (of which the last are zero, as
    padding is), "unit", "bytes", "ids" or "text"."""

    shape: tuple[int, ...]
    draw: str = "normal"

    @property
    def dtype(self) -> str:
        return {"text": "string", "ids": "int32"}.get(self.draw, "float32")


class LayerRow(NamedTuple):
    """How one layer class is built. `call` says how it takes several inputs: as a "list" or as "arguments".

    `is_cell`: it cannot stand alone and is put into an RNN. `after` is the layer that makes one vector a row of it.
    """

    config: dict[str, Any]
    inputs: tuple[InputRow, ...]
    call: str = "list"
    is_cell: bool = False
    after: str = "Flatten"


VECTOR, SEQUENCE, IMAGE = InputRow((4,)), InputRow((6, 3)), InputRow((8, 8, 3), "bytes")
UNIT_IMAGE, VOLUME = InputRow((8, 8, 3), "unit"), InputRow((4, 4, 4, 2))
FRAMES, TEXT, IDS, SOUND = InputRow((3, 6, 2)), InputRow((1,), "text"), InputRow((5,), "ids"), InputRow((64,))
WORDS = ["ant", "bee", "cat", "dog"]
CONV = {"filters": 2, "kernel_size": 3, "bias_initializer": "random_normal"}
POOL = {"pool_size": 2}


def _each(names: str, config: dict[str, Any], *inputs: InputRow, call: str = "list") -> dict[str, LayerRow]:
    return {name: LayerRow(config, inputs, call) for name in names.split()}


LAYERS: dict[str, LayerRow] = {
    **_each("Identity Flatten ELU LeakyReLU PReLU ReLU Softmax UnitNormalization BatchNormalization", {}, VECTOR),
    **_each("LayerNormalization RMSNormalization", {}, VECTOR),
    **_each("Activation", {"activation": "gelu"}, VECTOR),
    **_each("ActivityRegularization", {"l2": 0.01}, VECTOR),
    **_each("Dropout AlphaDropout GaussianDropout", {"rate": 0.3}, VECTOR),
    **_each("GaussianNoise", {"stddev": 0.3}, VECTOR),
    **_each("Dense", {"units": 3, "activation": "tanh"}, VECTOR),
    **_each("EinsumDense", {"equation": "ab,bc->ac", "output_shape": (3,), "bias_axes": "c"}, VECTOR),
    **_each("RepeatVector", {"n": 2}, VECTOR),
    **_each("Reshape", {"target_shape": (2, 2)}, VECTOR),
    **_each("Rescaling", {"scale": 0.5, "offset": 1.0}, VECTOR),
    **_each("Normalization", {"mean": [1.0, 2.0, 3.0, 4.0], "variance": [1.0, 4.0, 9.0, 0.5]}, VECTOR),
    **_each("Discretization", {"bin_boundaries": [-0.5, 0.0, 0.5], "output_mode": "multi_hot"}, VECTOR),
    **_each("SpectralNormalization", {"layer": Inner("Dense", {"units": 3})}, VECTOR),
    **_each("Add Average Maximum Minimum Multiply Concatenate Subtract", {}, VECTOR, VECTOR),
    **_each("Dot", {"axes": 1}, VECTOR, VECTOR),
    **_each("GroupNormalization", {"groups": 2}, InputRow((5, 4))),
    "Masking": LayerRow({"mask_value": 0.0}, (InputRow((6, 3), "steps"),), after="GlobalAveragePooling1D"),
    **_each("Permute", {"dims": (2, 1)}, SEQUENCE),
    **_each("TimeDistributed", {"layer": Inner("Dense", {"units": 2})}, SEQUENCE),
    **_each("Conv1D", CONV, SEQUENCE),
    **_each("Conv1DTranspose SeparableConv1D", CONV | {"padding": "same"}, SEQUENCE),
    **_each("DepthwiseConv1D", {"kernel_size": 3}, SEQUENCE),
    **_each("AveragePooling1D MaxPooling1D", POOL, SEQUENCE),
    **_each("AdaptiveAveragePooling1D AdaptiveMaxPooling1D", {"output_size": 2}, SEQUENCE),
    **_each("GlobalAveragePooling1D GlobalMaxPooling1D", {}, SEQUENCE),
    **_each("Cropping1D ZeroPadding1D UpSampling1D", {}, SEQUENCE),
    **_each("SpatialDropout1D", {"rate": 0.3}, SEQUENCE),
    **_each("LSTM GRU SimpleRNN", {"units": 3, "bias_initializer": "random_normal"}, SEQUENCE),
    **_each("RNN", {"cell": Inner("GRUCell", {"units": 3})}, SEQUENCE),
    **{
        name: LayerRow({"units": 3, "bias_initializer": "random_normal"}, (SEQUENCE,), is_cell=True)
        for name in ("LSTMCell", "GRUCell", "SimpleRNNCell")
    },
    "StackedRNNCells": LayerRow(
        {"cells": [Inner("LSTMCell", {"units": 3}), Inner("LSTMCell", {"units": 2})]}, (SEQUENCE,), is_cell=True
    ),
    **_each("Bidirectional", {"layer": Inner("GRU", {"units": 2})}, SEQUENCE),
    **_each("Attention AdditiveAttention", {}, SEQUENCE, SEQUENCE),
    **_each("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}, SEQUENCE, SEQUENCE, call="arguments"),
    **_each(
        "GroupedQueryAttention",
        {"head_dim": 3, "num_query_heads": 2, "num_key_value_heads": 1},
        SEQUENCE,
        SEQUENCE,
        call="arguments",
    ),
    **_each("Embedding ReversibleEmbedding", {"input_dim": 8, "output_dim": 3}, IDS),
    **_each("CategoryEncoding", {"num_tokens": 8, "output_mode": "multi_hot"}, IDS),
    **_each("IntegerLookup", {"vocabulary": [1, 3, 5], "output_mode": "multi_hot"}, IDS),
    **_each("Hashing", {"num_bins": 5, "output_mode": "one_hot"}, TEXT),
    **_each("HashedCrossing", {"num_bins": 5, "output_mode": "one_hot"}, InputRow((1,), "ids"), InputRow((1,), "ids")),
    **_each("StringLookup", {"vocabulary": WORDS, "output_mode": "multi_hot"}, TEXT),
    **_each("TextVectorization", {"vocabulary": WORDS, "output_mode": "multi_hot"}, TEXT),
    **_each("Conv2D", CONV, UNIT_IMAGE),
    **_each("Conv2DTranspose SeparableConv2D", CONV | {"strides": 2, "padding": "same"}, UNIT_IMAGE),
    **_each("DepthwiseConv2D", {"kernel_size": 3, "padding": "same"}, UNIT_IMAGE),
    **_each("AveragePooling2D MaxPooling2D", POOL, UNIT_IMAGE),
    **_each("AdaptiveAveragePooling2D AdaptiveMaxPooling2D", {"output_size": 2}, UNIT_IMAGE),
    **_each("GlobalAveragePooling2D GlobalMaxPooling2D Cropping2D ZeroPadding2D", {}, UNIT_IMAGE),
    **_each("UpSampling2D", {"interpolation": "bilinear"}, UNIT_IMAGE),
    **_each("SpatialDropout2D", {"rate": 0.3}, UNIT_IMAGE),
    **_each("Conv3D", CONV, VOLUME),
    **_each("Conv3DTranspose", CONV, VOLUME),
    **_each("AveragePooling3D MaxPooling3D", POOL, VOLUME),
    **_each("AdaptiveAveragePooling3D AdaptiveMaxPooling3D", {"output_size": 2}, VOLUME),
    **_each("GlobalAveragePooling3D GlobalMaxPooling3D Cropping3D ZeroPadding3D UpSampling3D", {}, VOLUME),
    **_each("SpatialDropout3D", {"rate": 0.3}, VOLUME),
    **_each("ConvLSTM1D", CONV, FRAMES),
    **_each("ConvLSTM2D", CONV, InputRow((3, 5, 5, 2))),
    **_each("ConvLSTM3D", CONV, InputRow((2, 3, 3, 3, 2))),
    **_each("Resizing CenterCrop", {"height": 4, "width": 6}, IMAGE),
    **_each("AutoContrast Equalization Solarization ContrastLimitedAdaptiveHistogramEqualization", {}, IMAGE),
    **_each("AugMix CutMix MixUp RandAugment RandomColorJitter RandomElasticTransform RandomErasing", {}, IMAGE),
    **_each("RandomFlip RandomGaussianBlur RandomGrayscale RandomInvert RandomPerspective RandomShear", {}, IMAGE),
    **_each("RandomBrightness RandomContrast RandomRotation RandomSharpness", {"factor": 0.2}, IMAGE),
    **_each("RandomColorDegeneration RandomHue RandomSaturation", {"factor": 0.2}, IMAGE),
    **_each("RandomPosterization", {"factor": 4}, IMAGE),
    **_each("RandomTranslation", {"height_factor": 0.2, "width_factor": 0.2}, IMAGE),
    **_each("RandomZoom", {"height_factor": 0.2}, IMAGE),
    **_each(
        "Pipeline",
        {"layers": [Inner("Rescaling", {"scale": 0.1}), Inner("CenterCrop", {"height": 4, "width": 4})]},
        IMAGE,
    ),
    **_each(
        "MelSpectrogram",
        {"num_mel_bins": 4, "sampling_rate": 64, "sequence_stride": 8, "fft_length": 16, "min_freq": 1},
        SOUND,
    ),
    **_each("STFTSpectrogram", {"frame_length": 16, "frame_step": 8, "fft_length": 16}, InputRow((64, 1))),
}

# Classes that cannot be built from a config, or cannot stand between Input and Dense, with the reason.
LEFT_OUT = {
    "FlaxLayer": "holds a module of Flax, which is not installed",
    "InputLayer": "is what Input makes",
    "JaxLayer": "holds a function of JAX, which is not installed",
    "Lambda": "holds Python code, and no config rebuilds it in safe mode",
    "Layer": "is what all others inherit from",
    "MaxNumBoundingBoxes": "takes a dictionary of boxes and gives one",
    "RandomCrop": "raises in model.predict itself, in Keras 3.15.1",
    "TFSMLayer": "holds the path of a SavedModel",
    "TorchModuleWrapper": "holds a module of PyTorch",
    "Wrapper": "is what wrappers inherit from, and has no call of its own",
}


def layer_classes() -> dict[str, type]:
    """Every layer class of the installed Keras, by its own name: aliases are one class."""
    import keras

    exported = (getattr(keras.layers, name) for name in dir(keras.layers))
    return {each.__name__: each for each in exported if isinstance(each, type) and issubclass(each, keras.Layer)}


def build_layer_model(name: str, nested: bool = False):
    """The layer between Input and Dense, compiled and trained one step; `nested`: inside a model of its own."""
    import keras

    keras.utils.set_random_seed(7)
    row = LAYERS[name]
    inputs = _keras_inputs(row)
    if nested:
        inner = _keras_inputs(row)
        features = keras.Model(_one_or_all(inner), _apply_layer(name, inner), name="inner")(_one_or_all(inputs))
    else:
        features = _apply_layer(name, inputs)
    model = keras.Model(_one_or_all(inputs), keras.layers.Dense(2, name="head")(features), name="whole")
    model.compile(keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError(), run_eagerly=True)
    model.train_on_batch(as_tensors(_one_or_all([*draw_inputs(name).values()])), np.ones((ROWS, 2), "float32"))
    return model


def build_layer_case(name: str, nested: bool = False) -> Built:
    """The same with its inputs and targets."""
    model = build_layer_model(name, nested)
    return Built(model, _one_or_all([*draw_inputs(name).values()]), np.ones((ROWS, 2), "float32"))


def draw_inputs(name: str) -> dict[str, np.ndarray]:
    """Rows for the inputs of a layer's model, by name, the same at every call."""
    random = np.random.default_rng(5)
    return {f"in_{at}": draw_rows(random, each) for at, each in enumerate(LAYERS[name].inputs)}


def draw_rows(random: np.random.Generator, row: InputRow) -> np.ndarray:
    """Rows for one input."""
    shape = (ROWS, *row.shape)
    if row.draw == "text":
        return random.choice([*WORDS, "eel", "bee cat"], shape)
    if row.draw == "ids":
        return random.integers(0, 8, shape).astype("int32")
    if row.draw in ("normal", "steps"):
        values = random.normal(size=shape).astype("float32")
        values[: ROWS // 2, -2:] *= float(row.draw == "normal")
        return values
    return (random.random(shape) * (255 if row.draw == "bytes" else 1)).astype("float32")


def _keras_inputs(row: LayerRow) -> list[Any]:
    import keras

    return [keras.Input(each.shape, dtype=each.dtype, name=f"in_{at}") for at, each in enumerate(row.inputs)]


def _one_or_all(items: list[Any]) -> Any:
    return items if len(items) > 1 else items[0]


def _apply_layer(name: str, inputs: list[Any]) -> Any:
    import keras

    row = LAYERS[name]
    layer = make_layer(name, row.config)
    layer = keras.layers.RNN(layer) if row.is_cell else layer
    answer = layer(*inputs) if row.call == "arguments" else layer(_one_or_all(inputs))
    return answer if len(answer.shape) == 2 else getattr(keras.layers, row.after)()(answer)


def make_layer(name: str, config: dict[str, Any]) -> Any:
    """The layer of a class with a config as the rows have it."""
    return _make(Inner(name, config))


def _make(part: Any) -> Any:
    """The layer that a row describes, with those inside of its config."""
    if isinstance(part, list):
        return [_make(each) for each in part]
    if not isinstance(part, Inner):
        return part
    return layer_classes()[part.name](**{key: _make(value) for key, value in part.config.items()})
