"""OpenVINO's IR: a graph as readable XML beside a file of numbers, for Intel processors and their graphics."""

from pathlib import Path

from core.formats import kits
from core.formats.contract import Format, kind_of
from core.formats.graphs import inference
from core.formats.live import serving_function
from core.formats.openvino_runtime import FILE, PACKAGES, load, openvino


def save(model, folder: Path) -> None:
    ov = openvino()
    if kind_of(model) == "keras":
        inference(model).export(str(folder / FILE), format="openvino", verbose=False)
    else:
        ov.save_model(ov.convert_model(serving_function(model)), folder / FILE, compress_to_fp16=False)


FORMAT = Format(
    key="openvino",
    label="OpenVINO IR",
    layout="two files",
    good_for="Serving on Intel processors and graphics: the graph is compiled for the machine when it is loaded.",
    keeps=frozenset({"graph"}),
    accepts=frozenset({"keras", "module"}),
    save=save,
    load=load,
    kit=kits.Kit(kits.open_openvino, FILE, ("openvino", "numpy")),
    inside="openvino",
    packages=PACKAGES,
    origin="Intel (2018).",
    explains="Where the processor has bfloat16, OpenVINO computes in it unless told otherwise, and answers differ in "
    "the third digit; Roundtrip loads it with INFERENCE_PRECISION_HINT=f32. The weights are inside, but kernels are "
    "turned, so they cannot be compared by bits. Recurrent layers convert only when unrolled; strings do not.",
)
