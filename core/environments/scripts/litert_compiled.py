"""LiteRT files through CompiledModel, the interface that follows the interpreter of LiteRT, on the CPU."""

import numpy as np
from kit_files import ask_row_by_row, find_file, read_shapes

MODULES = ("numpy", "ai_edge_litert.compiled_model")
DISTRIBUTIONS = ("ai-edge-litert",)
NOTE = "Its engine computes one row after another."


def load(kit):
    from ai_edge_litert.compiled_model import CompiledModel

    model = CompiledModel.from_file(str(find_file(kit, ".tflite")))
    key, names = next(iter(model.get_signature_list().items()))
    expected = read_shapes(kit, "expected.npz")

    def predict_row(inputs):
        buffers = {name: model.create_input_buffer_by_name(key, name) for name in names["inputs"]}
        outputs = {name: model.create_output_buffer_by_name(key, name) for name in names["outputs"]}
        for name, buffer in buffers.items():
            buffer.write(np.ascontiguousarray(inputs[name]))
        model.run_by_name(key, buffers, outputs)
        return {name: read(outputs[name], *expected[name]) for name in names["outputs"] if name in expected}

    return ask_row_by_row(predict_row)


def read(buffer, shape, dtype):
    values = buffer.read(int(np.prod(shape[1:])), dtype.type)
    return np.asarray(values).reshape((1, *shape[1:]))
