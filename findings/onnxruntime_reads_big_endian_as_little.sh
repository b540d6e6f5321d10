#!/usr/bin/env bash
# ONNX Runtime, and OpenVINO's Tensor and constant, take big-endian numbers for little-endian ones.
#
# Guess: session.run converts or refuses another byte order: rows read from FITS, IDX, NetCDF or HDF5 files may have it,
# and compare as equal.
# Seen on 2026-12-01, ONNX Runtime 1.31.1, OpenVINO 2026.4.1, onnx 1.23.2, NumPy 2.4.6, Python 3.11, x86-64, no error:
#   1 2 3 as >f4   session.run, OrtValue, OpenVINO's Tensor and constant   4.6e-41 9.0e-44 2.3e-41
#   1 2 3 as >i4   the same                                                16777216 33554432 50331648
# A compiled model of OpenVINO converts such rows and answers 1 2 3; onnx.numpy_helper.from_array refuses them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.31.1 onnx==1.23.2 openvino==2026.4.1 \
  numpy==2.4.6 protobuf==7.36.2 ml_dtypes==0.6.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import platform

import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper

print("Python", platform.python_version(), "ONNX Runtime", onnxruntime.__version__, "OpenVINO", openvino.__version__, end=" ")
print("onnx", onnx.__version__, "NumPy", np.__version__)
KINDS = {"f4": TensorProto.FLOAT, "i4": TensorProto.INT32, "i8": TensorProto.INT64}


def make_session(kind):
    ends = [helper.make_tensor_value_info(name, KINDS[kind], [None]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


for kind in KINDS:
    turned = np.array([1, 2, 3], ">" + kind)
    session = make_session(kind)
    assert session.run(None, {"x": turned.astype("<" + kind)})[0].tolist() == [1, 2, 3]
    answers = {
        "session.run": session.run(None, {"x": turned})[0],
        "OrtValue": onnxruntime.OrtValue.ortvalue_from_numpy(turned).numpy(),
        "OpenVINO's Tensor": openvino.Tensor(turned).data,
        "OpenVINO's constant": openvino.opset13.constant(turned).data,
    }
    for name, answer in answers.items():
        print(kind, "1 2 3", name.ljust(20), *answer.tolist())
        assert (answer == turned.view("<" + kind)).all(), f"{name} has changed"
    parameter = openvino.opset13.parameter([3], np.dtype(kind))
    model = openvino.Model([openvino.opset13.add(parameter, np.zeros(3, kind))], [parameter], "m")
    compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    print(kind, "1 2 3", "OpenVINO's model".ljust(20), *compiled([turned])[0].tolist())
    assert compiled([turned])[0].tolist() == [1, 2, 3]
    try:
        numpy_helper.from_array(turned)
        raise SystemExit("onnx took it")
    except ValueError as error:
        print(kind, "onnx.numpy_helper:", str(error)[:60])
PY
