#!/usr/bin/env bash
# ONNX Runtime for Linux keeps an id of the device and a table of events, and has what it takes to send them.
#
# Guess: the wheel from PyPI computes and does nothing else; usage data is for Windows, and
# `disable_telemetry_events()` turns it off.
# Seen on 2026-11-30, ONNX Runtime 1.31.1, Python 3.11: after one session there are `deviceid` and `onnxruntime.db` under
# ~/.cache/Microsoft/DeveloperTools/.onnxruntime and `.ses` among the temporary files, and one thread more runs. The
# library holds an HTTPS client for them; what it sends was not seen, as there was no network.
# `disable_telemetry_events()` after the import leaves the same files; the variable ORT_DISABLE_TELEMETRY=1 leaves none,
# where it is set before the import.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6
cd "$folder"
cat > program.py <<'PY'
import os
import sys
import time
from pathlib import Path

if sys.argv[1] == "variable":
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime
from onnx import TensorProto, helper

if sys.argv[1] == "function":
    onnxruntime.disable_telemetry_events()
ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "same", ports[:1], ports[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
time.sleep(2)
files = [path.name for root in (os.environ["HOME"], os.environ["TMPDIR"]) for path in Path(root).rglob("*") if path.is_file()]
print(sys.argv[1], len(os.listdir("/proc/self/task")), "threads", sorted(files))
PY
for way in nothing function variable; do
    mkdir -p "$way/home" "$way/temporary"
    HOME="$folder/$way/home" TMPDIR="$folder/$way/temporary" "$folder/venv/bin/python" program.py "$way"
done
