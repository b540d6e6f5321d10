"""ONNX in ONNX Runtime, as it optimises graphs by default."""

from kit_files import find_file

MODULES = ("numpy", "onnxruntime")
DISTRIBUTIONS = ("onnxruntime",)


def load(kit):
    return open_session(kit)


def open_session(kit, level=None):
    """Return the prediction of a session, with this level of graph optimisation where one is given."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if level:
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    path = str(find_file(kit, ".onnx"))
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))
