"""ONNX Runtime sends no usage data from here: in a process of its own it leaves nothing in the home folder."""

import subprocess
import sys
from pathlib import Path

from core.settings import PROJECT

PROGRAM = """
import onnx
from onnx import TensorProto, helper
from core.runtimes.onnx import open_session

port = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "same", port[:1], port[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
print([output.name for output in open_session(model.SerializeToString()).get_outputs()])
"""


def test_onnx_session_writes_nothing_into_home_or_temporary_folder(tmp_path: Path):
    folders = [tmp_path / name for name in ("home", "temporary")]
    for folder in folders:
        folder.mkdir()
    environment = {"PATH": "", "HOME": str(folders[0]), "TMPDIR": str(folders[1])}
    command = [sys.executable, "-c", PROGRAM]
    ended = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert (ended.stdout.strip(), ended.returncode) == ("['y']", 0), ended.stderr
    assert [path.name for folder in folders for path in folder.rglob("*")] == []
