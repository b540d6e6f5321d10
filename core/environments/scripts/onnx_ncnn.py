"""ONNX converted to ncnn by pnnx, and asked there in float32, one row at a time."""

import importlib.util
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from kit_files import ask_row_by_row, find_file, read_shapes

MODULES = ("numpy", "ncnn")
DISTRIBUTIONS = ("ncnn", "pnnx")
NOTE = "Its engine computes one row after another."
CONVERT_SECONDS = 120


def load(kit):
    import ncnn

    shapes, wanted = read_shapes(kit), read_shapes(kit, "expected.npz")
    if len(shapes) > 1 or len(wanted) > 1:
        raise ValueError("pnnx gives inputs and outputs numbers for names, so several cannot be told apart.")
    folder = Path(tempfile.mkdtemp())
    convert(find_file(kit, ".onnx"), folder, next(iter(shapes.values())))
    net = ncnn.Net()
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage, net.opt.num_threads = False, 1
    if net.load_param(str(folder / "model.ncnn.param")) or net.load_model(str(folder / "model.ncnn.bin")):
        left = ", ".join(list_left_operations(folder / "model.ncnn.param")) or "no operation by name"
        raise ValueError(f"ncnn does not read what pnnx wrote: it left {left}.")
    shutil.rmtree(folder, ignore_errors=True)
    (name_in,), ((name_out, ((_, *row_shape), _)),) = shapes, wanted.items()

    def predict_row(inputs):
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat(np.ascontiguousarray(inputs[name_in][0])).clone())
        status, out = extractor.extract("out0")
        if status:
            raise ValueError(f"ncnn stopped with status {status}.")
        return {name_out: np.array(out).reshape(1, *row_shape)}  # axes of one element are lost on the way

    return ask_row_by_row(predict_row)


def convert(path, folder, spec):
    """Convert a file. Half precision is pnnx's default, and is turned off."""
    (_, *rest), _ = spec
    if any(other != path for other in path.parent.iterdir()):
        raise ValueError("pnnx reads no ONNX file whose numbers lie in another file.")
    target = shutil.copyfile(path, folder / "model.onnx")
    # The package is not imported: that takes PyTorch, and its program does not.
    program = Path(importlib.util.find_spec("pnnx").submodule_search_locations[0]) / "pnnx"
    command = [program, target, f"inputshape=[1,{','.join(map(str, rest))}]", "fp16=0"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=CONVERT_SECONDS, check=False)
    if not (folder / "model.ncnn.bin").is_file():
        raise ValueError(f"pnnx converted nothing: {(ended.stderr + ended.stdout)[-1000:]}")


def list_left_operations(path):
    """Return the operations in ncnn's file that pnnx has no operation of ncnn for: their names are of modules."""
    names = {line.split()[0] for line in path.read_text(encoding="utf-8").splitlines()[2:] if line.strip()}
    return sorted(name for name in names if "." in name or "::" in name)
