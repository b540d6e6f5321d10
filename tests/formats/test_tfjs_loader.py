"""How a proof kit asks a TensorFlow.js graph model: what its loader sends to Node.js, and what comes back."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from core.formats.tfjs_loader import TFJS_PROGRAM, decode_from_tfjs, encode_for_tfjs
from tests.package_registries import install_npm_package

ARRAYS = {
    "numbers": np.array([[1.5, np.nan], [-np.inf, np.inf]], "float32"),
    "whole": np.array([[-(2**31)], [2**31 - 1]], "int64"),
    "flags": np.array([True, False]),
    "text": np.array([["a"], ["é,\n"]]),
}
PORTS = {"numbers": "DT_FLOAT", "whole": "DT_INT64", "flags": "DT_BOOL", "text": "DT_STRING"}


@pytest.mark.parametrize("name", ARRAYS)
def test_array_for_tfjs_comes_back_as_it_was(name: str):
    array = ARRAYS[name]
    back = decode_from_tfjs(*json.loads(json.dumps(encode_for_tfjs(array))))
    assert back.shape == array.shape
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1])
def test_whole_number_beyond_32_bits_is_refused(number: int):
    with pytest.raises(ValueError, match="whole numbers of 32 bits alone"):
        encode_for_tfjs(np.array([0, number], "int64"))


def write_identity_model(folder: Path) -> Path:
    """A graph model that answers each of its inputs."""
    nodes, signature, free = [], {"inputs": {}, "outputs": {}}, {"shape": {"unknownRank": True}}
    for name, dtype in PORTS.items():
        type_ = {"type": "DT_INT32" if dtype == "DT_INT64" else dtype}
        nodes.append({"name": name, "op": "Placeholder", "attr": {"dtype": type_, "shape": free}})
        nodes.append({"name": f"{name}_out", "op": "Identity", "input": [name], "attr": {"T": type_}})
        signature["inputs"][name] = {"name": f"{name}:0", "dtype": dtype}
        signature["outputs"][name] = {"name": f"{name}_out:0", "dtype": dtype}
    facts = {
        "format": "graph-model",
        "modelTopology": {"node": nodes, "versions": {"producer": 1}},
        "weightsManifest": [],
        "signature": signature,
    }
    path = folder / "model.json"
    path.write_text(json.dumps(facts))
    return path


@pytest.mark.long
def test_tfjs_in_node_answers_what_it_was_given(tmp_path: Path):
    install_npm_package(tmp_path, "@tensorflow/tfjs@4.22.0")
    given = json.dumps({name: encode_for_tfjs(array) for name, array in ARRAYS.items()})
    command = ["node", "-e", TFJS_PROGRAM, str(write_identity_model(tmp_path))]
    ended = subprocess.run(command, cwd=tmp_path, input=given, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr[-2000:]
    for name, output in json.loads(ended.stdout).items():
        np.testing.assert_array_equal(decode_from_tfjs(*output), ARRAYS[name], name)
