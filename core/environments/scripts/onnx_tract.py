"""ONNX in tract, an engine in Rust: shapes are fixed before it plans."""

import numpy as np
from kit_files import ask_row_by_row, find_file, read_onnx_outputs, read_shapes

MODULES = ("numpy", "onnx", "tract")
DISTRIBUTIONS = ("tract", "onnx")
TYPES = {"float32": "f32", "float64": "f64", "float16": "f16", "int32": "i32", "int64": "i64", "uint8": "u8"}


def load(kit):
    path, shapes = find_file(kit, ".onnx"), read_shapes(kit)
    plans = {sort_shapes(shapes): plan_rows(path, shapes)}

    def predict(inputs):
        given = {name: (array.shape, array.dtype) for name, array in inputs.items()}
        key = sort_shapes(given)
        if key not in plans:
            plans[key] = plan_rows(path, given)
        return plans[key](inputs)

    return predict


def sort_shapes(shapes):
    return tuple(sorted((name, shape) for name, (shape, _) in shapes.items()))


def plan_rows(path, shapes):
    """Plan for all rows at once, or for one by one where the file takes no more."""
    try:
        return plan(path, shapes, next(iter(shapes.values()))[0][0])
    except Exception:  # noqa: BLE001  a file for one row at a time
        return ask_row_by_row(plan(path, shapes, 1))


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
