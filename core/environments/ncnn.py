"""ncnn, an inference engine for phones, with pnnx, which converts ONNX files for it."""

from core.environments.base import ONNX_FORMATS, Environment

ENVIRONMENT = Environment(
    key="ncnn",
    label="ncnn with pnnx",
    requirements=("ncnn==1.0.20261020", "pnnx==20261020", "numpy==2.4.6"),
    takes=ONNX_FORMATS,
    script="onnx_ncnn",
    megabytes=173,
    good_for="ONNX files on phones, converted to ncnn in float32.",
    leaves_out=("torch", "requests", "tqdm", "portalocker"),  # for pnnx as a module, and for models of ncnn's makers
    remark="Converted in float32: pnnx keeps numbers in half precision unless it is told otherwise (fp16=0).",
    programs=("venv/lib/python*/site-packages/pnnx/pnnx",),
)
