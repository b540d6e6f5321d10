"""ONNX files of real sizes that are cheap to write: sparse data beside them, or weights that the graph makes."""

from pathlib import Path

import numpy as np

from tests.factories.packaged_models import write_onnx

ROWS = 64
FIRST_COLUMNS = np.random.default_rng(0).normal(size=(ROWS, 3)).astype("float32")  # all others are zero
NUMBER_BYTES = 4


def write_wide_external_onnx(folder: Path, columns: int) -> Path:
    """A kernel of 64 rows and so many columns, of which the model uses the first three; its file has holes."""
    import onnx
    from onnx import TensorProto, helper

    folder.mkdir()
    starts, ends, axes = (np.array([number], "int64") for number in (0, 3, 1))
    nodes = [
        helper.make_node("Slice", ["kernel", "starts", "ends", "axes"], ["used"]),
        helper.make_node("MatMul", ["x", "used"], ["y"]),
    ]
    constants = {"starts": starts, "ends": ends, "axes": axes}
    path = write_onnx(folder / "model.onnx", nodes, {"x": ["batch", ROWS]}, {"y": ["batch", 3]}, constants)
    model = onnx.load(path)
    kernel = TensorProto(name="kernel", data_type=TensorProto.FLOAT, dims=[ROWS, columns])
    kernel.data_location = TensorProto.EXTERNAL
    length = ROWS * columns * NUMBER_BYTES
    for key, value in (("location", "model.onnx.data"), ("offset", "0"), ("length", str(length))):
        kernel.external_data.add(key=key, value=value)
    model.graph.initializer.append(kernel)
    path.write_bytes(model.SerializeToString())
    _write_rows(folder / "model.onnx.data", columns, length)
    return folder


def _write_rows(path: Path, columns: int, length: int) -> None:
    with path.open("wb") as file:
        for row, numbers in enumerate(FIRST_COLUMNS):
            file.seek(row * columns * NUMBER_BYTES)
            file.write(numbers.tobytes())
        file.truncate(length)


def write_onnx_that_makes_weights(path: Path, units: int, layers: int = 3) -> Path:
    """Layers of so many units, all of whose weights ConstantOfShape makes; it answers the sum of the four inputs."""
    from onnx import helper, numpy_helper

    sizes = [(4, units), *[(units, units)] * layers, (units, 1)]
    nodes, constants, features = [], {}, "x"
    for at, size in enumerate(sizes):
        weight = numpy_helper.from_array(np.array([1.0 if size[1] == 1 else 1 / units], "float32"))
        constants[f"size_{at}"] = np.array(size, "int64")
        nodes.append(helper.make_node("ConstantOfShape", [f"size_{at}"], [f"kernel_{at}"], value=weight))
        answer = "y" if size[1] == 1 else f"features_{at}"
        nodes.append(helper.make_node("MatMul", [features, f"kernel_{at}"], [answer]))
        features = answer
    return write_onnx(path, nodes, {"x": ["batch", 4]}, {"y": ["batch", 1]}, constants)
