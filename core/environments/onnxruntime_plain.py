"""ONNX Runtime with graph optimisation off: what the file itself says, operation by operation."""

from core.environments.base import ONNX_FORMATS, Environment

ENVIRONMENT = Environment(
    key="onnxruntime-plain",
    label="ONNX Runtime, graph optimisation off",
    requirements=("onnxruntime==1.31.1",),
    takes=ONNX_FORMATS,
    script="onnx_onnxruntime_plain",
    megabytes=125,
    good_for="Whether a difference comes from the file or from the optimiser.",
    lock="onnxruntime",
)
