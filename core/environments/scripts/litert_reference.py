"""LiteRT files with the reference kernels of LiteRT, which are written to be read and not to be fast."""

import numpy as np
from kit_files import ask_row_by_row, find_file

MODULES = ("numpy", "ai_edge_litert.interpreter")
DISTRIBUTIONS = ("ai-edge-litert",)


def load(kit):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    content = find_file(kit, ".tflite").read_bytes()
    kernels = OpResolverType.BUILTIN_REF

    def predict(inputs):
        interpreter = Interpreter(model_content=content, experimental_op_resolver_type=kernels)
        return dict(interpreter.get_signature_runner()(**inputs))

    def predict_rows(inputs):
        rows = len(next(iter(inputs.values())))
        try:
            outputs = predict(inputs)
        except (RuntimeError, ValueError):  # it takes no batch
            return ask_row_by_row(predict)(inputs)
        has_all = all(np.ndim(array) and len(array) == rows for array in outputs.values())
        return outputs if has_all else ask_row_by_row(predict)(inputs)

    return predict_rows
