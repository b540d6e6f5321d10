"""Every refusal rule, limits, safe display names.

What a stranger calls a file or a layer: text to be shown, and never a path.

Every rule that a file from outside can break: what breaking it means, and what to do next.

The names are stable: they are the second half of a refusal's code. The sentences hold no path of this computer; what a
file says of itself stands beside them, as `received`, cleaned and cut.

What no honest model exceeds, in one place. What an owner may want to raise stands in `core.settings` instead.
"""

import unicodedata
from typing import NamedTuple

from core.errors import Refused

MAX_DISPLAY_LENGTH = 120  # characters
HIDDEN_CATEGORIES = {
    "Cc",
    "Cf",
    "Cs",
    "Co",
    "Cn",
    "Zl",
    "Zp",
}  # control, format (bidi marks among them), halves, private
UNNAMED_FILE = "unnamed"


def display_text(text: str) -> str:
    """The text as it may be shown: no control or bidirectional marks, one line, at most 120 characters."""
    kept = "".join(
        " " if one in "\t\r\n" else one
        for one in text[: MAX_DISPLAY_LENGTH * 8]
        if one in "\t\r\n" or _is_displayable(one)
    )
    return " ".join(kept.split())[:MAX_DISPLAY_LENGTH]


def _is_displayable(character: str) -> bool:
    return unicodedata.category(character) not in HIDDEN_CATEGORIES


def display_file_name(name: str) -> str:
    """The last part of a name that came with an upload, cleaned for display; "unnamed" where nothing is left."""
    return display_text(name.replace("\\", "/").rstrip("/").rpartition("/")[2]) or UNNAMED_FILE


def is_plain_name(name: str) -> bool:
    """Whether a single name can stand in a folder of ours: no separator, no mark, no way up, not too long."""
    return (
        0 < len(name.encode("utf-8", "replace")) <= 255
        and name not in (".", "..")
        and not any(one in "/\\:" or not _is_displayable(one) for one in name)
        and name == name.strip(" ")
    )


def leaves_folder(name: str) -> bool:
    """Whether a name with slashes would lead out of the folder that it is put into."""
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or (len(parts) > 1 and not parts[0]) or any(not _is_displayable(one) for one in name)


SAVE_AGAIN = "Save the model again with the tool that made it, and bring that file in."
AVOID_CUSTOM_CLASS = (
    "Save it as SavedModel or ONNX, which need no class; if only training needs it, save it uncompiled."
)
USE_SMALLER_MODEL = "Bring in a smaller model, or have the owner of this installation raise the limit in its settings."
PACK_PLAIN_ZIP = "Pack the files again with a plain zip program, without links, passwords or other files."
EXPORT_SAVED_MODEL_AGAIN = (
    "Save it again with TensorFlow: model.export(folder) or tf.saved_model.save(model, folder), and zip the folder."
)


class Rule(NamedTuple):
    """What it means that a file breaks this rule, and what to do next: one plain sentence each."""

    meaning: str
    cure: str


RULES: dict[str, Rule] = {
    # The upload as a whole
    "empty": Rule("The file is empty.", "Choose the file again; the copy or the download may have stopped early."),
    "too-large": Rule("The file is larger than an upload may be.", USE_SMALLER_MODEL),
    "unknown-ending": Rule(
        "The ending of the file name is of no format that can be brought in.",
        "Bring in .keras, .h5, .weights.h5, .json, .tflite, .onnx, or a .zip of a SavedModel, checkpoint or OpenVINO.",
    ),
    "unlike": Rule(
        "The content of the file is not of the kind that its ending says.",
        "Give the file the ending that it was saved with, or save it again.",
    ),
    "not-a-file": Rule(
        "Something in it is neither a plain file nor a plain folder: a link or a device.",
        "Replace the link by the file that it points to.",
    ),
    "changed": Rule("The file changed while it was being read.", "Wait until it is written, then bring it in again."),
    "part": Rule(
        "A second file was given that does not belong to this format.",
        "Only weights take one: the architecture as .json.",
    ),
    # Zips
    "zip-broken": Rule("The zip is cut short or damaged.", "Copy or download the file again."),
    "zip-many": Rule("The zip holds more files than any model does.", PACK_PLAIN_ZIP),
    "zip-name": Rule("A file in the zip has a name that leads out of its folder, or is no plain name.", PACK_PLAIN_ZIP),
    "zip-duplicate": Rule("Two files in the zip have the same name, so nobody can say which counts.", PACK_PLAIN_ZIP),
    "zip-link": Rule("The zip holds a link or another special file.", PACK_PLAIN_ZIP),
    "zip-encrypted": Rule("A file in the zip is encrypted.", "Pack it again without a password."),
    "zip-method": Rule("A file in the zip is compressed in a way that is not taken.", PACK_PLAIN_ZIP),
    "zip-header": Rule("The zip says one thing of a file in its index and another beside the file.", PACK_PLAIN_ZIP),
    "zip-overlap": Rule(
        "Files in the zip overlap, or there is something between them that belongs to none.", PACK_PLAIN_ZIP
    ),
    "zip-bomb": Rule("A file in the zip claims to unpack to far more than it holds.", PACK_PLAIN_ZIP),
    "zip-crc": Rule("A file in the zip is damaged: its checksum does not match.", "Copy or download the file again."),
    "zip-member": Rule("The zip holds a file that does not belong to this format.", PACK_PLAIN_ZIP),
    "zip-missing": Rule("A file that this format needs is not in it.", SAVE_AGAIN),
    "unpacked-size": Rule("Unpacked, it is larger than what may be brought in.", USE_SMALLER_MODEL),
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
    "config-class": Rule("The model uses a class that is no layer or setting of Keras itself.", AVOID_CUSTOM_CLASS),
    "config-function": Rule(
        "The model uses a function that is no activation, loss or metric of Keras.", AVOID_CUSTOM_CLASS
    ),
    "config-registered": Rule("A class of Keras is given a second, registered name.", SAVE_AGAIN),
    "config-path": Rule(
        "The model refers to a file by its path, such as a vocabulary, instead of holding it.",
        "Give the layer its words as a list, then save again.",
    ),
    "config-url": Rule("The model refers to an address on the network.", "Remove the address, then save again."),
    "config-name": Rule("A layer has a name that leads out of its folder.", "Rename the layer, then save again."),
    # HDF5
    "h5-broken": Rule("The HDF5 file is cut short or damaged.", "Copy or download the file again."),
    "h5-link": Rule("The HDF5 file holds a link to another place or to another file.", SAVE_AGAIN),
    "h5-external": Rule("The HDF5 file keeps numbers in other files.", "Save it again as one file."),
    "h5-filter": Rule(
        "The HDF5 file is compressed in a way that Keras does not write.", "Save it again without that filter."
    ),
    "h5-dtype": Rule("The HDF5 file holds something other than numbers.", SAVE_AGAIN),
    "h5-size": Rule(
        "The HDF5 file claims to hold far more numbers than it does, or than may be brought in.", USE_SMALLER_MODEL
    ),
    "h5-many": Rule("The HDF5 file holds more groups or arrays than any model does.", SAVE_AGAIN),
    "h5-depth": Rule("The HDF5 file is nested too deeply.", SAVE_AGAIN),
    "h5-weights-only": Rule(
        "The file holds weights alone, without the layers that use them.",
        "Name it .weights.h5 and bring it in with its architecture as .json, or bring in the whole model.",
    ),
    "h5-not-weights": Rule(
        "The file is not laid out as Keras 3 lays out weights.",
        "Load it in the program that made it, then save with model.save_weights('model.weights.h5').",
    ),
    "npz": Rule("An array in the file is no plain array of numbers.", SAVE_AGAIN),
    "assets": Rule("A file beside the weights is not what Keras writes there.", SAVE_AGAIN),
    # SavedModel and checkpoint
    "saved-model-broken": Rule(
        "The SavedModel is cut short, damaged or too large to be read.", EXPORT_SAVED_MODEL_AGAIN
    ),
    "saved-model-empty": Rule(
        "The SavedModel has no graph that could answer.", "Save it with signatures={'serving_default': function}."
    ),
    "saved-model-twice": Rule(
        "The SavedModel lies there in two versions, so nobody can say which counts.", EXPORT_SAVED_MODEL_AGAIN
    ),
    "saved-model-graphs": Rule(
        "Several graphs in the SavedModel are marked as the same one.", EXPORT_SAVED_MODEL_AGAIN
    ),
    "operation": Rule(
        "The graph uses an operation that is not on the list of those that only compute.",
        "Do that step outside of the model, then save again.",
    ),
    "saver-operation": Rule(
        "The graph reads or writes files outside of what its own saver does.",
        "Do that step outside of the model, then save again.",
    ),
    "asset-name": Rule(
        "The graph names a file outside of the model, or one that is not there.", EXPORT_SAVED_MODEL_AGAIN
    ),
    "graph-size": Rule(
        "A constant of the graph claims to be far larger than what may be brought in.", USE_SMALLER_MODEL
    ),
    "variables": Rule("The values of the variables are missing, cut short or damaged.", "Copy the whole folder again."),
    "checkpoint-several": Rule(
        "There are several checkpoints, and nothing says which one is meant.", "Pack the files of one of them."
    ),
    "checkpoint-path": Rule(
        "The file “checkpoint” points to a checkpoint that is not here.", "Pack the files of the checkpoint itself."
    ),
    # LiteRT
    "tflite-broken": Rule("The LiteRT file is cut short or damaged.", "Copy or download the file again."),
    "tflite-operation": Rule(
        "The LiteRT file needs operations that LiteRT itself does not have.",
        "Convert it again with built-in operations only, or bring in the SavedModel.",
    ),
    "tflite-tensor": Rule(
        "A tensor of the LiteRT file has a shape or place that cannot be.", "Convert the model again."
    ),
    "tflite-empty": Rule("The LiteRT file holds no graph that could answer.", "Convert the model again."),
    # ONNX
    "onnx-broken": Rule("The ONNX file is cut short or damaged.", "Copy or download the file again."),
    "onnx-external": Rule(
        "The ONNX file keeps numbers in other files.", "Save it again as one file: onnx.save(model, path)."
    ),
    "onnx-domain": Rule(
        "The ONNX file uses an operation of a set that is not taken.", "Export it again with ONNX' own operations."
    ),
    "onnx-empty": Rule("The ONNX file has no graph with outputs.", "Export the model again."),
    "onnx-size": Rule("A tensor of the ONNX file claims another size than it has.", "Export the model again."),
    # OpenVINO
    "xml": Rule(
        "The XML of the OpenVINO IR is damaged, or uses what OpenVINO never writes.", "Convert the model again."
    ),
    "openvino-operation": Rule(
        "The OpenVINO IR uses an operation of a set that is not taken.", "Convert it again without extensions."
    ),
    "openvino-empty": Rule("The OpenVINO IR has no graph with results.", "Convert the model again."),
    "openvino-offset": Rule("The OpenVINO IR points outside of its file of numbers.", "Convert the model again."),
    # The inspector itself
    "inspector-ended": Rule(
        "The process that looked into the file ended: the file is damaged or made to do that.", SAVE_AGAIN
    ),
    "inspector-slow": Rule("Looking into the file took too long.", USE_SMALLER_MODEL),
}


def refusal(rule: str, received: object = None) -> Refused:
    """The refusal for a rule; `received` is what the file says of itself, of any content and length."""
    means, cure = RULES[rule]
    return Refused(
        means, rule=rule, cure=cure, received=None if received is None else display_text(str(received)) or None
    )
