"""ONNX in ONNX Runtime with graph optimisation off: the file's own operations, one by one."""

from onnx_onnxruntime import DISTRIBUTIONS, MODULES, open_session

__all__ = ["DISTRIBUTIONS", "MODULES", "load"]


def load(kit):
    return open_session(kit, "ORT_DISABLE_ALL")
