"""ONNX: the exchange format that most other runtimes and frameworks read.

Operations that its converter lacks or changes are written in others: see `core.runtimes.onnx_operations`.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import CannotSave
from core.formats.base import Format, Option
from core.formats.frozen_graph import freeze_graph
from core.formats.imported_loaders import open_any_onnx
from core.formats.standalone_loaders import StandaloneLoader, open_onnx
from core.runtimes import imported_graph, inference_model
from core.runtimes.base import Model
from core.runtimes.litert import FILE as LITERT
from core.runtimes.litert import require_float_tensors
from core.runtimes.litert_contents import remembers
from core.runtimes.model_kinds import model_kind
from core.runtimes.onnx import FILE, count_inputs, load, load_model
from core.runtimes.onnx_operations import Needs, inline_calls, noting_needs, register_decompositions
from core.runtimes.tf_module import serving_function

NEWER_OPSET_REMARK = (
    "It is of opset {}: the model puts numbers into places of a tensor, and where several meet, older opsets keep one."
)

# Of an input that is an answer as it came, and of the sum of an activity regularizer, which is no answer.
LOST_TENSOR = re.compile(r"graph input '.+' not exist|Failed to import metagraph")


def save(model: Model, folder: Path, opset: int = 15) -> str:
    path = folder / FILE
    if model_kind(model) == "onnx":  # for the forms that begin with the plain file
        path.write_bytes(load_model(model.folder / FILE).SerializeToString())
        return ""
    return inference_model.share_conversion(f"onnx {opset}", [path], lambda: _convert_as_needed(model, folder, opset))


def _convert_as_needed(model: Model, folder: Path, opset: int) -> str:
    """Convert for the opset, or the first one that can say all of the model; returns what to know of the copy."""
    needs, known = Needs(opset), None
    while needs != known:  # what it needs is told by the operations that are met on the way
        known = needs
        with noting_needs(known) as needs:
            _convert(model, folder, known)
    return NEWER_OPSET_REMARK.format(needs.opset) if needs.opset > opset else ""


def _convert(model: Model, folder: Path, needs: Needs) -> None:
    kind, path, opset = model_kind(model), str(folder / FILE), needs.opset
    if kind == "litert":
        _convert_litert(model.folder / LITERT, path, opset)
        return
    if needs.inlining:
        _convert_frozen_graph(inline_calls(freeze_graph(model)), path, opset)
        return
    # Constants that a layer computed, as Normalization does, may have become inputs that nobody can fill.
    is_whole = _convert_live(model, path, opset)
    if not is_whole or count_inputs(folder / FILE) > inference_model.count_function_inputs(model):
        _convert_frozen_graph(freeze_graph(model), path, opset)


def _convert_live(model: Model, path: str, opset: int) -> bool:
    """Whether the converter wrote a live model down: it looks for some tensors that it has left out."""
    try:
        if model_kind(model) == "keras":
            _export_keras(model, path, opset)
        else:
            _convert_function(serving_function(model), path, opset)
    except Exception as error:  # whatever the converter raises
        if not LOST_TENSOR.search(str(error)):
            raise
        return False
    return True


def _convert_litert(source: Path, path: str, opset: int) -> None:
    require_float_tensors(source, "an ONNX file")
    try:
        _import_tf2onnx().from_tflite(str(source), opset=opset, output_path=path)
    except Exception as error:  # whatever the converter raises; it goes on unless variables are what it stumbles over
        if not remembers(source.read_bytes()):
            raise
        sentence = "This LiteRT file keeps values in variables, and the converter knows none."
        raise CannotSave(sentence, cure="Convert the model that the file was made from.", detail=str(error)) from error


def _export_keras(model: Model, path: str, opset: int) -> None:
    """Keras' own export. Named inputs spare us its demand that the model was called before: a rebuilt one was not."""
    register_decompositions()
    inputs = inference_model.stated_signature(model)
    if inputs is None and getattr(model, "inputs", None):
        inputs = [inference_model.symbolic_inputs(model)]
    inference_model.to_inference_model(model).export(
        path, format="onnx", opset_version=opset, input_signature=inputs, verbose=False
    )


def _convert_function(function: Any, path: str, opset: int) -> None:
    """tf2onnx takes a tf.function and traces it anew."""
    import tensorflow as tf

    positional, named = function.structured_input_signature
    traced = tf.function(lambda *inputs: function(*inputs))
    _import_tf2onnx().from_function(traced, [*positional, *named.values()], opset=opset, output_path=path)


def _convert_frozen_graph(graph: Any, path: str, opset: int) -> None:
    names = imported_graph.graph_input_names(graph), imported_graph.graph_output_names(graph)
    inputs, outputs = ([f"{name}:0" for name in side] for side in names)
    _import_tf2onnx().from_graph_def(graph, input_names=inputs, output_names=outputs, opset=opset, output_path=path)


def _import_tf2onnx() -> Any:
    """The converter, with Keras' own patch that makes it work with NumPy 2, and with the operations that it lacks."""
    import tf2onnx
    from keras.src.export.tf2onnx_lib import patch_tf2onnx

    patch_tf2onnx()
    register_decompositions()
    return tf2onnx.convert


OPSET_HELP = "The version of ONNX' set of operations. A newer one knows more, an older one runs in older runtimes."

FORMAT = Format(
    key="onnx",
    label="ONNX",
    layout="one file",
    good_for="Everything that is not TensorFlow: ONNX Runtime on any system, other frameworks, hardware compilers.",
    keeps=frozenset({"weights, converted", "graph"}),
    accepts=frozenset({"keras", "module", "litert"}),
    save=save,
    load=load,
    kit=StandaloneLoader(
        open_onnx,
        FILE,
        ("onnxruntime", "numpy"),
        load_imported=open_any_onnx,
        imported_packages=("onnx",),  # which translates a file that is too old for ONNX Runtime
    ),
    activations="onnx",
    begins_with="onnx",
    packages={"onnx": "onnx", "tf2onnx": "tf2onnx", "onnxruntime": "onnxruntime"},
    options=(Option("opset", "Opset", 15, OPSET_HELP, choices=(13, 14, 15, 16, 17, 18)),),
    max_weight_bytes=2**31 - 1,  # a protocol buffer
    origin="Microsoft and Facebook (2017), now under the Linux Foundation.",
    explains="The converter writes operations that it does not know as they are and reports success: only running the "
    "file shows that it is invalid. Some are written here in others that ONNX has: exact GELU, for one, and quotients "
    "of integers below zero, which it rounds the other way. Where scatter_nd adds up several numbers in one place, "
    "the file is of opset 16 at least. Outputs are renamed, and those of a dictionary come in the order of the "
    "alphabet. Kernels may be turned and layers folded into one another. One file holds at most 2 GB.",
)

# What the forms of this file have in common that are made from it, or from an ONNX file; each changes the rest.
REWRITTEN = replace(
    FORMAT,
    accepts=FORMAT.accepts | {"onnx"},
    kit=StandaloneLoader(open_onnx, FILE, ("onnxruntime", "numpy")),
    origin="ONNX; this form by ONNX Runtime's own tools (Microsoft).",
)
