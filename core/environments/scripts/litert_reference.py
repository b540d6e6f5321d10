"""LiteRT files with the reference kernels of LiteRT, which are written to be read and not to be fast."""

from kit_files import ask_at_once_or_row_by_row, find_file

MODULES = ("numpy", "ai_edge_litert.interpreter")
DISTRIBUTIONS = ("ai-edge-litert",)


def load(kit):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    content = find_file(kit, ".tflite").read_bytes()
    kernels = OpResolverType.BUILTIN_REF

    def predict(inputs):
        interpreter = Interpreter(model_content=content, experimental_op_resolver_type=kernels)
        return dict(interpreter.get_signature_runner()(**inputs))

    return ask_at_once_or_row_by_row(predict)
