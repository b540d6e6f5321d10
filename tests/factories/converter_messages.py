"""What converters and the runtimes of their files were seen to say, and the sentence that it must become."""

CONVERTER_MESSAGES = [
    (
        "Core ML predicts on macOS alone. Here the copy was converted: 4 operations, 208,186 bytes.",
        "Core ML predicts on macOS alone. Here the copy was converted: 4 operations, 208,186 bytes.",
    ),
    (
        "coremltools stopped, and the model has a loop: list index out of range",
        "Core ML's converter stopped, and this model has a loop, as recurrent layers are.",
    ),
    (
        "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Non-zero status code returned while running MaxPool node. "
        "Name:'node_MaxPool_2' Status Message: Unsupported pooling size.",
        "ONNX Runtime does not pool over as many axes as this file asks for, though the file is valid ONNX.",
    ),
    (
        "Unsupported Ops in the model before optimization\nStringLower, UnicodeDecode",
        "TensorFlow.js has no operation for StringLower, UnicodeDecode.",
    ),
    (
        "Cannot read properties of undefined (reading 'backend')",
        "TensorFlow.js stopped at a tensor that was not there. Models with loops, as of recurrent layers, end so.",
    ),
    (
        "[ONNXRuntimeError] : 1 : FAIL : Load model from model.onnx failed:Type Error: Type parameter (T) of Optype "
        "(MatMul) bound to different types (tensor(float16) and tensor(bfloat16) in node (mixed/dense/MatMul).",
        "The file is not valid ONNX: 'MatMul' is given numbers of two types, as in a model of mixed precision.",
    ),
    (
        "Input 0 of node whole_1/random_hue_1/AssignVariableOp was passed int64 from "
        "whole_1/random_hue_1/ReadVariableOp/resource:0 incompatible with expected resource.",
        "The model changes a variable while it answers ('whole_1/random_hue_1/AssignVariableOp'), and a graph of "
        "constants holds none.",
    ),
    (
        "<class 'keras.src.models.functional.Functional'> could not be deserialized properly.\n\n"
        "Exception encountered: Cannot convert 0.0 to EagerTensor of dtype int8",
        "Keras cannot rebuild a SpectralNormalization around a layer that is quantised.",
    ),
    (
        "failed to create XNNPACK runtimeNode number 24 (TfLiteXNNPackDelegate) failed to prepare.",
        "XNNPACK, by which LiteRT computes unless told otherwise, does not take this file.",
    ),
    (
        "error: 'tfl.fully_connected' op operand #0 must be tensor of 32-bit float or QI8 type or QUI8 type or QI16 "
        "type or QUI16 type values, but got 'tensor<?x4xi8>'",
        "LiteRT has no 'fully_connected' over the 8-bit integers of Keras' own quantisation.",
    ),
    (
        "Layer 'dense_5' is already quantized with dtype_policy='int8_from_float32'. Received: mode=int8",
        "The layer 'dense_5' is quantised already (int8_from_float32), and what was rounded once is not rounded again.",
    ),
    (
        "Check 'it != type_map.end()' failed at src/frontends/tensorflow_lite/src/utils.cpp:95:\n"
        "FrontEnd API failed with GeneralFailure:\nUnexpected type: RESOURCE\n",
        "This LiteRT file keeps values in variables, and the converter knows none.",
    ),
    (
        'Load model failed:This is an invalid model. In Node, ("scale", TFL_VAR_HANDLE, "", -1) , Error No Op '
        "registered for TFL_VAR_HANDLE with domain_version of 15",
        "This LiteRT file keeps values in variables, and the converter knows none.",
    ),
    (
        "Check 'opts != nullptr' failed at src/frontends/tensorflow_lite/src/decoder_flatbuffer.h:40:\n"
        "FrontEnd API failed with GeneralFailure:\nChosen Builtin Option is not accessible for this node\n",
        "This LiteRT file holds numbers in a reduced form that OpenVINO does not read.",
    ),
    (
        "creating a circle in the graph is not allowed: StatefulPartitionedCall_1:0_dequant",
        "The converter to ONNX does not read the quantised form of this LiteRT file.",
    ),
    (
        'This is an invalid model. In Node, ("MatMul_dequant", Add, "", -1) : ("MatMul": tensor(float16),) -> '
        '("MatMul_dequant",) , Error Node(MatMul_dequant) with schema(::Add:14) has input size 1 not in range [min=2',
        "The converter to ONNX does not read the quantised form of this LiteRT file.",
    ),
    (
        "Exception from src/inference/src/cpp/infer_request.cpp:224:\n"
        "Exception from src/plugins/intel_cpu/src/node.cpp:794:\n"
        "[CPU] Transpose node with name 'mul_1' Check 'ptr' failed at src/plugins/intel_cpu/src/cpu_memory.cpp:257:\n"
        "Failed to allocate 33718272 bytes of memory\n\n\n",
        "The process ran out of the memory that it may use.",
    ),
    (
        "Exception from src/inference/src/cpp/core.cpp:132:\nException from src/inference/src/dev/plugin.cpp:59:\n"
        "Check '!shape.rank().is_dynamic()' failed at src/plugins/intel_cpu/src/node.cpp:108:\n"
        "Unexpected: CPU plug-in doesn't support Parameter operation with dynamic rank. Operation name: x\n\n\n",
        "OpenVINO said: Unexpected: CPU plug-in doesn't support Parameter operation with dynamic rank. "
        "Operation name: x",
    ),
    (
        "tflite/kernels/kernel_util.cc:349 no_integer_overflow_from_quantization was not true.Node number 1 "
        "(FULLY_CONNECTED) failed to prepare.",
        "A scale in this LiteRT file is no number: a weight or the range of a layer is NaN or infinite.",
    ),
    (
        "tensorflow/lite/kernels/conv.cc:349 input->dims->data[3] != filter->dims->data[3] * groups (3 != 4) was not "
        "true.Node number 0 (CONV_2D) failed to prepare.",
        "LiteRT's operation CONV_2D does not take the tensors of this file: “input->dims->data[3] != "
        "filter->dims->data[3] * groups (3 != 4)” does not hold.",
    ),
    (
        "tf.float8_e4m3fn",
        "The model computes in floats of 8 bits (float8), which this format does not have.",
    ),
    (
        "Could not translate MLIR to FlatBuffer.<unknown>:0: error: invalid TFLite type: 'tensor<?x8xf8E4M3FN>'",
        "The model computes in floats of 8 bits (float8), which this format does not have.",
    ),
    (
        "Exception from src/inference/src/cpp/core.cpp:132:\nException from src/inference/src/dev/plugin.cpp:59:\n"
        "Check 'newNode' failed at src/plugins/intel_cpu/src/node.cpp:1626:\n"
        "Unsupported operation of type: Convert name: dense_4_1/Cast_1\nDetails:\nNot Implemented:\n"
        "cpu_convert can't convert from: f32 precision to: dynamic",
        "The model converts numbers to a type that OpenVINO does not have, as bfloat16 and float8.",
    ),
    (
        "Input 0 of node StatefulPartitionedCall/AssignAddVariableOp was passed float from Func/input/_6:0 "
        "incompatible with expected resource.",
        "The model changes a variable while it answers ('StatefulPartitionedCall/AssignAddVariableOp'), and a graph of "
        "constants holds none.",
    ),
    (
        "Shape mismatch in layer #0 (named dense_4)for weight sequential_2/dense_4/inputs_scale. Weight expects shape "
        "(). Received saved weight with shape (8, 16)",
        "The file hands the weight 'sequential_2/dense_4/inputs_scale' an array of shape (8, 16), and it has ().",
    ),
    (
        "Non-zero status code returned while running LSTM node. Name:'LSTM__31' Status Message: Input initial_h must "
        "have shape {1,1,2}. Actual:{1,4,2}",
        "ONNX Runtime's operation LSTM failed: Input initial_h must have shape {1,1,2}. Actual:{1,4,2}",
    ),
    (
        "TFLM failed to allocate tensors",
        "LiteRT for microcontrollers has no kernel for an operation of this file, or none for its types, such as 8-bit "
        "or half-precision weights beside float numbers.",
    ),
    (
        "Error invoking IREE compiler tool iree-compile\nError code: 1\nDiagnostics:\nfailed to legalize operation",
        "IREE's compiler does not compile this file.",
    ),
    (
        "Layer TextVectorization requires TensorFlow. Install it via `pip install tensorflow`.",
        "Keras computes the layer TextVectorization by TensorFlow alone, which is not among these packages.",
    ),
    (
        "Failed with error: Tensor has a memory_format that is unsupported in ExecuTorch: torch.channels_last",
        "ExecuTorch does not take the order in which this model keeps the numbers of its pictures (channels_last).",
    ),
    (
        "Didn't find op for builtin opcode 'HASHTABLE' version '1'. An older version of this builtin might be "
        "supported. Are you using an old TFLite binary with a newer model?",
        "These kernels have no operation HASHTABLE.",
    ),
    (
        "GlorotUniform.__init__() got an unexpected keyword argument 'input_axes'",
        "The class 'GlorotUniform' of this Keras does not know the argument 'input_axes' that the file gives it.",
    ),
    (
        "Unrecognized keyword arguments: ['batch_shape', 'optional']",
        "This is a file of Keras 3, and Keras 2 does not know the arguments of its inputs (['batch_shape', "
        "'optional']).",
    ),
]
