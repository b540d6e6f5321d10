"""LiteRT, once TensorFlow Lite: one small file for phones, browsers and microcontrollers."""

import shutil
from dataclasses import replace
from pathlib import Path

from core.errors import CannotSave
from core.formats.base import Format
from core.formats.imported_loaders import open_any_litert
from core.formats.standalone_loaders import StandaloneLoader, open_litert
from core.runtimes.base import Model
from core.runtimes.inference_model import share_conversion, stated_signature, to_flat_model
from core.runtimes.litert import FILE, PACKAGES, load
from core.runtimes.litert_contents import list_unfilled_variables, needs_tensorflow
from core.runtimes.litert_quantizer import QUANTIZER_PACKAGES, require_unquantized
from core.runtimes.model_kinds import model_kind
from core.runtimes.single_row import single_row_module
from core.runtimes.tf_module import serving_function

SINGLE_ROW_REMARK = (
    "LiteRT's own operations do not run this model's loops for any number of rows at once, so it was converted for one "
    "row at a time."
)


def save(model: Model, folder: Path) -> str:
    path = folder / FILE
    if model_kind(model) == "litert":  # for the quantised forms, which begin with the plain file
        require_unquantized(model.folder / FILE)
        shutil.copyfile(model.folder / FILE, path)
        return ""
    return share_conversion(FORMAT.key, [path], lambda: _convert_by_any_way(model, path))


def _convert_by_any_way(model: Model, path: Path) -> str:
    """Convert for any number of rows, else for exactly one; returns what to know of the copy."""
    try:
        _convert(model, path)
        require_weights(path)
        is_whole = not needs_tensorflow(path.read_bytes())
    except Exception:  # whatever the converter raises; it goes on unless one row converts
        if _convert_single_row(model, path):
            return SINGLE_ROW_REMARK
        raise
    return SINGLE_ROW_REMARK if not is_whole and _convert_single_row(model, path) else ""


def _convert(model: Model, path: Path) -> None:
    if model_kind(model) == "keras":
        signature = stated_signature(model)
        to_flat_model(model).export(str(path), format="litert", input_signature=signature, verbose=False)
    else:
        path.write_bytes(convert_module(model))


def convert_module(model: Model) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([serving_function(model)], model)
    converter.experimental_enable_resource_variables = True  # as Keras' own export has it: they stay variables
    content: bytes = converter.convert()
    return content


def require_weights(path: Path) -> None:
    """Require that a converted file holds the number of every variable that it reads. Raises CannotSave."""
    if names := list_unfilled_variables(path.read_bytes()):
        raise CannotSave(
            "The converter left the weights of this model out of its file, which could not answer.",
            received=f"without {', '.join(names[:8])}",
            cure="Choose LiteRT for one row, which makes constants of them first.",
        )


def _convert_single_row(model: Model, path: Path) -> bool:
    """Whether the model could be converted for exactly one row, with operations of LiteRT alone.

    Where it cannot, the first conversion stands: its file says by its reload what the runtime lacks.
    """
    try:
        path.write_bytes(convert_module(single_row_module(model)))
        require_weights(path)
    except Exception:  # noqa: BLE001  whatever a second try stumbles on, the first is the one to judge
        return False
    return True


FORMAT = Format(
    key="litert",
    label="LiteRT (.tflite)",
    layout="one file",
    good_for="Phones, browsers and small boards: a file of little more than the weights, loaded in milliseconds.",
    keeps=frozenset({"weights, converted", "graph", "signatures"}),
    accepts=frozenset({"keras", "module"}),
    save=save,
    load=load,
    kit=StandaloneLoader(open_litert, FILE, ("ai-edge-litert", "numpy"), load_imported=open_any_litert),
    activations="litert",
    begins_with="litert",
    packages=PACKAGES,
    origin="TensorFlow Lite (2017), called LiteRT since 2024.",
    explains="Converting it is not yet running it: operations that LiteRT does not have are carried along as "
    "TensorFlow operations, and the runtime stops at them. Outputs keep their names only in the signature; by position "
    "their order may differ from the model's. The weights are inside, laid out for the kernels, so they cannot be "
    "compared by bits.",
)

# What the quantised forms have in common; each changes the rest.
QUANTIZED = replace(
    FORMAT,
    accepts=FORMAT.accepts | {"litert"},
    packages=QUANTIZER_PACKAGES,
    kit=StandaloneLoader(open_litert, FILE, ("ai-edge-litert", "numpy")),
    origin="TensorFlow Lite; today by the LiteRT quantizer.",
)
