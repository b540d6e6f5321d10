"""ONNX as two files: the graph, and the numbers beside it, which a runtime maps into memory."""

from dataclasses import replace
from pathlib import Path

from core.errors import CannotSave
from core.formats import onnx
from core.runtimes.base import Model
from core.runtimes.onnx import FILE, load_model

NUMBERS = "model.onnx.data"
SIZES = (6, 7, 9)  # numbers of int32, int64 and bool in ONNX: sizes and axes, which a runtime must know beforehand


def save(model: Model, folder: Path, opset: int = 15) -> str:
    from onnx import save_model
    from onnx.external_data_helper import set_external_data

    remark = onnx.save(model, folder, opset)
    moved = load_model(folder / FILE)
    kernels = [item for item in moved.graph.initializer if item.raw_data and item.data_type not in SIZES]
    if not kernels:
        raise CannotSave("This model has no numbers to lie beside its graph.", cure="Choose plain ONNX.")
    for kernel in kernels:
        set_external_data(kernel, NUMBERS)
    (folder / NUMBERS).unlink(missing_ok=True)  # onnx appends to a file that is there
    save_model(moved, folder / FILE)
    return remark


FORMAT = replace(
    onnx.REWRITTEN,
    key="onnx_external",
    label="ONNX, numbers beside",
    layout="two files",
    good_for="Large models: the numbers are read where they lie, and one graph can be looked at without them.",
    save=save,
    explains="The graph names the second file, so the two must stay together under their names. Written a second time "
    "into the same folder, ONNX' own function appends to the numbers and the file doubles: Roundtrip writes into an "
    "empty one. The converter makes one file first, so 2 GB are the limit here too.",
)
