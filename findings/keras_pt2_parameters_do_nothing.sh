#!/usr/bin/env bash
# The parameters of a .pt2 that Keras exports do nothing: its graph computes with constants that are written beside them.
#
# Guess: torch.export.load of what model.export("m.pt2", format="torch") wrote has the weights of the model as its
# parameters, so it can be trained on, and another state_dict gives other answers.
# Seen on 2026-11-30, Keras 3.15.1, PyTorch 2.13.0, NumPy 2.4.6, Python 3.11: no warning. Every weight stands in the file
# twice; no node of the graph uses a parameter. With all parameters set to zero the answers are the same, bit for bit,
# and they have no gradient. An Adam over parameters() would have nothing to step.
#   functional, 38,440 bytes of weights: 38,440 bytes of parameters, and 38,440 bytes of constants in the file
# Exported through model.stateless_call over parameters of a module of one's own, the graph uses them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check keras==3.15.1 torch==2.13.0 numpy==2.4.6
cd "$folder"
KERAS_BACKEND=torch CUDA_VISIBLE_DEVICES=-1 "$folder/venv/bin/python" -W ignore - <<'PY'
import platform
import zipfile
from importlib.metadata import version

import keras
import torch

print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in ("keras", "torch", "numpy")))


def stored(part):
    """Bytes of arrays in a part of the file."""
    with zipfile.ZipFile("m.pt2") as archive:
        members = [each for each in archive.infolist() if f"/data/{part}/" in each.filename]
    return sum(each.file_size for each in members if not each.filename.endswith(".json"))


start = keras.Input((64,))
model = keras.Model(start, keras.layers.Dense(10)(keras.layers.Dense(128, activation="relu")(start)))
model.export("m.pt2", format="torch", verbose=False)
program, row = torch.export.load("m.pt2"), torch.ones(1, 64)
module = program.module()
before = module(row)
with torch.no_grad():
    for parameter in module.parameters():
        parameter.zero_()
is_same = torch.equal(module(row), before)
used = {node.name for node in program.graph.nodes if node.op == "placeholder" and node.users}
names = set(program.graph_signature.inputs_to_parameters)
bytes_of_weights = sum(array.nbytes for array in model.get_weights())
sizes = bytes_of_weights, stored("weights"), stored("constants")
print("bytes of weights, of parameters, of constants:", *sizes)
print("parameters:", len(names), "used:", len(names & used))
print("all parameters zero, same answers:", is_same, "answers have a gradient:", before.requires_grad)
seen = len(names), len(names & used), is_same, before.requires_grad, sizes
assert seen == (4, 0, True, False, (38440, 38440, 38440)), "Keras has changed: look at its .pt2 files again"
PY
