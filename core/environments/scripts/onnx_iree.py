"""ONNX compiled by IREE for the processor at hand, and run."""

import tempfile
from pathlib import Path

import numpy as np
from kit_files import find_file, read_onnx_outputs, read_shapes

MODULES = ("numpy", "onnx", "iree.runtime")
DISTRIBUTIONS = ("iree-base-compiler", "iree-base-runtime", "onnx")
TARGET = ("--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu")


def load(kit):
    import iree.runtime as rt

    path = find_file(kit, ".onnx")
    folder = Path(tempfile.mkdtemp())
    import_file(path, folder / "m.mlir")
    compile_file(folder / "m.mlir", folder / "m.vmfb")
    context = rt.SystemContext(config=rt.Config("local-task"))
    module = rt.VmModule.mmap(context.instance, str(folder / "m.vmfb"))
    context.add_vm_module(module)
    functions = context.modules[module.name]
    (name,) = (name for name in module.function_names if not name.startswith("__") and "$" not in name)
    names, outputs = read_inputs(path, kit), read_onnx_outputs(path)

    def predict(inputs):
        results = functions[name](*(np.ascontiguousarray(inputs[each]) for each in names))
        arrays = results if isinstance(results, list | tuple) else [results]
        return {output: np.asarray(array) for output, array in zip(outputs, arrays, strict=True)}

    return predict


def read_inputs(path, kit):
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    return [item.name for item in graph.input if item.name in read_shapes(kit)]


def compile_file(source, target):
    import iree.compiler.tools as tools

    options = [*TARGET, "--iree-llvmcpu-target-cpu=host"]
    tools.compile_file(str(source), output_file=str(target), extra_args=options)


def import_file(path, target):
    """Write a file in IREE's own language, in this process: no other Python is started for it."""
    from iree.compiler.tools.import_onnx import __main__ as importer

    if importer.main(importer.parse_arguments([str(path), "-o", str(target)])):
        raise ValueError("IREE does not read this file.")
