"""Core ML, Apple's engine: models are converted and looked at anywhere, and predict on macOS alone."""

from core.environments.base import Environment, require_tensorflow

ENVIRONMENT = Environment(
    key="coreml",
    label="Core ML (coremltools 9.0)",
    requirements=(*require_tensorflow("2.21.0"), "keras==3.15.1", "coremltools==9.0"),
    takes=frozenset({"saved_model"}),
    script="saved_model_coreml",
    megabytes=1499,
    good_for="Models in apps for iPhone and Mac: whether they convert, and to what. They predict on macOS alone.",
    remark="Converted in float32: coremltools computes in half precision unless it is told otherwise.",
)
