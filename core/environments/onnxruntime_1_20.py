"""ONNX Runtime of November 2024, as a server that is not updated may have it."""

from core.environments.base import ONNX_FORMATS, Environment

ENVIRONMENT = Environment(
    key="onnxruntime-1.20",
    label="ONNX Runtime 1.20",
    requirements=("onnxruntime==1.20.1", "numpy==2.2.6"),
    takes=ONNX_FORMATS,
    script="onnx_onnxruntime",
    megabytes=133,
    good_for="ONNX files on servers with an older ONNX Runtime.",
    lock="onnxruntime_1_20",
)
