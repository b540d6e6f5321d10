"""ONNX in ONNX Runtime, as it optimises graphs by default."""

from kit_files import find_file

MODULES = ("numpy", "onnxruntime")
DISTRIBUTIONS = ("onnxruntime",)


def load(kit):
    return open_session(kit)


def describe(kit):
    """Return name, dtype and shape of what the graph of a kit takes."""
    return [describe_port(port) for port in start_session(kit).get_inputs()]


def describe_port(port):
    name = port.type.removeprefix("tensor(").removesuffix(")")
    dtype = {"float": "float32", "double": "float64", "string": "object"}.get(name, name)
    return {
        "name": port.name,
        "dtype": dtype,
        "shape": [size if isinstance(size, int) else None for size in port.shape],
    }


def open_session(kit, level=None):
    """Return the prediction of a session, with this level of graph optimisation where one is given."""
    session = start_session(kit, level)
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


def start_session(kit, level=None):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if level:
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    path = str(find_file(kit, ".onnx"))
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
