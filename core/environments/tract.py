"""tract, an inference engine in Rust that embedded devices and Rust services run ONNX files with."""

from core.environments.base import ONNX_FORMATS, Environment

ENVIRONMENT = Environment(
    key="tract",
    label="tract 0.23",
    requirements=("tract==0.23.9", "onnx==1.23.2"),
    takes=ONNX_FORMATS,
    script="onnx_tract",
    megabytes=118,
    good_for="ONNX files in programs written in Rust.",
)
