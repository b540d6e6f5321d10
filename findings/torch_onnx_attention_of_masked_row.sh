#!/usr/bin/env bash
# A query that may look at nothing is answered by everything once PyTorch's attention is an ONNX file.
#
# Guess: `torch.onnx.export` keeps the answers of `scaled_dot_product_attention` for every boolean mask, also for a row
# of all False, as padded rows of a batch have (PyTorch answers 0 there).
# Seen on 2026-11-29, PyTorch 2.13.0, onnxscript 0.7.2, ONNX Runtime 1.32.0, Python 3.11: no warning. The file gives such a
# row the mean of all values, those that were masked away included.
#   values 1 2 3, nothing may be seen: PyTorch 0, ONNX 2; only the first may be seen: 1 and 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import importlib.metadata
import platform

import numpy as np
import onnxruntime
import torch

versions = [f"{name} {importlib.metadata.version(name)}" for name in ("torch", "onnx", "onnxscript", "onnxruntime")]
print("Python", platform.python_version(), *versions)


class Attention(torch.nn.Module):
    def forward(self, values, allowed):
        return torch.nn.functional.scaled_dot_product_attention(values, values, values, attn_mask=allowed)


values = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1)
allowed = torch.tensor([[True, False, False], [False, False, False], [True, False, False]])
expected = Attention()(values, allowed).numpy().ravel()
content = torch.onnx.export(Attention().eval(), (values, allowed), dynamo=True, verbose=False).model_proto.SerializeToString()
session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
names = [each.name for each in session.get_inputs()]
converted = session.run(None, dict(zip(names, (values.numpy(), allowed.numpy()), strict=True)))[0].ravel()
print("PyTorch:", expected, "ONNX:", converted)
assert np.allclose(expected, [1, 0, 1])
assert np.allclose(converted, [1, 2, 1], atol=1e-5)
PY
