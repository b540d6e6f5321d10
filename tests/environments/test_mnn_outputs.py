"""MNN's script, run by the Python of its environment, on files whose answers are no float32."""

import json
import subprocess
from pathlib import Path

import pytest

from core import environments
from core.environments import get_environment
from core.settings import Settings
from tests.factories.built_environments import build_or_skip

pytestmark = pytest.mark.timeout(1800)
PROGRAM = """
import json, pathlib, sys
import numpy as np
import onnx_mnn
answers = onnx_mnn.load(sys.argv[1])({"x": np.float32([[1, 3, 2], [9, 0, 4]])})
told = {name: [answer.dtype.name, answer.tolist()] for name, answer in answers.items()}
pathlib.Path(sys.argv[1], "answers.json").write_text(json.dumps(told))
"""


def write_kit(folder: Path, operator: str, dtype: int, **settings: int) -> Path:
    from onnx import TensorProto, helper

    ports = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])]
    answer = [helper.make_tensor_value_info("y", dtype, None)]
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"], **settings)], "g", ports, answer)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (folder / "artifact").mkdir()
    (folder / "artifact" / "model.onnx").write_bytes(model.SerializeToString())
    return folder


@pytest.mark.parametrize(
    ("operator", "dtype", "settings", "expected"),
    [
        ("ArgMax", 7, {"axis": 1, "keepdims": 0}, ["int32", [1, 0]]),
        ("Cast", 6, {"to": 6}, ["int32", [[1, 3, 2], [9, 0, 4]]]),
        ("Relu", 1, {}, ["float32", [[1, 3, 2], [9, 0, 4]]]),
    ],
)
def test_mnn_answers_in_the_type_of_its_outputs(
    built_config: Settings, tmp_path: Path, operator: str, dtype: int, settings: dict[str, int], expected: list
):
    built = build_or_skip(built_config, get_environment("mnn"))
    kit = write_kit(tmp_path, operator, dtype, **settings)
    scripts = Path(environments.__file__).parent / "scripts"
    subprocess.run(
        [built.python, "-c", PROGRAM, kit], env={"PYTHONPATH": str(scripts)}, capture_output=True, check=True
    )
    assert json.loads((kit / "answers.json").read_text()) == {"y": expected}
