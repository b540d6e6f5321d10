"""OpenVINO, which reads ONNX files as they are, and its own."""

from core.environments.base import ONNX_FORMATS, OPENVINO_FORMATS, Environment

ENVIRONMENT = Environment(
    key="openvino",
    label="OpenVINO 2026.4",
    requirements=("openvino==2026.4.1",),
    takes=ONNX_FORMATS | OPENVINO_FORMATS,
    script="openvino_any",
    megabytes=240,
    good_for="ONNX files on Intel processors, without a conversion.",
)
