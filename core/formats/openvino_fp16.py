"""OpenVINO's IR with its numbers in half precision, which is also what `openvino.save_model` does by default."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from core.formats import openvino as plain
from core.formats.standalone_loaders import StandaloneLoader, open_openvino
from core.runtimes.base import Model
from core.runtimes.openvino import FILE, import_openvino


def save(model: Model, folder: Path) -> str:
    with TemporaryDirectory(dir=folder) as exported:
        remark = plain.save(model, Path(exported))
        ov = import_openvino()
        ov.save_model(ov.Core().read_model(Path(exported) / FILE), folder / FILE, compress_to_fp16=True)
    return remark


FORMAT = replace(
    plain.FORMAT,
    key="openvino_fp16",
    label="OpenVINO IR, half precision",
    good_for="The same as OpenVINO IR with half the bytes on disk, at next to no cost in answers.",
    accepts=plain.FORMAT.accepts | {"openvino"},
    save=save,
    kit=StandaloneLoader(open_openvino, FILE, ("openvino", "numpy")),
    explains="Numbers are kept as float16 and widened on loading; Roundtrip has it compute in float32, so that what "
    "differs is what was lost in keeping. Weights above 65,504 do not fit into a float16.",
)
