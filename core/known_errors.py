"""Known error messages of other libraries: what each means, and its cure.

Keras puts the cause at the end of a message of up to a thousand characters, TensorFlow in the middle. Each row of
`KNOWN_ERRORS` matches the cause, states it, and names the cure; the first match counts.
"""

import re
from collections.abc import Iterable

from core.errors import KnownError
from core.known_converter_errors import CONVERTER_ERRORS

CUSTOM_CLASS_CURE = (
    "Load it with the class at hand (custom_objects={{'{0}': {0}}}), or save as SavedModel, which needs no class."
)
OUT_OF_MEMORY = "The process ran out of the memory that it may use."
OUT_OF_MEMORY_CURE = "Raise ROUNDTRIP_CHILD_GB, or use a smaller model or batch."

KNOWN_ERRORS = (
    *CONVERTER_ERRORS,
    KnownError(
        r"Could not locate class '([^']+)'", "This process does not know the custom class '{0}'.", CUSTOM_CLASS_CURE
    ),
    KnownError(
        r"Cannot deserialize object of type `([^`]+)`",
        "This process does not know the custom class '{0}'.",
        CUSTOM_CLASS_CURE,
    ),
    KnownError(
        r"Could not interpret ([a-z ]+) identifier: \{'value': \[",
        "The model holds a lambda as its {0}, which is stored as Python bytecode and would run on loading.",
        "Give it a function with a name instead, or save as SavedModel.",
    ),
    KnownError(
        r"Could not interpret [a-z ]+ identifier: (?:\{.*?'class_name': ')?(\w+)",
        "This process does not know the custom class '{0}'.",
        CUSTOM_CLASS_CURE,
    ),
    KnownError(r"Unknown layer: '([^']+)'", "This process does not know the custom layer '{0}'.", CUSTOM_CLASS_CURE),
    KnownError(
        r"Could not locate function '([^']+)'",
        "This process does not know the custom function '{0}'.",
        "Load it with custom_objects={{'{0}': {0}}}, or with compile=False if only training needs it.",
    ),
    KnownError(
        r"Unrecognized keyword arguments passed to (\w+): (\{.*?\})",
        "The class '{0}' that was found takes other arguments than the saved one did ({1}).",
        "Give the version of the class that the model was saved with.",
    ),
    KnownError(
        r"Requested the deserialization of a `?Lambda`? layer|Lambda.*arbitrary code",
        "The model contains a Lambda layer, which is stored as Python bytecode and would run on loading.",
        "Replace the Lambda by a layer class of your own, or save as SavedModel.",
    ),
    KnownError(
        r"Requested the deserialization of a `?TFSMLayer`?",
        "The model refers to a SavedModel outside of itself, by its path.",
        "Save the model that the path names, not the reference to it.",
    ),
    KnownError(
        r"File format not supported.*Keras 3 only supports",
        "keras.models.load_model reads .keras and .h5 files only; this is something else.",
        "Load a SavedModel directory with tf.saved_model.load, and call signatures['serving_default'].",
    ),
    KnownError(
        r"The model provided has not yet been built|have not been built|never been called|has never called",
        "The model has never seen an input, so its weights do not exist yet.",
        "Call it once on a batch, or give it keras.Input, then save again.",
    ),
    KnownError(
        r"non-serializable argument values|Unable to serialize|Cannot serialize|not JSON serializable|"
        r"must override `get_config\(\)` in order to be serializable",
        "The model holds an object that this format cannot write down as text.",
        "Give its layer a get_config() that returns plain values, or save as SavedModel.",
    ),
    KnownError(
        r"Could not deserialize '(keras\.metrics\.\w+|keras\.losses\.\w+)'",
        "The file names its loss or metric '{0}' as a bare string, which this Keras cannot read back.",
        "Load it with compile=False, or compile with the object (keras.losses.MeanSquaredError()) before saving.",
    ),
    KnownError(
        r"Unknown variable: .*This optimizer can only be called for the variables it was originally built with",
        "The optimizer came back without the model's variables, so training cannot go on as it is.",
        "Compile the model again, which starts a fresh optimizer, or save as .keras, which keeps it whole.",
    ),
    KnownError(
        r"Layer count mismatch.*expected (\d+) layers, found (\d+)",
        "The file holds weights of {1} layers, and the model has {0}.",
        "Use the architecture that the weights were saved from.",
    ),
    KnownError(
        r"Shape mismatch in layer #\d+ \(named ([^)]+)\) ?for weight (\S+)\. Weight expects shape (\([^)]*\))\. "
        r"Received saved weight with shape (\([^)]*\))",
        "The file hands the weight '{1}' an array of shape {3}, and it has {2}.",
        "Use the architecture that the weights were saved from; Keras itself mixes up the arrays of float8 layers in "
        ".h5: save those as .keras.",
    ),
    KnownError(
        r"variable\.shape=(\([^)]*\)).*?value\.shape=(\([^)]*\))",
        "A saved array has the shape {1}, and the variable that it belongs to has {0}.",
        "Use the architecture that the weights were saved from.",
    ),
    KnownError(
        r"incompatible tensor with shape (\([^)]*\)).*?shape (\([^)]*\))",
        "A saved array has the shape {0}, and the variable that it belongs to has {1}.",
        "Use the architecture that the checkpoint was saved from.",
    ),
    KnownError(
        r"Layer '([^']+)' expected (\d+) variables, but received 0 variables during loading",
        "The file holds 0 of the {1} arrays that the layer '{0}' asks for.",
        "If nested models share this layer, Keras writes it once and rebuilds it apart: save as SavedModel, or its "
        "weights and load them into the code. A quantised model with a class of its own cannot be rebuilt.",
    ),
    KnownError(
        r"Layer '([^']+)' expected (\d+) variables, but received (\d+) variables during loading",
        "The file holds {2} of the {1} arrays that the layer '{0}' asks for.",
        "Use the architecture that it was saved from; a quantised model with a class of its own cannot be rebuilt.",
    ),
    KnownError(
        r"Weight count mismatch for layer #\d+ \(named (\S+) in .*?expects (\d+) weight\(s\)\. Received (\d+) saved",
        "The file holds {2} of the {1} arrays that the layer '{0}' asks for.",
        "If nested models share a layer in it, Keras writes that once and rebuilds it apart: save as SavedModel. Else "
        "use the architecture that it was saved from.",
    ),
    KnownError(
        r"Only input tensors may be passed as positional arguments",
        "The model holds an operation beside its layers (x * 2, say), which Keras cannot read back from .h5.",
        "Save it as .keras or SavedModel, or put the operation into a layer of your own.",
    ),
    KnownError(
        r"not bound to checkpointed values|Unresolved object in checkpoint",
        "Values in this checkpoint found no variable in the model, or variables found no value.",
        "Build the model with the same code that wrote the checkpoint.",
    ),
    KnownError(
        r"Found zero restored functions|is not callable",
        "What came back holds variables, but no function to answer with.",
        "Save with signatures={{'serving_default': function}}.",
    ),
    KnownError(
        r"'untracked' resource",
        "A function of the model uses a variable that does not belong to the model.",
        "Make the variable an attribute of the model, then save again; with augmentation layers, save "
        "keras.Model(inputs, model(inputs, training=False)) instead.",
    ),
    KnownError(
        r"name '(\w+)' is not defined",
        "A function of the model uses '{0}', which lives in your program and was not saved with it.",
        "Import it inside of that function, make it part of a layer of your own, or save as SavedModel.",
    ),
    KnownError(
        r"Could not find callback with key=pyfunc|pyfunc_\d+",
        "The model calls Python code (numpy_function or py_function), which no file can hold.",
        "Say the same with TensorFlow operations, then save again.",
    ),
    KnownError(
        r"No cast function available",
        "HDF5 does not give back numbers of this dtype (bfloat16): it can write them and not read them.",
        "Save as .keras or SavedModel, or with float32 weights.",
    ),
    KnownError(
        r"unsupported scale value \(-?(?:nan|inf)\)",
        "A weight of this model is NaN or infinite, so it has no range that integers could stand for.",
        "Find the step of training at which the loss became NaN; choose a smaller learning rate.",
    ),
    KnownError(
        r"string indices must be integers, not 'str'",
        "The file holds a bare name where Keras looks for settings: a loss or metric of your own in .h5 does that.",
        "Load it with compile=False, or save as .keras, which needs the function by its name.",
    ),
    KnownError(
        r"Node '([^']+)' is not unique",
        "Two parts of the model are called '{0}', and a graph takes each name once.",
        "Give its layers and outputs names of their own, then save again.",
    ),
    KnownError(
        r"Unable to save the object .*contains a non-string key",
        "Parts of the model stand in a dictionary whose keys are no text, which TensorFlow does not save.",
        "Give them text as keys, or put them into a list; or choose .keras.",
    ),
    KnownError(
        r"name already exists",
        "Two weights of one layer have the same name, and an HDF5 file takes each name once.",
        "Give them names of their own in add_weight(name=...), or save as .keras.",
    ),
    KnownError(
        r"'([^']+)' is not a valid (?:root )?scope name",
        "The name '{0}' holds characters that a TensorFlow graph does not take.",
        "Name the model and its layers with letters, digits, '_', '-' and '.' alone.",
    ),
    KnownError(
        r"Table not initialized",
        "A vocabulary was lost on the way: its lookup table is empty.",
        "Save as .keras or SavedModel, which keep vocabularies.",
    ),
    KnownError(
        r"Unable to synchronously open file \(truncated file|Read less bytes than requested|not a zip file|BadZipFile",
        "The file is cut short or is not what its name says.",
        "Save it again.",
    ),
    KnownError(
        r"file signature not found|No model config found|Wire format was corrupt|Cannot parse file",
        "The file is damaged or of another kind than its name says.",
        "Save it again.",
    ),
    KnownError(
        r"Failed to find any matching files|No such file or directory|File not found: filepath|NOT_FOUND",
        "A file of this copy is missing.",
        "Restore it from a backup, or save the run again.",
    ),
    KnownError(
        r"[Cc]hecksum does not match|Bad CRC-32",
        "Bytes of this copy have changed since they were written.",
        "Restore it from a backup, or save the run again.",
    ),
    KnownError(
        r"OOM when allocating|RESOURCE_EXHAUSTED|std::bad_alloc|Cannot allocate memory|\bMemoryError\b"
        r"|[Ff]ailed to allocate (?:\d+ bytes of )?memory|Unable to allocate [\d.]+ [KMGTP]iB",
        OUT_OF_MEMORY,
        OUT_OF_MEMORY_CURE,
    ),
    KnownError(
        r"Exception from src/[^\n]*\n(?:(?:Exception from |Check '|\[\w+\] [^\n]*Check ')[^\n]*\n)*([^\n]+)",
        "OpenVINO said: {0}",
        "Read the details; where the size of an input is free, try a larger one.",
    ),
    KnownError(
        r"^\((?:sqlite3|psycopg\w*|pymysql|oracledb)\.",
        "The database in which the catalog lies refused.",
        "Look at `roundtrip doctor`; `roundtrip rebuild` makes the catalog anew from the folders.",
    ),
    KnownError(
        r"Value passed to parameter '\w+' has DataType (\w+) not in list of allowed values: ([\w, ]+)",
        "An operation of the model is given numbers of the type {0}, and takes these alone: {1}.",
        "Try the model's own predict(), which computes in a graph too, and change the layer that needs another type.",
    ),
    KnownError(
        r"recursion depth exceeded",
        "The model is nested too deeply for Keras to walk through.",
        "Build it from fewer nested layers.",
    ),
    KnownError(
        r"Can't (?:pickle|get) local object '([^']+)'",
        "Python pickles a class by the place where it is imported from, and '{0}' is made inside a function.",
        "Define the class at the top of a module, or choose SavedModel, which needs no class.",
    ),
    KnownError(  # of no class of Keras: all of its own take these
        r"(\w+)\.__init__\(\) got an unexpected keyword argument '(trainable|name|dtype)'",
        "The constructor of the class '{0}' does not take '{1}', which Keras hands to every layer that it rebuilds.",
        "Let it take **kwargs and hand them to super().__init__(**kwargs), then save again.",
    ),
    KnownError(
        r"(\w+)\.__init__\(\) got an unexpected keyword argument '([^']+)'",
        "The class '{0}' of this Keras does not know the argument '{1}' that the file gives it.",
        "Load it in the Keras that saved it, or load its weights alone into the model that its code builds.",
    ),
    KnownError(
        r"Unrecognized keyword arguments: (\[[^\]]*'batch_shape'[^\]]*\])",
        "This is a file of Keras 3, and Keras 2 does not know the arguments of its inputs ({0}).",
        "Load its weights alone into the model that its code builds, or save the model as SavedModel.",
    ),
    KnownError(
        r"No module named '([^']+)'",
        "The Python package '{0}' that this needs is not installed.",
        "Install it (pip install {0}), then try again.",
    ),
)


def match_known_error(text: str, errors: Iterable[KnownError] = KNOWN_ERRORS) -> tuple[str, str] | None:
    """Return the sentence and the cure for a foreign text, or None where no known error matches."""
    for known in errors:
        if match := re.search(known.pattern, text, re.DOTALL):
            groups = match.groups(default="")
            return known.sentence.format(*groups), known.cure.format(*groups)
    return None


def find_known_line(text: str) -> str | None:
    """Return the line of a foreign text at which the first known error that matches begins, else None."""
    for known in KNOWN_ERRORS:
        if match := re.search(known.pattern, text, re.DOTALL):
            return text[text.rfind("\n", 0, match.start()) + 1 :].partition("\n")[0]
    return None
