"""What every demo must give in every format. A pair without a row here fails the test of the contract."""

from typing import NamedTuple

from core.compare import Verdict

BIT = Verdict.BIT_IDENTICAL
CLOSE = Verdict.ROUNDING  # or better: another runtime may round as TensorFlow does
CHANGED = Verdict.SOME_CHANGED  # or better, or worse, as `changed_at_most` says
SOME = Verdict.SOME_CHANGED
DIFFERENT = Verdict.DIFFERENT
NO_LOAD = Verdict.DOES_NOT_LOAD

KERAS_ONLY = "Takes Keras models only; this is a plain tf.Module, with no Keras layers or config to write."
WEIGHTS_ALONE = "These are weights alone: numbers without the layers that use them."
VALUES_ALONE = "A checkpoint holds values of variables, and no layers or graph to put them into."
NO_CLASS = "This process does not know the custom class 'Scale'."
NO_LAYER = "This process does not know the custom layer 'Scale'."

NO_MODEL_CLASS = "This process does not know the custom class 'DigitReader'."
NO_MODEL_LAYER = "This process does not know the custom layer 'DigitReader'."
LAYERS_BY_CALL = "The file holds weights of 2 layers, and the model has 0."
UNTRACKED = "A function of the model uses a variable that does not belong to the model."
NO_VOCABULARY = "A vocabulary was lost on the way: its lookup table is empty."
BARE_LOSS = "The file names its loss or metric 'keras.metrics.mse' as a bare string, which this Keras cannot read back."

# Converters, and the runtimes that read what they wrote.
NAMED_ALONE = "These are weights alone: numbers by name, without the layers that use them."
NO_KERAS_INT = "Keras can quantise no layer of this model, so the copy would be the model itself."
NO_HALF_INT = "Keras does not quantise a model that computes in float16."
NO_LITERT_INT = "Nothing in this model could be quantised, so the file would be the plain LiteRT file."
FLEX_MATMUL = "The file needs an operation of TensorFlow itself (FlexMatMul), which the LiteRT runtime does not have."
NO_LOOP_RANGES = "The quantizer cannot measure the ranges of a model that has loops, such as those of recurrent layers."
NO_TABLE = "The model looks words up in a table, and a graph of constants cannot hold one."
NO_TEXT_RANGES = "The quantizer cannot measure the ranges of a model that handles text."
NO_NGRAMS = "LiteRT has no operation for 'StringNGrams'."
NO_OV_LOOKUP = "OpenVINO has no operation for LookupTableFindV2."
NO_OV_TABLE = "OpenVINO cannot hold the lookup table of this model."
NO_OV_LIST = "OpenVINO has no operation for TensorList."
NO_INT_SUBLAYERS = "The file holds 0 of the 2 arrays that the layer 'dense' asks for."
LOCAL_CLASS = (
    "Python pickles a class by the place where it is imported from, and 'classes.<locals>.DigitReader' is made inside "
    "a function."
)


class ExpectedSave(NamedTuple):
    """The verdicts of the two reloads; `reason` and `with_reason` are the sentences of those that do not load.

    `weights_found` is None where as many come back as the format claims; `breaks` names the parts that the format
    claims to keep and does not keep of this demo. `changed_at_most` is the share of rows whose answers may change where
    numbers are kept in fewer bits: how many do depends on the processor too.
    """

    without_code: Verdict
    with_code: Verdict
    reason: str = ""
    optimizer_found: int = 0
    optimizer_of: int = 10
    with_reason: str = ""
    weights_found: int | None = None
    breaks: frozenset[str] = frozenset()
    changed_at_most: float | None = None


# Formats whose weights cannot be read back bit for bit, and those that have no place for an optimizer.
HIDES_WEIGHTS = {"litert", "litert_float16", "litert_dynamic", "litert_int8", "openvino", "openvino_fp16"}
HIDES_WEIGHTS |= {"litert_int4", "litert_fixed", "openvino_int8", "stablehlo"}
ONNX_FORMS = {"onnx", "onnx_external", "onnx_float16", "onnx_int8_dynamic", "onnx_int8"}
HIDES_OPTIMIZER = HIDES_WEIGHTS | ONNX_FORMS | {"frozen_graph"}

FEW, MANY, ALL = 0.05, 0.75, 1.0  # shares of rows


class ExpectedRefusal(NamedTuple):
    """The sentence with which the format refuses the model."""

    reason: str


# (demo, format): the step, the rate and two moments for each trained variable are 10 for the two layers, 12 with Scale.
EXPECTED: dict[tuple[str, str], ExpectedSave | ExpectedRefusal] = {
    ("digits-mlp", "saved_model"): ExpectedSave(BIT, BIT, optimizer_found=10),
    ("digits-mlp", "keras_export"): ExpectedSave(BIT, BIT),
    ("digits-mlp", "keras"): ExpectedSave(BIT, BIT, optimizer_found=10),
    ("digits-mlp", "h5"): ExpectedSave(BIT, BIT, optimizer_found=2),
    ("digits-mlp", "weights"): ExpectedSave(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=10),
    # The learning rate is part of the compile settings that stand in the JSON.
    ("digits-mlp", "architecture"): ExpectedSave(DIFFERENT, DIFFERENT, optimizer_found=1),
    ("digits-mlp", "checkpoint"): ExpectedSave(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=10),
    ("digits-core", "saved_model"): ExpectedSave(BIT, BIT, optimizer_found=10),
    ("digits-core", "keras_export"): ExpectedRefusal(KERAS_ONLY),
    ("digits-core", "keras"): ExpectedRefusal(KERAS_ONLY),
    ("digits-core", "h5"): ExpectedRefusal(KERAS_ONLY),
    ("digits-core", "weights"): ExpectedRefusal(KERAS_ONLY),
    ("digits-core", "architecture"): ExpectedRefusal(KERAS_ONLY),
    ("digits-core", "checkpoint"): ExpectedSave(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=10),
    ("digits-custom", "saved_model"): ExpectedSave(BIT, BIT, optimizer_found=12, optimizer_of=12),
    ("digits-custom", "keras_export"): ExpectedSave(BIT, BIT, optimizer_of=12),
    ("digits-custom", "keras"): ExpectedSave(NO_LOAD, BIT, NO_CLASS, optimizer_found=12, optimizer_of=12),
    ("digits-custom", "h5"): ExpectedSave(NO_LOAD, BIT, NO_LAYER, optimizer_found=2, optimizer_of=12),
    ("digits-custom", "weights"): ExpectedSave(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=12, optimizer_of=12),
    ("digits-custom", "architecture"): ExpectedSave(NO_LOAD, DIFFERENT, NO_CLASS, optimizer_found=1, optimizer_of=12),
    ("digits-custom", "checkpoint"): ExpectedSave(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=12, optimizer_of=12),
    # The random layer's seed belongs to no tracked object; and the exported graph answers in training mode: its answers
    # are random, and each call moves the two statistics of BatchNormalization.
    ("digits-cnn", "saved_model"): ExpectedRefusal(UNTRACKED),
    ("digits-cnn", "keras_export"): ExpectedSave(SOME, SOME, optimizer_of=20),
    ("digits-cnn", "keras"): ExpectedSave(BIT, BIT, optimizer_found=20, optimizer_of=20),
    ("digits-cnn", "h5"): ExpectedSave(BIT, BIT, optimizer_found=2, optimizer_of=20),
    ("digits-cnn", "weights"): ExpectedSave(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=20, optimizer_of=20),
    ("digits-cnn", "architecture"): ExpectedSave(DIFFERENT, DIFFERENT, optimizer_found=1, optimizer_of=20),
    ("digits-cnn", "checkpoint"): ExpectedSave(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=20, optimizer_of=20),
    ("digits-denoiser", "saved_model"): ExpectedSave(BIT, BIT, optimizer_found=14, optimizer_of=14),
    ("digits-denoiser", "keras_export"): ExpectedSave(BIT, BIT, optimizer_of=14),
    ("digits-denoiser", "keras"): ExpectedSave(BIT, BIT, optimizer_found=14, optimizer_of=14),
    ("digits-denoiser", "h5"): ExpectedSave(BIT, BIT, optimizer_found=2, optimizer_of=14),
    ("digits-denoiser", "weights"): ExpectedSave(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=14, optimizer_of=14),
    ("digits-denoiser", "architecture"): ExpectedSave(DIFFERENT, DIFFERENT, optimizer_found=1, optimizer_of=14),
    ("digits-denoiser", "checkpoint"): ExpectedSave(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=14, optimizer_of=14),
    ("digits-mixed", "saved_model"): ExpectedSave(BIT, BIT, optimizer_found=14, optimizer_of=14),
    ("digits-mixed", "keras_export"): ExpectedSave(BIT, BIT, optimizer_of=14),
    ("digits-mixed", "keras"): ExpectedSave(BIT, BIT, optimizer_found=14, optimizer_of=14),
    ("digits-mixed", "h5"): ExpectedSave(BIT, BIT, optimizer_found=5, optimizer_of=14),
    ("digits-mixed", "weights"): ExpectedSave(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=14, optimizer_of=14),
    ("digits-mixed", "architecture"): ExpectedSave(DIFFERENT, DIFFERENT, optimizer_found=2, optimizer_of=14),
    ("digits-mixed", "checkpoint"): ExpectedSave(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=14, optimizer_of=14),
    ("digits-subclassed", "saved_model"): ExpectedSave(BIT, BIT, optimizer_found=10),
    ("digits-subclassed", "keras_export"): ExpectedSave(BIT, BIT),
    ("digits-subclassed", "keras"): ExpectedSave(NO_LOAD, BIT, NO_MODEL_CLASS, optimizer_found=10),
    ("digits-subclassed", "h5"): ExpectedSave(NO_LOAD, NO_LOAD, NO_MODEL_LAYER, with_reason=LAYERS_BY_CALL),
    ("digits-subclassed", "weights"): ExpectedSave(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=10),
    ("digits-subclassed", "architecture"): ExpectedSave(NO_LOAD, DIFFERENT, NO_MODEL_CLASS, optimizer_found=1),
    ("digits-subclassed", "checkpoint"): ExpectedSave(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=10),
    # tf.saved_model.save names the six inputs inputs, inputs_1, ...; Keras' export keeps their names. In a graph, the
    # six numbers of two Normalization layers are constants.
    ("tips", "saved_model"): ExpectedSave(BIT, BIT, optimizer_found=10, weights_found=4, breaks=frozenset({"weights"})),
    ("tips", "keras_export"): ExpectedSave(BIT, BIT, weights_found=4, breaks=frozenset({"weights"})),
    ("tips", "keras"): ExpectedSave(BIT, BIT, optimizer_found=10),
    ("tips", "h5"): ExpectedSave(NO_LOAD, NO_LOAD, NO_VOCABULARY, with_reason=NO_VOCABULARY),
    ("tips", "weights"): ExpectedSave(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=10),
    ("tips", "architecture"): ExpectedSave(NO_LOAD, NO_LOAD, NO_VOCABULARY, with_reason=NO_VOCABULARY),
    ("tips", "checkpoint"): ExpectedSave(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=10),
    ("names", "saved_model"): ExpectedSave(BIT, BIT, optimizer_found=10),
    ("names", "keras_export"): ExpectedSave(BIT, BIT),
    ("names", "keras"): ExpectedSave(BIT, BIT, optimizer_found=10),
    ("names", "h5"): ExpectedSave(NO_LOAD, NO_LOAD, NO_VOCABULARY, with_reason=NO_VOCABULARY),
    ("names", "weights"): ExpectedSave(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=10),
    ("names", "architecture"): ExpectedSave(NO_LOAD, NO_LOAD, NO_VOCABULARY, with_reason=NO_VOCABULARY),
    ("names", "checkpoint"): ExpectedSave(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=10),
    ("two-in-two-out", "saved_model"): ExpectedSave(
        BIT, BIT, optimizer_found=18, optimizer_of=18, weights_found=8, breaks=frozenset({"weights"})
    ),
    ("two-in-two-out", "keras_export"): ExpectedSave(
        BIT, BIT, optimizer_of=18, weights_found=8, breaks=frozenset({"weights"})
    ),
    ("two-in-two-out", "keras"): ExpectedSave(BIT, BIT, optimizer_found=18, optimizer_of=18),
    ("two-in-two-out", "h5"): ExpectedSave(BIT, BIT, optimizer_found=2, optimizer_of=18),
    ("two-in-two-out", "weights"): ExpectedSave(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=18, optimizer_of=18),
    # What counts the rows that were seen is zero before and after: two weights are found that nobody kept.
    ("two-in-two-out", "architecture"): ExpectedSave(
        DIFFERENT, DIFFERENT, optimizer_found=1, optimizer_of=18, weights_found=2
    ),
    ("two-in-two-out", "checkpoint"): ExpectedSave(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=18, optimizer_of=18),
    ("stocks-lstm", "saved_model"): ExpectedSave(BIT, BIT, optimizer_found=12, optimizer_of=12),
    ("stocks-lstm", "keras_export"): ExpectedSave(BIT, BIT, optimizer_of=12),
    ("stocks-lstm", "keras"): ExpectedSave(BIT, BIT, optimizer_found=12, optimizer_of=12),
    ("stocks-lstm", "h5"): ExpectedSave(NO_LOAD, NO_LOAD, BARE_LOSS, with_reason=BARE_LOSS),
    ("stocks-lstm", "weights"): ExpectedSave(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=12, optimizer_of=12),
    ("stocks-lstm", "architecture"): ExpectedSave(DIFFERENT, DIFFERENT, optimizer_found=1, optimizer_of=12),
    ("stocks-lstm", "checkpoint"): ExpectedSave(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=12, optimizer_of=12),
    # Converters. Integer and half-precision copies may change some answers; the others differ by rounding only.
    ("digits-mlp", "keras_dir"): ExpectedSave(BIT, BIT, optimizer_found=10),
    ("digits-mlp", "weights_sharded"): ExpectedSave(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=10),
    ("digits-mlp", "safetensors"): ExpectedSave(NO_LOAD, BIT, NAMED_ALONE, optimizer_found=1),
    ("digits-mlp", "keras_int8"): ExpectedSave(CHANGED, CHANGED, weights_found=2, changed_at_most=FEW),
    ("digits-mlp", "keras_int4"): ExpectedSave(CHANGED, CHANGED, weights_found=2, changed_at_most=FEW),
    ("digits-mlp", "frozen_graph"): ExpectedSave(CLOSE, CLOSE),
    ("digits-mlp", "onnx"): ExpectedSave(CLOSE, CLOSE, weights_found=4),
    ("digits-mlp", "litert"): ExpectedSave(CLOSE, CLOSE),
    ("digits-mlp", "litert_float16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-mlp", "litert_dynamic"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-mlp", "litert_int8"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-mlp", "openvino"): ExpectedSave(CLOSE, CLOSE),
    ("digits-mlp", "openvino_fp16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-mlp", "pickle"): ExpectedSave(BIT, BIT, optimizer_found=10),
    ("digits-core", "keras_dir"): ExpectedRefusal(KERAS_ONLY),
    ("digits-core", "weights_sharded"): ExpectedRefusal(KERAS_ONLY),
    ("digits-core", "safetensors"): ExpectedSave(NO_LOAD, BIT, NAMED_ALONE, optimizer_found=1),
    ("digits-core", "keras_int8"): ExpectedRefusal(KERAS_ONLY),
    ("digits-core", "keras_int4"): ExpectedRefusal(KERAS_ONLY),
    ("digits-core", "frozen_graph"): ExpectedSave(CLOSE, CLOSE),
    ("digits-core", "onnx"): ExpectedSave(CLOSE, CLOSE, weights_found=4),
    ("digits-core", "litert"): ExpectedSave(CLOSE, CLOSE),
    ("digits-core", "litert_float16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-core", "litert_dynamic"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-core", "litert_int8"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-core", "openvino"): ExpectedSave(CLOSE, CLOSE),
    ("digits-core", "openvino_fp16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-core", "pickle"): ExpectedRefusal(KERAS_ONLY),
    ("digits-custom", "keras_dir"): ExpectedSave(NO_LOAD, BIT, NO_CLASS, optimizer_found=12, optimizer_of=12),
    ("digits-custom", "weights_sharded"): ExpectedSave(
        NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=12, optimizer_of=12
    ),
    ("digits-custom", "safetensors"): ExpectedSave(NO_LOAD, BIT, NAMED_ALONE, optimizer_found=1, optimizer_of=12),
    ("digits-custom", "keras_int8"): ExpectedSave(
        NO_LOAD, CHANGED, NO_CLASS, optimizer_of=12, weights_found=3, changed_at_most=FEW
    ),
    ("digits-custom", "keras_int4"): ExpectedSave(
        NO_LOAD, CHANGED, NO_CLASS, optimizer_of=12, weights_found=3, changed_at_most=FEW
    ),
    ("digits-custom", "frozen_graph"): ExpectedSave(CLOSE, CLOSE),
    ("digits-custom", "onnx"): ExpectedSave(CLOSE, CLOSE, weights_found=5),
    ("digits-custom", "litert"): ExpectedSave(CLOSE, CLOSE),
    ("digits-custom", "litert_float16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-custom", "litert_dynamic"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-custom", "litert_int8"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-custom", "openvino"): ExpectedSave(CLOSE, CLOSE),
    ("digits-custom", "openvino_fp16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-custom", "pickle"): ExpectedSave(NO_LOAD, BIT, NO_CLASS, optimizer_found=12, optimizer_of=12),
    ("digits-cnn", "keras_dir"): ExpectedSave(BIT, BIT, optimizer_found=20, optimizer_of=20),
    ("digits-cnn", "weights_sharded"): ExpectedSave(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=20, optimizer_of=20),
    ("digits-cnn", "safetensors"): ExpectedSave(NO_LOAD, BIT, NAMED_ALONE, optimizer_found=1, optimizer_of=20),
    ("digits-cnn", "keras_int8"): ExpectedSave(CHANGED, CHANGED, optimizer_of=20, weights_found=9, changed_at_most=FEW),
    ("digits-cnn", "keras_int4"): ExpectedSave(CHANGED, CHANGED, optimizer_of=20, weights_found=9, changed_at_most=FEW),
    ("digits-cnn", "frozen_graph"): ExpectedSave(CLOSE, CLOSE),
    ("digits-cnn", "onnx"): ExpectedSave(CLOSE, CLOSE, weights_found=5),
    ("digits-cnn", "litert"): ExpectedSave(CLOSE, CLOSE),
    ("digits-cnn", "litert_float16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-cnn", "litert_dynamic"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-cnn", "litert_int8"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-cnn", "openvino"): ExpectedSave(CLOSE, CLOSE),
    ("digits-cnn", "openvino_fp16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-cnn", "pickle"): ExpectedSave(BIT, BIT, optimizer_found=20, optimizer_of=20),
    ("digits-denoiser", "keras_dir"): ExpectedSave(BIT, BIT, optimizer_found=14, optimizer_of=14),
    ("digits-denoiser", "weights_sharded"): ExpectedSave(
        NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=14, optimizer_of=14
    ),
    ("digits-denoiser", "safetensors"): ExpectedSave(NO_LOAD, BIT, NAMED_ALONE, optimizer_found=1, optimizer_of=14),
    ("digits-denoiser", "keras_int8"): ExpectedRefusal(NO_KERAS_INT),
    ("digits-denoiser", "keras_int4"): ExpectedRefusal(NO_KERAS_INT),
    ("digits-denoiser", "frozen_graph"): ExpectedSave(CLOSE, CLOSE),
    ("digits-denoiser", "onnx"): ExpectedSave(CLOSE, CLOSE, weights_found=3),
    ("digits-denoiser", "litert"): ExpectedSave(CLOSE, CLOSE),
    ("digits-denoiser", "litert_float16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-denoiser", "litert_dynamic"): ExpectedSave(CHANGED, CHANGED, changed_at_most=ALL),
    ("digits-denoiser", "litert_int8"): ExpectedSave(CHANGED, CHANGED, changed_at_most=ALL),
    ("digits-denoiser", "openvino"): ExpectedSave(CLOSE, CLOSE),
    ("digits-denoiser", "openvino_fp16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-denoiser", "pickle"): ExpectedSave(BIT, BIT, optimizer_found=14, optimizer_of=14),
    ("digits-mixed", "keras_dir"): ExpectedSave(BIT, BIT, optimizer_found=14, optimizer_of=14),
    ("digits-mixed", "weights_sharded"): ExpectedSave(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=14, optimizer_of=14),
    ("digits-mixed", "safetensors"): ExpectedSave(NO_LOAD, BIT, NAMED_ALONE, optimizer_found=3, optimizer_of=14),
    ("digits-mixed", "keras_int8"): ExpectedRefusal(NO_HALF_INT),
    ("digits-mixed", "keras_int4"): ExpectedSave(
        CHANGED, CHANGED, optimizer_of=14, weights_found=2, changed_at_most=FEW
    ),
    ("digits-mixed", "frozen_graph"): ExpectedSave(CLOSE, CLOSE),
    ("digits-mixed", "onnx"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-mixed", "litert"): ExpectedSave(NO_LOAD, NO_LOAD, FLEX_MATMUL, with_reason=FLEX_MATMUL),
    ("digits-mixed", "litert_float16"): ExpectedRefusal(NO_LITERT_INT),
    ("digits-mixed", "litert_dynamic"): ExpectedRefusal(NO_LITERT_INT),
    ("digits-mixed", "litert_int8"): ExpectedRefusal(FLEX_MATMUL),
    ("digits-mixed", "openvino"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-mixed", "openvino_fp16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-mixed", "pickle"): ExpectedSave(
        BIT, BIT, optimizer_found=2, optimizer_of=14, breaks=frozenset({"optimizer state"})
    ),
    ("digits-subclassed", "keras_dir"): ExpectedSave(NO_LOAD, BIT, NO_MODEL_CLASS, optimizer_found=10),
    ("digits-subclassed", "weights_sharded"): ExpectedSave(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=10),
    ("digits-subclassed", "safetensors"): ExpectedSave(NO_LOAD, BIT, NAMED_ALONE, optimizer_found=1),
    ("digits-subclassed", "keras_int8"): ExpectedSave(NO_LOAD, NO_LOAD, NO_MODEL_CLASS, with_reason=NO_INT_SUBLAYERS),
    ("digits-subclassed", "keras_int4"): ExpectedSave(NO_LOAD, NO_LOAD, NO_MODEL_CLASS, with_reason=NO_INT_SUBLAYERS),
    ("digits-subclassed", "frozen_graph"): ExpectedSave(CLOSE, CLOSE),
    ("digits-subclassed", "onnx"): ExpectedSave(CLOSE, CLOSE, weights_found=4),
    ("digits-subclassed", "litert"): ExpectedSave(CLOSE, CLOSE),
    ("digits-subclassed", "litert_float16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-subclassed", "litert_dynamic"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-subclassed", "litert_int8"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-subclassed", "openvino"): ExpectedSave(CLOSE, CLOSE),
    ("digits-subclassed", "openvino_fp16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-subclassed", "pickle"): ExpectedRefusal(LOCAL_CLASS),
    ("tips", "keras_dir"): ExpectedSave(BIT, BIT, optimizer_found=10),
    ("tips", "weights_sharded"): ExpectedSave(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=10),
    ("tips", "safetensors"): ExpectedSave(NO_LOAD, BIT, NAMED_ALONE, optimizer_found=1),
    ("tips", "keras_int8"): ExpectedSave(CHANGED, CHANGED, weights_found=8, changed_at_most=MANY),
    ("tips", "keras_int4"): ExpectedSave(CHANGED, CHANGED, weights_found=8, changed_at_most=ALL),
    ("tips", "frozen_graph"): ExpectedRefusal(NO_TABLE),
    ("tips", "onnx"): ExpectedRefusal(NO_TABLE),
    ("tips", "litert"): ExpectedSave(CLOSE, CLOSE),
    ("tips", "litert_float16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("tips", "litert_dynamic"): ExpectedSave(CHANGED, CHANGED, changed_at_most=MANY),
    ("tips", "litert_int8"): ExpectedRefusal(NO_TEXT_RANGES),
    ("tips", "openvino"): ExpectedRefusal(NO_OV_LOOKUP),
    ("tips", "openvino_fp16"): ExpectedRefusal(NO_OV_LOOKUP),
    ("tips", "pickle"): ExpectedSave(BIT, BIT, optimizer_found=10),
    ("names", "keras_dir"): ExpectedSave(BIT, BIT, optimizer_found=10),
    ("names", "weights_sharded"): ExpectedSave(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=10),
    ("names", "safetensors"): ExpectedSave(NO_LOAD, BIT, NAMED_ALONE, optimizer_found=1),
    ("names", "keras_int8"): ExpectedSave(CHANGED, CHANGED, weights_found=2, changed_at_most=FEW),
    ("names", "keras_int4"): ExpectedSave(CHANGED, CHANGED, weights_found=2, changed_at_most=FEW),
    ("names", "frozen_graph"): ExpectedRefusal(NO_TABLE),
    ("names", "onnx"): ExpectedRefusal(NO_TABLE),
    ("names", "litert"): ExpectedRefusal(NO_NGRAMS),
    ("names", "litert_float16"): ExpectedRefusal(NO_NGRAMS),
    ("names", "litert_dynamic"): ExpectedRefusal(NO_NGRAMS),
    ("names", "litert_int8"): ExpectedRefusal(NO_NGRAMS),
    ("names", "openvino"): ExpectedRefusal(NO_OV_TABLE),
    ("names", "openvino_fp16"): ExpectedRefusal(NO_OV_TABLE),
    ("names", "pickle"): ExpectedSave(BIT, BIT, optimizer_found=10),
    ("two-in-two-out", "keras_dir"): ExpectedSave(BIT, BIT, optimizer_found=18, optimizer_of=18),
    ("two-in-two-out", "weights_sharded"): ExpectedSave(
        NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=18, optimizer_of=18
    ),
    ("two-in-two-out", "safetensors"): ExpectedSave(NO_LOAD, BIT, NAMED_ALONE, optimizer_found=1, optimizer_of=18),
    ("two-in-two-out", "keras_int8"): ExpectedSave(
        CHANGED, CHANGED, optimizer_of=18, weights_found=10, changed_at_most=MANY
    ),
    ("two-in-two-out", "keras_int4"): ExpectedSave(
        CHANGED, CHANGED, optimizer_of=18, weights_found=10, changed_at_most=ALL
    ),
    ("two-in-two-out", "frozen_graph"): ExpectedSave(CLOSE, CLOSE, weights_found=8, breaks=frozenset({"weights"})),
    ("two-in-two-out", "onnx"): ExpectedSave(CLOSE, CLOSE, weights_found=8),
    ("two-in-two-out", "litert"): ExpectedSave(CLOSE, CLOSE),
    ("two-in-two-out", "litert_float16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("two-in-two-out", "litert_dynamic"): ExpectedSave(CHANGED, CHANGED, changed_at_most=MANY),
    ("two-in-two-out", "litert_int8"): ExpectedSave(CHANGED, CHANGED, changed_at_most=ALL),
    ("two-in-two-out", "openvino"): ExpectedSave(CLOSE, CLOSE),
    ("two-in-two-out", "openvino_fp16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("two-in-two-out", "pickle"): ExpectedSave(BIT, BIT, optimizer_found=18, optimizer_of=18),
    ("stocks-lstm", "keras_dir"): ExpectedSave(BIT, BIT, optimizer_found=12, optimizer_of=12),
    ("stocks-lstm", "weights_sharded"): ExpectedSave(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=12, optimizer_of=12),
    ("stocks-lstm", "safetensors"): ExpectedSave(NO_LOAD, BIT, NAMED_ALONE, optimizer_found=1, optimizer_of=12),
    ("stocks-lstm", "keras_int8"): ExpectedSave(
        CHANGED, CHANGED, optimizer_of=12, weights_found=4, changed_at_most=MANY
    ),
    ("stocks-lstm", "keras_int4"): ExpectedSave(
        CHANGED, CHANGED, optimizer_of=12, weights_found=4, changed_at_most=ALL
    ),
    ("stocks-lstm", "frozen_graph"): ExpectedSave(CLOSE, CLOSE),
    ("stocks-lstm", "onnx"): ExpectedSave(CLOSE, CLOSE, weights_found=2),
    ("stocks-lstm", "litert"): ExpectedSave(CLOSE, CLOSE),
    ("stocks-lstm", "litert_float16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=ALL),
    ("stocks-lstm", "litert_dynamic"): ExpectedSave(CHANGED, CHANGED, changed_at_most=ALL),
    ("stocks-lstm", "litert_int8"): ExpectedRefusal(NO_LOOP_RANGES),
    ("stocks-lstm", "openvino"): ExpectedRefusal(NO_OV_LIST),
    ("stocks-lstm", "openvino_fp16"): ExpectedRefusal(NO_OV_LIST),
    ("stocks-lstm", "pickle"): ExpectedSave(BIT, BIT, optimizer_found=12, optimizer_of=12),
}
