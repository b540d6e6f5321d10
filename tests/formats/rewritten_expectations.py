"""What every demo must give in the forms that are made from a plain file, in StableHLO and in Keras' 8-bit floats.

`tests.formats.expectations` has the other formats.
"""

from tests.formats.expectations import (
    ALL,
    CHANGED,
    CLOSE,
    FEW,
    MANY,
    NO_TABLE,
    ExpectedRefusal,
    ExpectedSave,
)

NO_ONNX_HALF_INT = "ONNX Runtime does not quantise a model that computes in float16."

# As there, by demo and format.
REWRITTEN: dict[tuple[str, str], ExpectedSave | ExpectedRefusal] = {
    ("digits-mlp", "onnx_external"): ExpectedSave(CLOSE, CLOSE, weights_found=4),
    ("digits-mlp", "onnx_float16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-mlp", "onnx_int8_dynamic"): ExpectedSave(CHANGED, CHANGED, weights_found=2, changed_at_most=FEW),
    ("digits-mlp", "onnx_int8"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-core", "onnx_external"): ExpectedSave(CLOSE, CLOSE, weights_found=4),
    ("digits-core", "onnx_float16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-core", "onnx_int8_dynamic"): ExpectedSave(CHANGED, CHANGED, weights_found=2, changed_at_most=FEW),
    ("digits-core", "onnx_int8"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-custom", "onnx_external"): ExpectedSave(CLOSE, CLOSE, weights_found=5),
    ("digits-custom", "onnx_float16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-custom", "onnx_int8_dynamic"): ExpectedSave(CHANGED, CHANGED, weights_found=3, changed_at_most=FEW),
    ("digits-custom", "onnx_int8"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-cnn", "onnx_external"): ExpectedSave(CLOSE, CLOSE, weights_found=5),
    ("digits-cnn", "onnx_float16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-cnn", "onnx_int8_dynamic"): ExpectedSave(CHANGED, CHANGED, weights_found=3, changed_at_most=FEW),
    ("digits-cnn", "onnx_int8"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-denoiser", "onnx_external"): ExpectedSave(CLOSE, CLOSE, weights_found=3),
    ("digits-denoiser", "onnx_float16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-denoiser", "onnx_int8_dynamic"): ExpectedSave(CHANGED, CHANGED, weights_found=3, changed_at_most=ALL),
    ("digits-denoiser", "onnx_int8"): ExpectedSave(CHANGED, CHANGED, changed_at_most=ALL),
    ("digits-mixed", "onnx_external"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-mixed", "onnx_float16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-mixed", "onnx_int8_dynamic"): ExpectedRefusal(NO_ONNX_HALF_INT),
    ("digits-mixed", "onnx_int8"): ExpectedRefusal(NO_ONNX_HALF_INT),
    ("digits-subclassed", "onnx_external"): ExpectedSave(CLOSE, CLOSE, weights_found=4),
    ("digits-subclassed", "onnx_float16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("digits-subclassed", "onnx_int8_dynamic"): ExpectedSave(CHANGED, CHANGED, weights_found=2, changed_at_most=FEW),
    ("digits-subclassed", "onnx_int8"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("tips", "onnx_external"): ExpectedRefusal(NO_TABLE),
    ("tips", "onnx_float16"): ExpectedRefusal(NO_TABLE),
    ("tips", "onnx_int8_dynamic"): ExpectedRefusal(NO_TABLE),
    ("tips", "onnx_int8"): ExpectedRefusal(NO_TABLE),
    ("names", "onnx_external"): ExpectedRefusal(NO_TABLE),
    ("names", "onnx_float16"): ExpectedRefusal(NO_TABLE),
    ("names", "onnx_int8_dynamic"): ExpectedRefusal(NO_TABLE),
    ("names", "onnx_int8"): ExpectedRefusal(NO_TABLE),
    ("two-in-two-out", "onnx_external"): ExpectedSave(CLOSE, CLOSE, weights_found=8),
    ("two-in-two-out", "onnx_float16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("two-in-two-out", "onnx_int8_dynamic"): ExpectedSave(CHANGED, CHANGED, weights_found=4, changed_at_most=MANY),
    ("two-in-two-out", "onnx_int8"): ExpectedSave(CHANGED, CHANGED, changed_at_most=ALL),
    ("stocks-lstm", "onnx_external"): ExpectedSave(CLOSE, CLOSE, weights_found=2),
    ("stocks-lstm", "onnx_float16"): ExpectedSave(CHANGED, CHANGED, changed_at_most=FEW),
    ("stocks-lstm", "onnx_int8_dynamic"): ExpectedSave(CHANGED, CHANGED, weights_found=1, changed_at_most=ALL),
    ("stocks-lstm", "onnx_int8"): ExpectedSave(CHANGED, CHANGED, changed_at_most=ALL),
}
