"""MNN, an inference engine for phones, which converts ONNX files to its own format first."""

from core.environments.base import ONNX_FORMATS, Environment

ENVIRONMENT = Environment(
    key="mnn",
    label="MNN 3.6",
    requirements=("MNN==3.6.1",),
    takes=ONNX_FORMATS,
    script="onnx_mnn",
    megabytes=116,
    good_for="ONNX files on phones, converted to MNN.",
)
