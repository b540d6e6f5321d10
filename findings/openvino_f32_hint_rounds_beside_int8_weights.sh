#!/usr/bin/env bash
# OpenVINO told to compute in f32 rounds what meets int8 weights to 8 bits all the same.
#
# Guess: INFERENCE_PRECISION_HINT=f32 on the processor means that a MatMul over dequantised int8 weights agrees with
# NumPy's to rounding, 1e-5 or so.
# Seen on 2026-11-29, OpenVINO 2026.4.1, NumPy 2.4.6, Python 3.11: answers up to 27.1 are off by 0.128, since the
# processor's plug-in quantises the other side in groups of 32 numbers; with DYNAMIC_QUANTIZATION_GROUP_SIZE=0 they are
# off by 1.8e-05.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openvino==2026.4.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import platform
import sys
from importlib.metadata import version

sys.modules["openvino_telemetry"] = None  # nothing is sent home
import numpy as np
import openvino as ov
from openvino import opset13 as ops

print("Python", platform.python_version(), "OpenVINO", version("openvino"), "NumPy", np.__version__)
random = np.random.default_rng(0)
kernel = random.integers(-127, 128, (256, 256)).astype("int8")
scale = (random.random((256, 1)) * 0.01 + 0.005).astype("float32")
rows = random.random((8, 256)).astype("float32")
expected = rows.astype("float64") @ (kernel * scale.astype("float64")).T

x = ops.parameter([-1, 256], np.float32, name="x")
weights = ops.multiply(ops.convert(ops.constant(kernel), "f32"), ops.constant(scale))
model = ov.Model([ops.matmul(x, weights, False, True)], [x], "dense")
off = {}
for name, more in (("f32", {}), ("f32, group size 0", {"DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"})):
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", **more})
    off[name] = float(np.abs(compiled(rows)[0] - expected).max())
    print(f"{name}: group size {compiled.get_property('DYNAMIC_QUANTIZATION_GROUP_SIZE')}, off by {off[name]:.3g}")
print(f"largest answer {np.abs(expected).max():.3g}")
assert off["f32"] > 0.01
assert off["f32, group size 0"] < 1e-3
PY
