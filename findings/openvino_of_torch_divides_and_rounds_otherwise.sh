#!/usr/bin/env bash
# OpenVINO's reader of PyTorch modules divides integers towards zero, rounds to no decimals, and stops bytes at their ends.
#
# Guess: openvino.convert_model of a PyTorch module gives the integers that PyTorch gives, and the decimal that is asked for.
# Seen on 2026-12-01, OpenVINO 2026.4.1 told f32, PyTorch 2.13.0, Python 3.11, x86-64, no warning:
#   -7 // 3, -1 // 3 of integers                     PyTorch -3 -1        OpenVINO -2 0 (div with "floor" alike)
#   round(x, decimals=1) of 0.44 1.26 -2.36          PyTorch 0.4 1.3 -2.4 OpenVINO 0 1 -2
#   3 - 5 of uint8                                   PyTorch 254          OpenVINO 0
#   100 + 100, -100 - 100 of int8                    PyTorch -56 56       OpenVINO 127 -128
# Sound in the same run: % of integers, // of floats, div with "trunc", round to whole numbers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 openvino==2026.4.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY' 2> stderr || { cat stderr; exit 1; }
import platform

import numpy as np
import openvino
import torch

print("Python", platform.python_version(), "PyTorch", torch.__version__, "OpenVINO", openvino.__version__)
five = torch.tensor(5, dtype=torch.uint8)
whole = torch.tensor([-7, -3, -1, 3, 7])
CASES = {
    "x // 3": (lambda x: x // 3, whole),
    "x % 3": (lambda x: x % 3, whole),
    "div(x, 3, floor)": (lambda x: torch.div(x, 3, rounding_mode="floor"), whole),
    "div(x, 3, trunc)": (lambda x: torch.div(x, 3, rounding_mode="trunc"), whole),
    "x.float() // 3": (lambda x: x.float() // 3, whole),
    "round(x)": (torch.round, torch.tensor([0.44, 1.26, -2.35])),
    "round(x, decimals=1)": (lambda x: torch.round(x, decimals=1), torch.tensor([0.44, 1.26, -2.36])),
    "uint8 x - 5": (lambda x: x - five, torch.tensor([3, 200], dtype=torch.uint8)),
    "int8 x + x": (lambda x: x + x, torch.tensor([100, -100], dtype=torch.int8)),
}


class Module(torch.nn.Module):
    def __init__(self, compute):
        super().__init__()
        self.compute = compute

    def forward(self, x):
        return self.compute(x)


differ = []
for name, (compute, rows) in CASES.items():
    module = Module(compute).eval()
    expected = module(rows).numpy()
    read = openvino.convert_model(module, example_input=rows)
    answer = openvino.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([rows.numpy()])[0]
    print(name.ljust(21), "PyTorch", *("%.3g" % n for n in expected), "OpenVINO", *("%.3g" % n for n in answer))
    if not np.allclose(answer, expected, atol=1e-5):
        differ.append(name)
assert differ == ["x // 3", "div(x, 3, floor)", "round(x, decimals=1)", "uint8 x - 5", "int8 x + x"], differ
PY
cat stderr
[[ ! -s stderr ]] || { echo "it warns now"; exit 1; }
