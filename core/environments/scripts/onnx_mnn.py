"""ONNX converted to MNN, an engine for phones, and asked there in float32."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
from kit_files import find_file

MODULES = ("numpy", "MNN", "_tools")
DISTRIBUTIONS = ("MNN",)


def load(kit):
    import _tools
    import MNN

    folder = tempfile.mkdtemp()
    target = str(Path(folder) / "model.mnn")
    # The function and not the command of that name, which starts pip and reports its use.
    arguments = ["mnnconvert", "-f", "ONNX", "--modelFile", str(find_file(kit, ".onnx"))]
    _tools.mnnconvert([*arguments, "--MNNModel", target, "--bizCode", "roundtrip"])
    if not Path(target).is_file():
        raise ValueError("MNN's converter wrote no model.")
    net = MNN.Interpreter(target)
    session = net.createSession({"numThread": 1, "precision": "high"})
    shutil.rmtree(folder, ignore_errors=True)

    def predict(inputs):
        tensors = net.getSessionInputAll(session)
        for name, tensor in tensors.items():
            net.resizeTensor(tensor, inputs[name].shape)
        net.resizeSession(session)
        for name, tensor in tensors.items():
            array = np.ascontiguousarray(inputs[name])
            tensor.copyFrom(MNN.Tensor(array.shape, halide_type(MNN, array), array, MNN.Tensor_DimensionType_Caffe))
        net.runSession(session)
        return {name: read(MNN, tensor) for name, tensor in net.getSessionOutputAll(session).items()}

    return predict


def halide_types(mnn):
    types = {"float32": mnn.Halide_Type_Float, "int32": mnn.Halide_Type_Int, "int64": mnn.Halide_Type_Int64}
    return {**types, "uint8": mnn.Halide_Type_Uint8}


def halide_type(mnn, array):
    types = halide_types(mnn)
    if array.dtype.name not in types:
        raise ValueError(f"MNN takes no inputs of dtype {array.dtype.name}.")
    return types[array.dtype.name]


def read(mnn, tensor):
    shape, type_ = tensor.getShape(), tensor.getDataType()
    names = [name for name, each in halide_types(mnn).items() if each == type_]
    if not names:
        raise ValueError("MNN answers with numbers of a type that its Python package does not give out.")
    host = mnn.Tensor(shape, type_, np.zeros(shape, names[0]), mnn.Tensor_DimensionType_Caffe)
    tensor.copyToHostTensor(host)
    return np.array(host.getNumpyData()).reshape(shape)
