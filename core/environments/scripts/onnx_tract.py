"""ONNX in tract, an engine in Rust: shapes are fixed before it plans."""

import numpy as np
from kit_files import ask_row_by_row, find_file, read_onnx_outputs, read_shapes

MODULES = ("numpy", "onnx", "tract")
DISTRIBUTIONS = ("tract", "onnx")
TYPES = {"float32": "f32", "float64": "f64", "float16": "f16", "int32": "i32", "int64": "i64", "uint8": "u8"}


def load(kit):
    path, shapes = find_file(kit, ".onnx"), read_shapes(kit)
    rows = len_of_rows(shapes)
    try:
        return plan(path, shapes, rows)
    except Exception:  # noqa: BLE001  a file for one row at a time
        return ask_row_by_row(plan(path, shapes, 1))


def len_of_rows(shapes):
    return next(iter(shapes.values()))[0][0]


def plan(path, shapes, rows):
    import tract

    model = tract.onnx().load(str(path))
    names = [model.input_name(at) for at in range(model.input_count())]
    outputs = read_onnx_outputs(path)
    for at, name in enumerate(names):
        shape, dtype = shapes[name]
        model.set_input_fact(at, ",".join(map(str, (rows, *shape[1:]))) + f",{TYPES[dtype.name]}")
    runnable = model.into_model().into_runnable()

    def predict(inputs):
        results = runnable.run([np.ascontiguousarray(inputs[name]) for name in names])
        return {name: result.to_numpy() for name, result in zip(outputs, results, strict=True)}

    return predict
