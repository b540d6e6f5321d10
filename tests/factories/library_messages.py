"""Messages of TensorFlow 2.21, Keras 3.15 and HDF5, cut at most, with the sentence that is said instead."""

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
        "<class 'notes.Detector'> could not be deserialized properly. Exception encountered: Detector.__init__() got "
        "an unexpected keyword argument 'trainable'",
        "The constructor of the class 'Detector' does not take 'trainable', which Keras hands to every layer that it "
        "rebuilds.",
    ),
    (
        "Learning rate schedule 'WarmUp' must override `get_config()` in order to be serializable.",
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
    (
        "Value passed to parameter 'values' has DataType float32 not in list of allowed values: int32, int64",
        "An operation of the model is given numbers of the type float32, and takes these alone: int32, int64.",
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
    (
        "Unsupported quantization mode: float8",
        "Keras merges the LoRA adapters of a layer as it writes it, and cannot where the layer computes in float8.",
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
