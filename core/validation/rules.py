"""The rules that an untrusted file can break, and how its names are shown.

The name of a rule is stable: it is the second half of a refusal's code. Its sentences hold no path of this computer;
what a file says of itself comes beside them as `received`, cleaned and cut: text to show, and never a path.
"""

import re
import unicodedata
from typing import NamedTuple

from core.errors import Refused

MAX_DISPLAY_LENGTH = 120  # characters
HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # control, format (bidi marks too), surrogates, private


def display_text(text: str) -> str:
    """Return the text for display: no control or bidirectional marks, one line, at most 120 characters."""
    spaced = re.sub(r"[\t\r\n]", " ", text[: MAX_DISPLAY_LENGTH * 8])
    return " ".join("".join(filter(is_displayable, spaced)).split())[:MAX_DISPLAY_LENGTH]


def is_displayable(character: str) -> bool:
    return unicodedata.category(character) not in HIDDEN_CATEGORIES


SAVE_AGAIN = "Save the model again with the tool that made it, and import that file."
COPY_AGAIN = "Copy or download the file again."
CONVERT_AGAIN = "Convert the model again."
EXPORT_AGAIN = "Export the model again."
DO_OUTSIDE = "Do that step outside of the model, then save again."
AVOID_CLASS = "Save it as SavedModel or ONNX, which need no class; if only training needs it, save it uncompiled."
RAISE_UPLOAD = "Import a smaller file, or raise the setting ROUNDTRIP_UPLOAD_MB of this installation."
RAISE_UNPACKED = "Import a smaller model, or raise the setting ROUNDTRIP_UNPACKED_MB of this installation."
RAISE_SECONDS = "Import a smaller model, or raise the setting ROUNDTRIP_CONFINED_SECONDS of this installation."
PACK_AGAIN = "Pack the files again with a plain zip program, without links, passwords or other files."
EXPORT_TF = (
    "Save it again with TensorFlow: model.export(folder) or tf.saved_model.save(model, folder), and zip the folder."
)


class Rule(NamedTuple):
    """What breaking this rule means, and what to do next: one plain sentence each."""

    meaning: str
    cure: str


RULES: dict[str, Rule] = {
    # The upload as a whole
    "empty": Rule("The file is empty.", "Choose the file again; the copy or the download may have stopped early."),
    "too-large": Rule("The file is larger than one that is imported may be.", RAISE_UPLOAD),
    "unknown-ending": Rule(
        "The ending of the file name is of no format that can be imported.",
        "Import .keras, .h5, .weights.h5, .json, .tflite, .onnx, or a .zip of one of them, of a SavedModel, a "
        "checkpoint, OpenVINO's two files, weights in shards, or an .onnx with the files of its numbers.",
    ),
    "unlike": Rule(
        "The content of the file is not of the kind that its ending says.",
        "Give the file the ending that it was saved with, or save it again.",
    ),
    "not-a-file": Rule(
        "Something in it is neither a plain file nor a plain folder: a link or a device.",
        "Replace the link by the file that it points to.",
    ),
    "changed": Rule("The file changed while it was being read.", "Wait until it is written, then import it again."),
    "part": Rule(
        "A second file was given that does not belong to this format.",
        "Only weights take one: the architecture as .json.",
    ),
    # Zips
    "zip-broken": Rule("The zip is cut short or damaged.", COPY_AGAIN),
    "zip-many": Rule("The zip holds more files than any model does.", PACK_AGAIN),
    "zip-name": Rule("A file in the zip has a name that leads out of its folder, or is no plain name.", PACK_AGAIN),
    "zip-duplicate": Rule("Two files in the zip have the same name, so nobody can say which counts.", PACK_AGAIN),
    "zip-link": Rule("The zip holds a link or another special file.", PACK_AGAIN),
    "zip-encrypted": Rule("A file in the zip is encrypted.", "Pack it again without a password."),
    "zip-method": Rule("A file in the zip is compressed in a way that is not taken.", PACK_AGAIN),
    "zip-header": Rule("The zip says one thing of a file in its index and another beside the file.", PACK_AGAIN),
    "zip-overlap": Rule(
        "Files in the zip overlap, or there is something between them that belongs to none.", PACK_AGAIN
    ),
    "zip-bomb": Rule("A file in the zip claims to unpack to far more than it holds.", PACK_AGAIN),
    "zip-crc": Rule("A file in the zip is damaged: its checksum does not match.", COPY_AGAIN),
    "zip-member": Rule("The zip holds a file that does not belong to this format.", PACK_AGAIN),
    "zip-missing": Rule("A file that this format needs is not in it.", SAVE_AGAIN),
    "unpacked-size": Rule("Unpacked, it is larger than what may be imported.", RAISE_UNPACKED),
    # JSON and what it may name
    "json-size": Rule("The description of the model is far longer than that of any model.", SAVE_AGAIN),
    "json-text": Rule("The description of the model is no JSON in UTF-8.", SAVE_AGAIN),
    "json-depth": Rule("The description of the model is nested too deeply.", SAVE_AGAIN),
    "json-number": Rule(
        "The description of the model holds a number with more digits than any number needs.", SAVE_AGAIN
    ),
    "json-duplicate": Rule("The description of the model says the same thing twice, in two ways.", SAVE_AGAIN),
    "config-shape": Rule("The description is not that of a Keras model.", SAVE_AGAIN),
    "config-code": Rule(
        "The model holds Python code in a Lambda, which would run on loading.",
        "Replace the Lambda by a layer class, or save the model as SavedModel.",
    ),
    "config-class": Rule("The model uses a class that is no layer or setting of Keras itself.", AVOID_CLASS),
    "config-function": Rule("The model uses a function that is no activation, loss or metric of Keras.", AVOID_CLASS),
    "config-registered": Rule("A class of Keras is given a second, registered name.", SAVE_AGAIN),
    "config-path": Rule(
        "The model refers to a file by its path, such as a vocabulary, instead of holding it.",
        "Give the layer its words as a list, then save again.",
    ),
    "config-url": Rule("The model refers to an address on the network.", "Remove the address, then save again."),
    "config-name": Rule("A layer has a name that leads out of its folder.", "Rename the layer, then save again."),
    # HDF5
    "h5-broken": Rule("The HDF5 file is cut short or damaged.", COPY_AGAIN),
    "h5-link": Rule("The HDF5 file holds a link to another place or to another file.", SAVE_AGAIN),
    "h5-external": Rule("The HDF5 file keeps numbers in other files.", "Save it again as one file."),
    "h5-filter": Rule(
        "The HDF5 file is compressed in a way that Keras does not write.", "Save it again without that filter."
    ),
    "h5-dtype": Rule("The HDF5 file holds something other than numbers.", SAVE_AGAIN),
    "h5-size": Rule(
        "The HDF5 file claims to hold far more numbers than it does, or than may be imported.", RAISE_UNPACKED
    ),
    "h5-many": Rule("The HDF5 file holds more groups or arrays than any model does.", SAVE_AGAIN),
    "h5-depth": Rule("The HDF5 file is nested too deeply.", SAVE_AGAIN),
    "h5-weights-only": Rule(
        "The file holds weights alone, without the layers that use them.",
        "Import it together with its architecture as .json, or import the whole model.",
    ),
    "h5-not-keras": Rule(
        "The HDF5 file was not written by Keras: there is neither a model nor weights in it.",
        "Import the file that model.save wrote.",
    ),
    "h5-not-weights": Rule(
        "In the place of the weights lies something else: a whole model, or weights of an earlier Keras.",
        "Name a whole model .h5 and import it without an architecture; else save it again.",
    ),
    "npz": Rule("An array in the file is no plain array of numbers.", SAVE_AGAIN),
    "assets": Rule("A file beside the weights is not what Keras writes there.", SAVE_AGAIN),
    # SavedModel and checkpoint
    "saved-model-broken": Rule("The SavedModel is cut short, damaged or too large to be read.", EXPORT_TF),
    "saved-model-empty": Rule(
        "The SavedModel has no graph that could answer.", "Save it with signatures={'serving_default': function}."
    ),
    "saved-model-twice": Rule("The SavedModel lies there in two versions, so nobody can say which counts.", EXPORT_TF),
    "saved-model-graphs": Rule("Several graphs in the SavedModel are marked as the same one.", EXPORT_TF),
    "operation": Rule("The graph uses an operation that is not on the list of those that only compute.", DO_OUTSIDE),
    "saver-operation": Rule("The graph reads or writes files outside of what its own saver does.", DO_OUTSIDE),
    "asset-name": Rule("The graph names a file outside of the model, or one that is not there.", EXPORT_TF),
    "graph-size": Rule("A constant of the graph claims to be far larger than what may be imported.", RAISE_UNPACKED),
    "variables": Rule("The values of the variables are missing, cut short or damaged.", "Copy the whole folder again."),
    "shard-index": Rule("The index of the weights in shards is no index that Keras writes.", SAVE_AGAIN),
    "shard-missing": Rule(
        "A shard that the index names is missing, or lacks arrays that the index looks for in it.",
        "Put all files of one save together, the index (.weights.json) and every shard, as a zip or folder.",
    ),
    "checkpoint-several": Rule(
        "There are several checkpoints, and nothing says which one is meant.", "Pack the files of one of them."
    ),
    "checkpoint-path": Rule(
        "The file “checkpoint” points to a checkpoint that is not here.", "Pack the files of the checkpoint itself."
    ),
    # LiteRT
    "tflite-broken": Rule("The LiteRT file is cut short or damaged.", COPY_AGAIN),
    "tflite-operation": Rule(
        "The LiteRT file needs operations that LiteRT itself does not have.",
        "Convert it again with built-in operations only, or import the SavedModel.",
    ),
    "tflite-tensor": Rule("A tensor of the LiteRT file has a shape or place that cannot be.", CONVERT_AGAIN),
    "tflite-empty": Rule("The LiteRT file holds no graph that could answer.", CONVERT_AGAIN),
    # ONNX
    "onnx-broken": Rule("The ONNX file is cut short or damaged.", COPY_AGAIN),
    "onnx-external": Rule(
        "The ONNX file keeps numbers in another file, which is not with it.",
        "Import its folder, or a zip of it, with all the files that lie there; or save it again as one file: "
        "onnx.save(model, path).",
    ),
    "onnx-outside": Rule(
        "The ONNX file looks for numbers outside of its own folder.",
        "Save it again with its numbers beside it: onnx.save(model, path, save_as_external_data=True, "
        "location='model.data').",
    ),
    "onnx-domain": Rule(
        "The ONNX file uses an operation of a set that is not taken.",
        "Export it again with ONNX' own operations. A graph that ONNX Runtime has optimised for this processor is read "
        "by nothing else: take the file that it was made of.",
    ),
    "onnx-empty": Rule("The ONNX file has no graph with outputs.", EXPORT_AGAIN),
    "onnx-size": Rule("A tensor of the ONNX file claims another size than it has.", EXPORT_AGAIN),
    # OpenVINO
    "xml": Rule("The XML of the OpenVINO IR is damaged, or uses what OpenVINO never writes.", CONVERT_AGAIN),
    "openvino-operation": Rule(
        "The OpenVINO IR uses an operation of a set that is not taken.", "Convert it again without extensions."
    ),
    "openvino-empty": Rule("The OpenVINO IR has no graph with results.", CONVERT_AGAIN),
    "openvino-offset": Rule("The OpenVINO IR points outside of its file of numbers.", CONVERT_AGAIN),
    # The validation of content itself
    "inspector-ended": Rule(
        "The process that looked into the file ended: the file is damaged or made to do that.", SAVE_AGAIN
    ),
    "inspector-slow": Rule("Looking into the file took too long.", RAISE_SECONDS),
}


def refusal(rule: str, received: object = None) -> Refused:
    """Return the refusal for a rule; `received` is what the file says of itself, of any content and length."""
    meaning, cure = RULES[rule]
    shown = None if received is None else display_text(str(received)) or None
    return Refused(meaning, rule=rule, cure=cure, received=shown)
