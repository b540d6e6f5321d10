"""Known error messages of converters and of the runtimes of converted files: the first rows of `KNOWN_ERRORS`."""

from core.errors import KnownError

CONVERTER_ERRORS = (
    KnownError(
        r"(Core ML predicts on macOS alone\. [^\n]+)",
        "{0}",
        "To have it predict, ask this environment on a Mac, or open the converted package in Xcode there.",
    ),
    KnownError(
        r"coremltools stopped, and the model has a loop",
        "Core ML's converter stopped, and this model has a loop, as recurrent layers are.",
        "If it has recurrent layers, build them with unroll=True; else choose ONNX.",
    ),
    KnownError(
        r"running MaxPool node.*?Unsupported pooling size",
        "ONNX Runtime does not pool over as many axes as this file asks for, though the file is valid ONNX.",
        "If Keras exported it under the back end JAX, export it under TensorFlow.",
    ),
    KnownError(
        r"Unsupported Ops in the model (?:before|after) optimization\n([^\n]+)",
        "TensorFlow.js has no operation for {0}.",
        "Do that step outside of the model, or choose SavedModel, which keeps every operation.",
    ),
    KnownError(
        r"Cannot read properties of undefined \(reading 'backend'\)",
        "TensorFlow.js stopped at a tensor that was not there. Models with loops, as of recurrent layers, end so.",
        "If the model has recurrent layers, build them with unroll=True; else choose ONNX, which pages run too.",
    ),
    KnownError(
        r"Got a non-Tensor value|'(?:dict|list|tuple)' object has no attribute 'name'",
        "The outputs of this model are nested, and a signature returns named tensors alone.",
        "Return one tensor, or a list or dictionary of tensors, from call(); or choose .keras, which keeps them.",
    ),
    KnownError(
        r"missing a required (?:positional )?argument: '(\w+)'",
        "The call of this model needs '{0}', and was not given it.",
        "Give all inputs. To export it, write a build() with a parameter for each (a_shape, b_shape), without which "
        "Keras notes the first alone; or let call() take one list or dictionary.",
    ),
    KnownError(  # raised for layers with adapters alone
        r"Unsupported quantization mode: (\w+)",
        "Keras merges the LoRA adapters of a layer as it writes it, and cannot where the layer computes in {0}.",
        "Choose the Keras file in 8-bit integers, or plain .keras.",
    ),
    KnownError(
        r"Layer (\w+) requires TensorFlow",
        "Keras computes the layer {0} by TensorFlow alone, which is not among these packages.",
        "Do that step outside of the model, or take SavedModel or .keras and packages with TensorFlow.",
    ),
    KnownError(
        r"Select TensorFlow op\(s\).*?\((Flex\w+)\) failed to prepare",
        "The file needs an operation of TensorFlow itself ({0}), which the LiteRT runtime does not have.",
        "Build recurrent layers with unroll=True, use the float32 policy, keep text outside; or choose SavedModel.",
    ),
    KnownError(
        r"'tf\.(\w+)' op is neither a custom op nor a flex op|Custom ops: (\w+)",
        "LiteRT has no operation for '{0}{1}'.",
        "Do that step outside of the model, or choose SavedModel, which keeps every operation.",
    ),
    KnownError(
        r"Unexpected type: RESOURCE|TFL_VAR_HANDLE",
        "This LiteRT file keeps values in variables, and the converter knows none.",
        "Convert the model that the file was made from.",
    ),
    KnownError(
        r"No Op registered for (\w+) with domain_version of (\d+)",
        "The file is not valid ONNX: '{0}' was written down as it is, because opset {1} has no such operation.",
        "Say the same with other operations, or choose SavedModel, which keeps every operation.",
    ),
    KnownError(
        r"NOT_IMPLEMENTED.*?implementation for (\w+)",
        "ONNX Runtime has no implementation of the operation '{0}' for these types.",
        "Try another opset, or choose SavedModel, which keeps every operation.",
    ),
    KnownError(
        r"Non-zero status code returned while running (\w+) node.*?Status Message: ([^\n]+)",
        "ONNX Runtime's operation {0} failed: {1}",
        "Read the details; where the size of an input is free, try another one.",
    ),
    KnownError(
        r"No conversion rule found for operations?: ([^\n|]+)|Conversion is failed for: ([^\n|]+)",
        "OpenVINO has no operation for {0}{1}.",
        "Do that step outside of the model (a recurrent layer: build it with unroll=True), or choose SavedModel.",
    ),
    KnownError(
        r"Model references undeclared parameters",
        "OpenVINO cannot hold the lookup table of this model.",
        "Look words up outside of the model, or choose SavedModel or .keras, which keep vocabularies.",
    ),
    KnownError(
        r"(?:content|[Pp]rotobuf|message).{0,80}(?:larger than|exceed\w*).{0,40}(?:2 ?GB|2147483647)"
        r"|[Ff]ailed to serialize proto|too large to be serialized",
        "The model is larger than the 2 GB that one file of this format can hold.",
        "Choose SavedModel, Keras weights in shards or safetensors, which have no such limit.",
    ),
    KnownError(
        r"Quantization mode='(\w+)' doesn't work well with compute_dtype='(\w+)'",
        "Keras does not quantise a model that computes in {1}.",
        "Train it with the float32 policy, or choose another format.",
    ),
    KnownError(
        r"Missing QSVs? \(min/max\) for tensor|representative_dataset must be specified",
        "The ranges of some layers were never measured, so they cannot be turned into integers.",
        "Give more calibration rows, or choose dynamic range, which needs none.",
    ),
    KnownError(
        r"Could not create PyBytes from string",
        "The quantizer cannot read a tensor of this model: it is text, or is kept in a variable.",
        "Choose dynamic range, which needs no calibration, or turn text into numbers outside of the model.",
    ),
    KnownError(
        r"no_integer_overflow_from_quantization",
        "A scale in this LiteRT file is no number: a weight or the range of a layer is NaN or infinite.",
        "Find the step of training at which the loss became NaN; or choose a format in floats.",
    ),
    KnownError(
        r"failed to create XNNPACK|\(TfLiteXNNPackDelegate\)",
        "XNNPACK, by which LiteRT computes unless told otherwise, does not take this file.",
        "Open it with experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES.",
    ),
    KnownError(
        r"'tfl\.(\w+)' op operand #\d+ must be .{0,200}but got 'tensor<[^>]*xi8>'",
        "LiteRT has no '{0}' over the 8-bit integers of Keras' own quantisation.",
        "Convert the model that it was quantised from; LiteRT in 8-bit integers is a format of its own.",
    ),
    KnownError(
        r"Layer '([^']+)' is already quantized with dtype_policy='([^']+)'",
        "The layer '{0}' is quantised already ({1}), and what was rounded once is not rounded again.",
        "Save it as .keras, which keeps it as it is, or quantise the model that it was made from.",
    ),
    KnownError(
        r"[a-z_/]+\.cc:\d+ (.{1,200}?) was not true\..{0,20}Node number \d+ \((\w+)\)",
        "LiteRT's operation {1} does not take the tensors of this file: “{0}” does not hold.",
        "Read the details; where the size of an input is free, try a larger one; else choose another format.",
    ),
    KnownError(
        r"Convert name.{0,400}?to: dynamic",
        "The model converts numbers to a type that OpenVINO does not have, as bfloat16 and float8.",
        "Save it as .keras or SavedModel, or convert the model in float32.",
    ),
    KnownError(
        r"float8_e[45]m[23]|f8E[45]M[23]",
        "The model computes in floats of 8 bits (float8), which this format does not have.",
        "Save it as .keras or SavedModel, or convert the model that it was quantised from.",
    ),
    KnownError(
        r"Chosen Builtin Option is not accessible",
        "This LiteRT file holds numbers in a reduced form that OpenVINO does not read.",
        "Convert the model that the file was made from.",
    ),
    KnownError(
        r"creating a circle in the graph is not allowed|_dequant\".{0,400}?has input size 1 not in range",
        "The converter to ONNX does not read the quantised form of this LiteRT file.",
        "Convert the model that the file was made from.",
    ),
    KnownError(
        r"Input \d+ of node (\S+) was passed \w+ from \S+ incompatible with expected resource",
        "The model changes a variable while it answers ('{0}'), and a graph of constants holds none.",
        "Save as .keras or SavedModel, which keep it; or hand the state over as an input and an output. Random "
        "augmentation belongs in the data pipeline, before the model.",
    ),
    KnownError(
        r"Cannot convert \S+ to EagerTensor of dtype int8",
        "Keras cannot rebuild a SpectralNormalization around a layer that is quantised.",
        "Leave that layer out: model.quantize(mode, filters=lambda layer: ...), then save again.",
    ),
    KnownError(
        r"Type parameter \(T\) of Optype \((\w+)\) bound to different types",
        "The file is not valid ONNX: '{0}' is given numbers of two types, as in a model of mixed precision.",
        "Convert the model under the float32 policy, or choose SavedModel, which keeps every operation.",
    ),
    KnownError(
        r"exceeds the maximum shard size (.+?)\. You",
        "One array is larger than a shard may be ({0}).",
        "Choose larger shards.",
    ),
    KnownError(
        r"TFLM failed to allocate tensors",
        "LiteRT for microcontrollers has no kernel for an operation of this file, or none for its types, such as 8-bit "
        "or half-precision weights beside float numbers.",
        "Take LiteRT in float32, or with whole numbers throughout.",
    ),
    KnownError(
        r"Error invoking IREE compiler tool",
        "IREE's compiler does not compile this file.",
        "Take the ONNX file, or the StableHLO file, whichever this one is not.",
    ),
    KnownError(
        r"memory_format that is unsupported in ExecuTorch: torch\.(\w+)",
        "ExecuTorch does not take the order in which this model keeps the numbers of its pictures ({0}).",
        "Take LiteRT or ONNX for phones.",
    ),
    KnownError(
        r"Didn't find op for builtin opcode '(\w+)'",
        "These kernels have no operation {0}.",
        "Take another format, or keep that part of the model outside of it.",
    ),
)
