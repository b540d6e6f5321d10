"""OpenVINO's IR with its numbers in half precision, which is also what `openvino.save_model` does by default."""

from pathlib import Path
from tempfile import TemporaryDirectory

from core.formats import openvino as plain
from core.formats import standalone
from core.formats.base import Format
from core.runtimes.openvino import FILE, PACKAGES, import_openvino, load


def save(model, folder: Path) -> None:
    with TemporaryDirectory(dir=folder) as exported:
        plain.save(model, Path(exported))
        ov = import_openvino()
        ov.save_model(ov.Core().read_model(Path(exported) / FILE), folder / FILE, compress_to_fp16=True)


FORMAT = Format(
    key="openvino_fp16",
    label="OpenVINO IR, half precision",
    layout="two files",
    good_for="The same as OpenVINO IR with half the bytes on disk, at next to no cost in answers.",
    keeps=frozenset({"graph"}),
    accepts=frozenset({"keras", "module", "openvino", *plain.READABLE_FILES}),
    save=save,
    load=load,
    kit=standalone.StandaloneLoader(standalone.open_openvino, FILE, ("openvino", "numpy")),
    activations="openvino",
    packages=PACKAGES,
    origin="Intel (2018).",
    explains="Numbers are kept as float16 and widened on loading; Roundtrip has it compute in float32, so that what "
    "differs is what was lost in keeping. Weights above 65,504 do not fit into a float16.",
)
