"""Proof kits: what is in them for every format, what they say of a copy that was changed, and when there is none."""

import ast
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.arrays import encode_npz
from core.compare import Verdict
from core.errors import InputError, UnknownName
from core.evidence.records import Evidence, ReloadOutcome
from core.exports.kit_contents import CHOOSE_BACKEND, render_load_script, select_proof_data
from core.exports.opening_lines import render_python_lines
from core.exports.proof_kit import build_proof_kit
from core.formats import FORMATS, get_format
from core.formats.base import Format
from core.jobs import Jobs
from core.library import Library
from core.runtimes.reference import Reference
from core.size_breakdown.tensor_search import load_run_tensors
from core.worker.live_models import VARIABLES_FILE
from tests.exports.kit_execution import run_kit, run_kits, unpack_kit

FAST_FORMATS = ("onnx", "litert", "openvino")  # they need no TensorFlow
SPEC = {"name": "x", "dtype": "float32", "shape": [None, 2]}
PAIRS = {"input_pairs": [{"reference": "x", "answer": "x", "by": "name"}]}
PAIRS |= {"pairs": [{"reference": "y", "answer": "y", "by": "name"}]}


def make_artifact_with_outcome(
    library: Library, format_key: str, demo: str | None = "digits-mlp", completed: dict | None = None, **outcome
) -> str:
    """An artifact of a format by hand, of a run that keeps two weights; `outcome` is what its reload showed, and
    `completed` what one with the other half of the model did."""
    weights = [{"name": name, "dtype": "float32", "shape": [2], "sha256": ""} for name in ("kernel", "bias")]
    settings = {"dataset": "digits", "hidden_units": 8, "learning_rate": 0.1} if demo else None
    facts = {"name": "a | <b>run</b>", "demo": demo, "settings": settings, "kind": "keras", "parameters": 4}
    with library.staging() as staged:
        (staged / "snapshot").mkdir()
        np.savez(
            staged / "snapshot" / VARIABLES_FILE, **{"0": np.ones(2, "f4"), "1": np.zeros(2, "f4"), "2": np.ones(3)}
        )
        inputs, answers = np.arange(200.0).reshape(100, 2), np.linspace(0, 1, 100, dtype="float32")[:, None]
        Reference({"x": inputs}, {"y": answers}, {}).write(staged / "reference.npz")
        state = [{"name": "step", "dtype": "float64", "shape": [3], "sha256": ""}]
        run = library.commit_run(staged, facts | {"summary": "", "inputs": [], "weights": weights, "optimizer": state})
    known = {
        "verdict": Verdict.SAME_ANSWERS,
        "max_abs": 0.25,
        "rows": 100,
        "changed_rows": 0,
        "inputs": [SPEC],
        **PAIRS,
    }
    with library.staging() as staged:
        (staged / "files").mkdir()
        (staged / "files" / "model.bin").write_bytes(b"numbers")
        other_half = None if completed is None else ReloadOutcome(**(known | completed))
        evidence = Evidence(without_code=ReloadOutcome(**(known | outcome)), completed=other_half)
        return library.commit_artifact(staged, run.id, evidence, format=format_key, seconds=0.1).id


def read_members(library: Library, artifact: str) -> dict[str, bytes]:
    with build_proof_kit(library, artifact) as parcel, zipfile.ZipFile(io.BytesIO(b"".join(parcel.read()))) as archive:
        assert archive.testzip() is None
        folder = f"{parcel.name.removesuffix('.zip')}/"
        return {name.removeprefix(folder): archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("format_", FORMATS, ids=lambda item: item.key)
def test_proof_kit_of_every_format_has_all_files(empty_library: Library, format_: Format):
    artifact = make_artifact_with_outcome(empty_library, format_.key)
    kit = read_members(empty_library, artifact)
    always = {"README.md", "requirements.txt", "load.py", "verify.py", "kit.json", "inputs.npz", "expected.npz"}
    other = {"model.py"} if format_.needs_architecture else {"weights.npz"} if format_.key == "architecture" else set()
    assert kit.keys() == always | other | {"artifact/model.bin"}
    assert kit["artifact/model.bin"] == b"numbers"
    for name in ("load.py", "verify.py", *(other & {"model.py"})):
        assert "core" not in {
            node.module for node in ast.walk(ast.parse(kit[name])) if isinstance(node, ast.ImportFrom)
        }
    assert b"\ndef load():\n" in kit["load.py"]
    before_model = kit["load.py"].decode().partition("\nfrom model import")[0]
    assert (f"\n{CHOOSE_BACKEND}" in before_model) is ("tensorflow" in format_.kit.packages)
    assert not re.search(r"(?m)^(import|from) (keras|tensorflow)\b", kit["load.py"].decode())  # inside functions only
    pinned = [line for line in kit["requirements.txt"].decode().splitlines() if not line.startswith("#")]
    assert all("==" in line for line in pinned)
    assert {line.split("==")[0].removesuffix("-cpu") for line in pinned} == set(format_.kit.packages)
    assert list(empty_library.home.joinpath("staging").iterdir()) == []


def test_proof_kit_is_byte_reproducible(empty_library: Library):
    artifact = make_artifact_with_outcome(empty_library, "architecture")
    kits = [build_proof_kit(empty_library, artifact) for _ in range(2)]
    assert kits[0].etag == kits[1].etag
    assert b"".join(kits[0].read()) == b"".join(kits[1].read())
    for kit in kits:
        kit.close()


def test_proof_kit_readme_shows_evidence_and_escapes_names(empty_library: Library):
    text = read_members(empty_library, make_artifact_with_outcome(empty_library, "onnx"))["README.md"].decode()
    assert "| in a fresh process, without its code | Same answers | 0.25 | 100 |" in text
    assert "| y | 0.25 | 0.0001 |" in text
    assert "a \\| \\<b\\>run\\</b\\>" in text
    assert "env/bin/python verify.py" in text
    assert (
        text.index("env/bin/pip install") < text.index("run by `env/bin/python`") < text.index("from load import load")
    )


@pytest.mark.parametrize(("is_one_call", "has_axis"), [(False, True), (True, False)])
def test_first_axis_is_named_where_a_kit_asks_rows(is_one_call: bool, has_axis: bool):
    script = render_load_script(get_format("onnx"), None, "", is_one_call=is_one_call)
    assert ("batch first" in script) is has_axis
    assert (
        "under the same names, one row per entry of the first axis\n" in render_python_lines(is_one_call)
    ) is has_axis


def test_proof_kit_of_pickle_warns_that_it_runs_code(empty_library: Library):
    kit = read_members(empty_library, make_artifact_with_outcome(empty_library, "pickle"))
    assert b"runs whatever code is in the file, with your rights" in kit["README.md"]
    assert json.loads(kit["kit.json"])["runs_code"] is True


def test_proof_kit_of_architecture_includes_weights_of_its_run(empty_library: Library):
    kit = read_members(empty_library, make_artifact_with_outcome(empty_library, "architecture"))
    with np.load(io.BytesIO(kit["weights.npz"])) as stored:
        assert {name: stored[name].tolist() for name in stored} == {"0": [1, 1], "1": [0, 0]}
    assert json.loads(kit["kit.json"])["tolerance"] == {"y": [1e-5, 1e-4]}


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        ({"verdict": Verdict.DOES_NOT_LOAD, "max_abs": None}, "did not come back"),
        ({"verdict": Verdict.DIFFERENT, "not_finite": 3, "changed_rows": 9}, "cannot be compared with"),
        ({"verdict": Verdict.NOT_COMPARABLE, "max_abs": None}, "cannot be compared with"),
    ],
)
def test_proof_kit_without_positive_evidence_is_refused(empty_library: Library, outcome: dict, sentence: str):
    with pytest.raises(InputError, match=sentence):
        build_proof_kit(empty_library, make_artifact_with_outcome(empty_library, "onnx", **outcome))
    with pytest.raises(UnknownName):
        build_proof_kit(empty_library, "a0123456789")


def test_proof_kit_of_weights_without_architecture_is_refused(empty_library: Library):
    with pytest.raises(InputError, match="half a model, and its run has kept no other half"):
        build_proof_kit(
            empty_library,
            make_artifact_with_outcome(empty_library, "weights", demo=None, verdict=Verdict.DOES_NOT_LOAD),
        )


def test_select_proof_data_uses_names_and_dtypes_of_artifact():
    outcome = ReloadOutcome(
        verdict=Verdict.ROUNDING,
        max_abs=1e-6,
        inputs=[{"name": "args_0", "dtype": "float16", "shape": [None, 1]}],
        input_pairs=[{"reference": "x", "answer": "args_0", "by": "shape"}],
        pairs=[{"reference": "file", "answer": "Identity:0", "by": "shape"}],
    )
    reference = Reference({"x": np.ones((99, 1))}, {"file": np.ones((99, 1), "float16")}, {})
    result = select_proof_data(reference, outcome)
    assert (result.rows, result.inputs["args_0"].dtype, list(result.expected)) == (64, np.float16, ["Identity:0"])
    assert result.tolerance["Identity:0"] == pytest.approx((1e-6 + 4 * 2**-10, 4 * 2**-10))
    with np.load(io.BytesIO(encode_npz(reference.predictions | {"../a": np.array(["text"])}))) as stored:
        assert (stored["file"].shape, stored["../a"].tolist()) == ((99, 1), ["text"])


def test_select_proof_data_limits_number_of_large_rows():
    large = np.zeros((64, 2**21), "float32")
    assert select_proof_data(Reference({"x": large}, {"y": large[:, :1]}, {}), None).rows == 2


@pytest.fixture(scope="module")
def unpacked_kits(jobs: Jobs, saved: Callable, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Kits of formats that need no TensorFlow, unpacked."""
    into = tmp_path_factory.mktemp("kits")
    return {key: unpack_kit(jobs.library, saved("digits-mlp", key)["artifact"], into / key) for key in FAST_FORMATS}


def test_proof_kits_pass_without_this_project(unpacked_kits: dict[str, Path]):
    result = run_kits(unpacked_kits.values())
    ended = {key: (ran.status, ran.output.splitlines()[-1]) for key, ran in result.items()}
    assert ended == dict.fromkeys(FAST_FORMATS, (0, "PASS"))


def test_python_lines_beside_a_kit_print_its_answers(unpacked_kits: dict[str, Path]):
    folder = unpacked_kits["onnx"]
    lines = render_python_lines(is_one_call=False)
    assert lines in (folder / "README.md").read_text(encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-c", lines], cwd=folder, capture_output=True, text=True, timeout=150, check=True
    )
    with np.load(folder / "expected.npz") as expected:
        [(name, answers)] = expected.items()
    assert ended.stdout.startswith(f"{{'{name}': array([[")
    first = float(ended.stdout.partition("[[")[2].split(",")[0])
    assert first == pytest.approx(float(answers[0, 0]), abs=1e-5)


@pytest.mark.trust
@pytest.mark.parametrize("key", ["onnx", "litert"])
def test_proof_kit_with_flipped_weight_byte_fails_with_difference(
    unpacked_kits: dict[str, Path], jobs: Jobs, saved: Callable, key: str
):
    [file] = [path for path in (unpacked_kits[key] / "artifact").iterdir() if path.is_file()]
    content = bytearray(file.read_bytes())
    content[find_weight_offset(jobs.library, saved("digits-mlp", key)["artifact"], content) + 3] ^= 0x40
    whole = file.read_bytes()
    file.write_bytes(content)
    ran = run_kit(unpacked_kits[key])
    file.write_bytes(whole)
    assert ran.status == 1
    assert f"CHANGED: artifact/{file.name}" in ran.output
    assert "the largest difference is" in ran.output
    assert ran.output.splitlines()[-1] == "FAIL: the answers are others."


def find_weight_offset(library: Library, artifact: str, content: bytes) -> int:
    """Where a float32 of the last kernel begins in a file, whichever way the format has turned it."""
    run = library.run(library.artifact(artifact).run)
    kernel = next(
        tensor.values for tensor in load_run_tensors(library.snapshot(run.id), run) if tensor.values.shape == (128, 10)
    )
    result = [content.find(np.ascontiguousarray(turned).tobytes()) for turned in (kernel, kernel.T)]
    return max(result)
