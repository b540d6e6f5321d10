"""Foreign errors in plain words. The texts are those that TensorFlow 2.21, Keras 3.15 and HDF5 raise, cut at most."""

import errno
import json
import os
import re

import pytest

from core.error_translation import DETAIL_LIMIT, STORAGE_ERRORS, find_cause, translate
from core.errors import (
    CannotSave,
    Damaged,
    DoesNotLoad,
    LibraryError,
    NeedsArchitecture,
    StorageFailed,
    TooLarge,
    WorkerError,
)
from core.known_errors import KNOWN_ERRORS, match_known_error
from tests.factories.converter_messages import CONVERTER_MESSAGES

MESSAGES = [
    (
        "<class 'keras.src.models.sequential.Sequential'> could not be deserialized properly. Please ensure that "
        "components that are Python object instances (layers, models, etc.) returned by `get_config()` are explicitly "
        "deserialized in the model's `from_config()` method.\n\nconfig={'module': 'keras', 'class_name': 'Sequential', "
        "'config': {'name': 'sequential'}}.\n\nException encountered: Could not locate class 'Scale'. Make sure custom "
        "classes and functions are decorated with `@keras.saving.register_keras_serializable()`.",
        "This process does not know the custom class 'Scale'.",
    ),
    (
        "Cannot deserialize object of type `Scale`. If `Scale` is a custom class, please register it using the "
        "`@keras.saving.register_keras_serializable()` decorator.",
        "This process does not know the custom class 'Scale'.",
    ),
    (
        "Could not interpret regularizer identifier: {'module': 'own', 'class_name': 'Scale', 'config': {}, "
        "'registered_name': 'Scale'}",
        "This process does not know the custom class 'Scale'.",
    ),
    ("Could not interpret optimizer identifier: my_opt", "This process does not know the custom class 'my_opt'."),
    (
        "Could not interpret activation function identifier: {'value': ['4wEAAAA=', None, None]}",
        "The model holds a lambda as its activation function, which is stored as Python bytecode and would run on "
        "loading.",
    ),
    (
        "Unknown layer: 'Scale'. Please ensure you are using a `keras.utils.custom_object_scope` and that this object "
        "is included in the scope.",
        "This process does not know the custom layer 'Scale'.",
    ),
    (
        "Could not locate function 'cl'. Make sure custom classes and functions are decorated with "
        "`@keras.saving.register_keras_serializable()`.",
        "This process does not know the custom function 'cl'.",
    ),
    (
        "Error when deserializing class 'Scale' using config={'factor': 3.0}.\n\nException encountered: Unrecognized "
        "keyword arguments passed to Scale: {'factor': 3.0}",
        "The class 'Scale' that was found takes other arguments than the saved one did ({'factor': 3.0}).",
    ),
    (
        "Unrecognized keyword arguments passed to LSTM: {'time_major': False}",
        "The class 'LSTM' that was found takes other arguments than the saved one did ({'time_major': False}).",
    ),
    (
        "Requested the deserialization of a `Lambda` layer whose `function` is a Python lambda. This carries a "
        "potential risk of arbitrary code execution and thus it is disallowed by default.",
        "The model contains a Lambda layer, which is stored as Python bytecode and would run on loading.",
    ),
    (
        "Requested the deserialization of a `TFSMLayer`, which loads an external SavedModel. This carries a potential "
        "risk of arbitrary code execution and thus it is disallowed by default.",
        "The model refers to a SavedModel outside of itself, by its path.",
    ),
    (
        "File format not supported: filepath=sm. Keras 3 only supports V3 `.keras` files, legacy H5 format files "
        "(`.h5` extension). Note that the legacy SavedModel format is not supported by `load_model()` in Keras 3.",
        "keras.models.load_model reads .keras and .h5 files only; this is something else.",
    ),
    (
        "The model provided has not yet been built. It must be built before export.",
        "The model has never seen an input, so its weights do not exist yet.",
    ),
    ("The model provided has never called.", "The model has never seen an input, so its weights do not exist yet."),
    (
        "Object Obj was created by passing non-serializable argument values in `__init__()`, and therefore the object "
        "must override `get_config()` in order to be serializable.",
        "The model holds an object that this format cannot write down as text.",
    ),
    (
        "Could not deserialize 'keras.metrics.mse' because it is not a KerasSaveable subclass",
        "The file names its loss or metric 'keras.metrics.mse' as a bare string, which this Keras cannot read back.",
    ),
    (
        "Layer count mismatch when loading weights from file. Model expected 3 layers, found 2 saved layers.",
        "The file holds weights of 2 layers, and the model has 3.",
    ),
    (
        "A total of 2 objects could not be loaded. Example error message for object <Dense name=dense, built=True>:\n\n"
        "The shape of the target variable and the shape of the target value in `variable.assign(value)` must match. "
        "variable.shape=(4, 5), Received: value.shape=(4, 3). Target variable: <Variable path=sequential/dense/kernel>",
        "A saved array has the shape (4, 3), and the variable that it belongs to has (4, 5).",
    ),
    (
        "Received incompatible tensor with shape (4, 3) when attempting to restore variable with shape (4, 5) and name "
        "kernel.",
        "A saved array has the shape (4, 3), and the variable that it belongs to has (4, 5).",
    ),
    (
        "Found 4 Python objects that were not bound to checkpointed values, likely due to changes in the Python "
        "program. Showing 4 of 4 unmatched objects",
        "Values in this checkpoint found no variable in the model, or variables found no value.",
    ),
    (
        "Unresolved object in checkpoint (root).optimizer._variables.2: attributes { name: 'VARIABLE_VALUE' }",
        "Values in this checkpoint found no variable in the model, or variables found no value.",
    ),
    (
        "Found zero restored functions for caller function.",
        "What came back holds variables, but no function to answer with.",
    ),
    ("'_UserObject' object is not callable", "What came back holds variables, but no function to answer with."),
    (
        "Tried to export a function which references an 'untracked' resource. TensorFlow objects (e.g. tf.Variable) "
        "captured by functions must be 'tracked' by assigning them to an attribute of a tracked object.",
        "A function of the model uses a variable that does not belong to the model.",
    ),
    (
        "{{function_node __wrapped__LookupTableFindV2_device_/job:localhost/replica:0/task:0/device:CPU:0}} Table not "
        "initialized. [Op:LookupTableFindV2]",
        "A vocabulary was lost on the way: its lookup table is empty.",
    ),
    (
        "Unable to synchronously open file (truncated file: eof = 8604, sblock->base_addr = 0, stored_eof = 17208)",
        "The file is cut short or is not what its name says.",
    ),
    ("Read less bytes than requested", "The file is cut short or is not what its name says."),
    (
        "Unable to synchronously open file (file signature not found)",
        "The file is damaged or of another kind than its name says.",
    ),
    ("No model config found in the file at model.h5.", "The file is damaged or of another kind than its name says."),
    (
        "Cannot parse file b'sm/saved_model.pb': Wire format was corrupt.",
        "The file is damaged or of another kind than its name says.",
    ),
    (
        "Unsuccessful TensorSliceReader constructor: Failed to find any matching files for sm/variables/variables",
        "A file of this copy is missing.",
    ),
    (
        "File not found: filepath=model.keras. Please ensure the file is an accessible `.keras` zip file.",
        "A file of this copy is missing.",
    ),
    (
        "Checksum does not match: stored 1203 vs. calculated on the restored bytes 77",
        "Bytes of this copy have changed since they were written.",
    ),
    (
        "Bad CRC-32 for file 'model.weights.h5'",
        "Bytes of this copy have changed since they were written.",
    ),
    (
        "Graph execution error:\n\nDetected at node Tile defined at (most recent call last):\n<stack traces "
        "unavailable>\nOOM when allocating tensor with shape[524288,524288] and type float on /job:localhost",
        "The process ran out of the memory that it may use.",
    ),
    ("maximum recursion depth exceeded", "The model is nested too deeply for Keras to walk through."),
    # Converters and the runtimes that read what they wrote
    (
        "Select TensorFlow op(s), included in the given model, is(are) not supported by this interpreter. Make sure "
        "you apply/link the Flex delegate before inference. Node number 2 (FlexWhile) failed to prepare.",
        "The file needs an operation of TensorFlow itself (FlexWhile), which the LiteRT runtime does not have.",
    ),
    (
        "error: 'tf.StringLower' op is neither a custom op nor a flex op. Could not translate MLIR to FlatBuffer.",
        "LiteRT has no operation for 'StringLower'.",
    ),
    (
        '[ONNXRuntimeError] : 10 : INVALID_GRAPH : This is an invalid model. In Node, ("Erfc"), Error No Op registered '
        "for Erfc with domain_version of 15",
        "The file is not valid ONNX: 'Erfc' was written down as it is, because opset 15 has no such operation.",
    ),
    (
        "[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : Could not find an implementation for Relu(14) node with name ''",
        "ONNX Runtime has no implementation of the operation 'Relu' for these types.",
    ),
    (
        "OpConversionFailure: No conversion rule found for operations: TensorListReserve, TensorListStack",
        "OpenVINO has no operation for TensorListReserve, TensorListStack.",
    ),
    (
        "Model references undeclared parameters: opset1::Parameter",
        "OpenVINO cannot hold the lookup table of this model.",
    ),
    (
        "Cannot create a tensor proto whose content is larger than 2GB.",
        "The model is larger than the 2 GB that one file of this format can hold.",
    ),
    (
        "Quantization mode='int8' doesn't work well with compute_dtype='float16'.",
        "Keras does not quantise a model that computes in float16.",
    ),
    (
        "For full integer quantization, a representative_dataset must be specified.",
        "The ranges of some layers were never measured, so they cannot be turned into integers.",
    ),
    (
        "Could not create PyBytes from string 0 of input 21.",
        "The quantizer cannot read a tensor of this model: it is text, or is kept in a variable.",
    ),
    (
        "The size of kernel exceeds the maximum shard size 0.001GB. You can increase the `max_shard_size` parameter.",
        "One array is larger than a shard may be (0.001GB).",
    ),
    (
        "Layer 'dense' expected 2 variables, but received 0 variables during loading. Expected: ['kernel', 'bias']",
        "The file holds 0 of the 2 arrays that the layer 'dense' asks for.",
    ),
    (
        "Layer 'dense' expected 2 variables, but received 1 variables during loading. Expected: ['kernel', 'bias']",
        "The file holds 1 of the 2 arrays that the layer 'dense' asks for.",
    ),
    ("Node 'head' is not unique", "Two parts of the model are called 'head', and a graph takes each name once."),
    (
        "Unable to synchronously create dataset (name already exists)",
        "Two weights of one layer have the same name, and an HDF5 file takes each name once.",
    ),
    (
        "Can't pickle local object 'classes.<locals>.DigitReader'",
        "Python pickles a class by the place where it is imported from, and 'classes.<locals>.DigitReader' is made "
        "inside a function.",
    ),
    # What a model of a person's own may bring along
    (
        "Unknown variable: <Variable path=sequential/d1/kernel, shape=(4, 8), dtype=float32>. This optimizer can only "
        "be called for the variables it was originally built with. When working with a new set of variables, you "
        "should recreate a new optimizer instance.",
        "The optimizer came back without the model's variables, so training cannot go on as it is.",
    ),
    (
        "Exception encountered when calling Lambda.call().\n\nname 'SCALE' is not defined",
        "A function of the model uses 'SCALE', which lives in your program and was not saved with it.",
    ),
    (
        "ValueError: Could not find callback with key=pyfunc_0 in the registry.",
        "The model calls Python code (numpy_function or py_function), which no file can hold.",
    ),
    (
        "No cast function available.",
        "HDF5 does not give back numbers of this dtype (bfloat16): it can write them and not read them.",
    ),
    (
        "unsupported scale value (nan) in channel 0 for INT8 tensor 2 in XNNPACK delegate",
        "A weight of this model is NaN or infinite, so it has no range that integers could stand for.",
    ),
    (
        "string indices must be integers, not 'str'",
        "The file holds a bare name where Keras looks for settings: a loss or metric of your own in .h5 does that.",
    ),
    (
        "'Mein Modell' is not a valid root scope name. A root scope name has to match the following pattern: ^[A-Z]",
        "The name 'Mein Modell' holds characters that a TensorFlow graph does not take.",
    ),
    (
        "(sqlite3.OperationalError) database is locked\n[SQL: SELECT entries.id FROM entries]",
        "The database in which the catalog lies refused.",
    ),
    (
        "in user code:\n\n    ValueError: Got a non-Tensor value (<tf.Tensor>, <tf.Tensor>) for key 'y' in the output",
        "The outputs of this model are nested, and a signature returns named tensors alone.",
    ),
    (
        "Weight count mismatch for layer #0 (named inner in the current model, inner in the save file). Layer expects "
        "6 weight(s). Received 2 saved weight(s)",
        "The file holds 2 of the 6 arrays that the layer 'inner' asks for.",
    ),
    (
        "Only input tensors may be passed as positional arguments. The following argument value should be passed as a "
        "keyword argument: 2 (of type <class 'int'>)",
        "The model holds an operation beside its layers (x * 2, say), which Keras cannot read back from .h5.",
    ),
    (
        "Unable to save the object {0: <Dense name=l0, built=True>} (a dictionary wrapper constructed automatically on "
        "attribute assignment). The wrapped dictionary contains a non-string key which maps to a trackable object or "
        "mutable data structure.",
        "Parts of the model stand in a dictionary whose keys are no text, which TensorFlow does not save.",
    ),
    (
        "'dict' object has no attribute 'name'",
        "The outputs of this model are nested, and a signature returns named tensors alone.",
    ),
    ("missing a required argument: 'b'", "The call of this model needs 'b', and was not given it."),
    ("No module named 'scipy'", "The Python package 'scipy' that this needs is not installed."),
    *CONVERTER_MESSAGES,
]


@pytest.mark.parametrize(("text", "sentence"), MESSAGES, ids=[text[:40] for text, _ in MESSAGES])
def test_translate_maps_library_message_to_sentence(text, sentence):
    result, cure = match_known_error(text)
    assert result == sentence
    assert cure.endswith(".")
    assert "{0}" not in cure


def test_known_error_every_case_is_first_match_of_some_message():
    first = {
        next(case.pattern for case in KNOWN_ERRORS if re.search(case.pattern, text, re.DOTALL)) for text, _ in MESSAGES
    }
    assert [case.pattern for case in KNOWN_ERRORS if case.pattern not in first] == []


def test_translate_cure_names_the_missing_class():
    _, cure = match_known_error("Could not locate class 'Scale'.")
    assert cure.startswith("Load it with the class at hand (custom_objects={'Scale': Scale}), or save as SavedModel")


def test_translate_puts_cause_in_sentence_and_full_text_in_detail():
    text = MESSAGES[0][0]
    error = translate(TypeError(text), DoesNotLoad)
    assert type(error) is DoesNotLoad
    assert error.sentence == "This process does not know the custom class 'Scale'."
    assert error.detail == f"TypeError: {text}"


def test_translate_unknown_keras_message_uses_last_cause():
    text = "could not be deserialized.\n\nException encountered: outer\n\nException encountered: the real reason"
    error = translate(ValueError(text), CannotSave)
    assert error.sentence == "The library said: the real reason"
    assert error.cure == "Read the details, or choose another format."


def test_translate_failure_of_a_layer_uses_the_cause_in_bold():
    text = "Exception encountered when calling LSTM.call().\n\n\x1b[1mIt has the shape (1, 2).\x1b[0m\n\nArguments"
    assert translate(ValueError(text), CannotSave).sentence == "The library said: It has the shape (1, 2)."


def test_translate_error_in_a_call_uses_its_cause():
    text = "Exception encountered when calling Own.call().\n\n\x1b[1mit takes no list\x1b[0m\n\nArguments received: …"
    assert translate(TypeError(text), CannotSave).sentence == "The library said: it takes no list"


def test_translate_unknown_message_uses_first_line():
    error = translate(RuntimeError("\n  first words\nsecond words"), DoesNotLoad)
    assert error.sentence == "The library said: first words"
    assert error.cure == "Read the details; if the model has code of its own, load it with that code."


def test_translate_empty_message_uses_exception_name():
    assert translate(KeyboardInterrupt(), WorkerError).sentence == "The library said: KeyboardInterrupt"


def test_translate_long_message_keeps_both_ends():
    error = translate(RuntimeError("a" * 50_000 + "Exception encountered: the end"), WorkerError)
    assert error.sentence == "The library said: the end"
    assert error.detail.endswith("the end")
    assert len(error.detail) == DETAIL_LIMIT + len("\n…\n") + len("RuntimeError: ")


def test_translate_removes_hidden_paths():
    error = translate(ValueError("cannot read /secret/place/model.h5"), DoesNotLoad, hidden_paths=["/secret/place"])
    assert error.sentence == "The library said: cannot read …/model.h5"
    assert "/secret" not in json.dumps(error.to_json())


@pytest.mark.parametrize("number", [errno.ENOTEMPTY, errno.ENOENT, errno.ENOSPC, errno.ENAMETOOLONG])
def test_translate_removes_folders_named_by_os_error(number, tmp_path):
    error = OSError(number, os.strerror(number), str(tmp_path / "one" / "a.txt"), None, tmp_path / "b.txt")
    record = translate(error, LibraryError).to_json()
    assert str(tmp_path) not in "".join(record.values())
    assert "a.txt" in record["detail"]
    assert "b.txt" in record["detail"]


def test_translate_passes_own_errors_unchanged():
    architecture = NeedsArchitecture("Weights alone.")
    assert translate(architecture, WorkerError) is architecture


SENTENCES_BY_ERRNO = {
    errno.ENOSPC: "The disk is full.",
    errno.EDQUOT: "The disk quota is used up.",
    errno.EROFS: "The library lies on a read-only disk.",
    errno.EACCES: "The library may not be written here.",
    errno.EPERM: "The library may not be written here.",
    errno.ENOTDIR: "A file lies where the library needs a folder.",
    errno.EMFILE: "This process has too many files open.",
    errno.ENFILE: "This computer has too many files open.",
    errno.ENOMEM: "This computer has no memory left.",
    errno.EIO: "The disk reported an error.",
    errno.ESTALE: "The disk in the network was replaced or is gone.",
}


@pytest.mark.parametrize(
    ("number", "sentence"), SENTENCES_BY_ERRNO.items(), ids=[errno.errorcode[number] for number in SENTENCES_BY_ERRNO]
)
def test_translate_storage_errno_gives_storage_failed_for_any_default(number, sentence):
    for doing in (LibraryError, CannotSave, WorkerError):
        error = translate(OSError(number, "foreign words", "/secret/file"), doing, hidden_paths=["/secret"])
        assert type(error) is StorageFailed
        assert error.sentence == sentence
        assert "/secret" not in error.detail


def test_storage_errnos_all_have_an_expected_sentence():
    assert SENTENCES_BY_ERRNO.keys() == STORAGE_ERRORS.keys()


def test_a_missing_file_is_not_a_storage_failure():
    error = translate(FileNotFoundError(errno.ENOENT, "No such file or directory", "x"), Damaged)
    assert (type(error), error.sentence) == (Damaged, "A file of this copy is missing.")


def test_translate_memory_error_names_the_setting():
    error = translate(MemoryError(), DoesNotLoad)
    assert type(error) is TooLarge
    assert error.sentence == "The process ran out of the memory that it may use."
    assert error.cure.startswith("Raise ROUNDTRIP_CHILD_GIB")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("Graph execution error:\n\nTable not initialized.\n\t [[{{node lookup}}]]", "Table not initialized."),
        ("The model fell over.\n\nException encountered: no such axis\nat axis 3", "no such axis"),
        ("Exception encountered when calling Dense.call().\n\n\x1b[1mno such axis\x1b[0m\n\nArguments", "no such axis"),
        ("\nsomething else\nand more", "something else"),
        ("", "no message"),
    ],
    ids=["known", "appended", "bold", "first-line", "empty"],
)
def test_find_cause_returns_the_line_that_names_it(text: str, cause: str):
    assert find_cause(text) == cause
