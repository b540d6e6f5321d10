#!/usr/bin/env bash
# PyTorch's ONNX export writes two scattering operations as other ones.
#
# Guess: `torch.onnx.export(dynamo=True)` keeps the answers of what it converts without a warning, or raises.
# Seen on 2026-11-29, PyTorch 2.13.0, onnxscript 0.7.2, ONNX Runtime 1.32.0, Python 3.11:
#   scatter_reduce(..., "mean") of 1 and 2 onto 10   PyTorch 4.33, ONNX 2 (written with reduction "none")
#   index_add of ones onto tens, rows 0 and 1 of 2   PyTorch 11, ONNX 1 (the whole graph is one Identity of the ones;
#                                                    of 3 rows it is right: 11 11 10)
# The first is the mean over neighbours of graph networks.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import importlib.metadata
import platform

import onnxruntime
import torch

versions = [f"{name} {importlib.metadata.version(name)}" for name in ("torch", "onnx", "onnxscript", "onnxruntime")]
print("Python", platform.python_version(), *versions)


class Mean(torch.nn.Module):
    def forward(self, base, source):
        return base.scatter_reduce(0, torch.tensor([0, 0]), source, "mean")


class Add(torch.nn.Module):
    def forward(self, base, source):
        return base.index_add(0, torch.tensor([0, 1]), source)


def compare(module, *values):
    program = torch.onnx.export(module.eval(), values, dynamo=True, verbose=False).model_proto
    session = onnxruntime.InferenceSession(program.SerializeToString(), providers=["CPUExecutionProvider"])
    feed = {each.name: value.numpy() for each, value in zip(session.get_inputs(), values, strict=True)}
    pair = module(*values).ravel().tolist(), session.run(None, feed)[0].ravel().tolist()
    print(type(module).__name__, "PyTorch:", pair[0], "ONNX:", pair[1], [node.op_type for node in program.graph.node])
    return pair


mean = compare(Mean(), torch.tensor([10.0, 20.0]), torch.tensor([1.0, 2.0]))
assert abs(mean[0][0] - 13 / 3) < 1e-5 and mean[1] == [2, 20]
assert compare(Add(), torch.full((2, 1), 10.0), torch.ones(2, 1)) == ([11, 11], [1, 1])
assert compare(Add(), torch.full((3, 1), 10.0), torch.ones(2, 1)) == ([11, 11, 10], [11, 11, 10])
PY
