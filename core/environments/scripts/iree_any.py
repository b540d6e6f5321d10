"""ONNX and StableHLO compiled by IREE for the processor at hand, and run."""

import json
import tempfile
from pathlib import Path

import numpy as np
from kit_files import ask_row_by_row, find_file, read_onnx_outputs, read_shapes

MODULES = ("numpy", "onnx", "iree.runtime")
DISTRIBUTIONS = ("iree-base-compiler", "iree-base-runtime", "onnx")
TARGET = ("--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu")


def load(kit):
    path = find_file(kit, ".onnx", ".mlirbc")
    folder = Path(tempfile.mkdtemp())
    if path.suffix == ".mlirbc":
        compile_file(path, folder / "m.vmfb", input_type="stablehlo")
        return ask_row_by_row(name_arrays(open_function(folder / "m.vmfb"), *read_ports(path)))
    import_file(path, folder / "m.mlir")
    compile_file(folder / "m.mlir", folder / "m.vmfb")
    return name_arrays(open_function(folder / "m.vmfb"), read_inputs(path, kit), read_onnx_outputs(path))


def open_function(path):
    """Return the one function of a compiled file."""
    import iree.runtime as rt

    context = rt.SystemContext(config=rt.Config("local-task"))
    module = rt.VmModule.mmap(context.instance, str(path))
    context.add_vm_module(module)
    (name,) = (name for name in module.function_names if not name.startswith("__") and "$" not in name)
    return context.modules[module.name][name]


def name_arrays(function, names, outputs):
    """Return a function of arrays by name for one that takes and gives them by position."""

    def predict(inputs):
        results = function(*(np.ascontiguousarray(inputs[name]) for name in names))
        arrays = results if isinstance(results, list | tuple) else [results]
        return {output: np.asarray(array) for output, array in zip(outputs, arrays, strict=True)}

    return predict


def read_ports(path):
    """Return the names of a StableHLO module's inputs and outputs, which stand in a file beside it."""
    ports = json.loads(path.with_name("ports.json").read_text(encoding="utf-8"))
    return [[name for name, *_ in ports[side]] for side in ("inputs", "outputs")]


def read_inputs(path, kit):
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    return [item.name for item in graph.input if item.name in read_shapes(kit)]


def compile_file(source, target, **more):
    import iree.compiler.tools as tools

    options = [*TARGET, "--iree-llvmcpu-target-cpu=host"]
    tools.compile_file(str(source), output_file=str(target), extra_args=options, **more)


def import_file(path, target):
    """Write a file in IREE's own language, in this process: no other Python is started for it."""
    from iree.compiler.tools.import_onnx import __main__ as importer

    if importer.main(importer.parse_arguments([str(path), "-o", str(target)])):
        raise ValueError("IREE does not read this file.")
