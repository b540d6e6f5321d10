"""Converters at work in a person's own program: they print nothing, leave nothing, send nothing, change nothing."""

import json
import subprocess
import sys

import pytest

from core.formats import FORMATS
from core.settings import PROJECT

pytestmark = pytest.mark.long

# Saves a live model in every format that takes it, and says what that did to the model and to the process.
PROGRAM = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
import keras
import numpy as np
from core.formats import FORMATS

keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((64,), name="pixels"), keras.layers.Dense(32), keras.layers.Dense(10)])
model.compile("adam", keras.losses.MeanSquaredError())
rows = np.random.default_rng(0).random((40, 64), dtype="float32")
before = [np.array(array) for array in model.get_weights()]
answers = model.predict(rows, verbose=0)
asked = []
sys.addaudithook(lambda event, _: asked.append(event) if event in ("socket.connect", "subprocess.Popen") else None)
said, left = io.StringIO(), {}
with redirect_stdout(said), redirect_stderr(said):
    for one in (each for each in FORMATS if not each.missing_packages):
        folder = Path(sys.argv[1]) / one.key
        folder.mkdir()
        one.save_model(model, "keras", folder, samples=lambda: {"pixels": rows})
        left[one.key] = sorted(path.name for path in folder.iterdir())
print(json.dumps({
    "output": said.getvalue(),
    "asked": asked,
    "left": left,
    "same": all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)),
    "answers": bool(np.array_equal(answers, model.predict(rows, verbose=0))),
    "telemetry": sys.modules.get("openvino_telemetry") is not None,
    "home": sorted(path.name for path in Path(sys.argv[1]).iterdir()),
    "temporary": sorted(path.name for path in Path(sys.argv[2]).iterdir()),
}))
"""


@pytest.fixture(scope="module")
def conversion_report(tmp_path_factory) -> dict:
    """What the program says of itself, in a process whose temporary files go into a folder of its own."""
    folders = [tmp_path_factory.mktemp(name) for name in ("saved", "temporary")]
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, folders)],
        cwd=PROJECT,
        env={"PATH": "", "TMPDIR": str(folders[1]), "HOME": str(folders[0]), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def test_converters_print_and_warn_nothing(conversion_report):
    assert conversion_report["output"] == ""


def test_converters_leave_no_temporary_file_in_output(conversion_report):
    assert set(conversion_report["left"]) == {item.key for item in FORMATS if not item.missing_packages}
    assert [
        key
        for key, names in conversion_report["left"].items()
        if any(name.startswith((".tmp", "tmp")) for name in names)
    ] == []
    assert conversion_report["left"]["openvino_fp16"] == ["model.bin", "model.xml"]
    assert conversion_report["left"]["keras_int8"] == ["model.keras"]


def test_converters_write_no_temporary_file_elsewhere(conversion_report):
    assert [name for name in conversion_report["temporary"] if not name.startswith("__autograph")] == []


def test_converters_leave_the_live_model_unchanged(conversion_report):
    assert (conversion_report["same"], conversion_report["answers"]) == (True, True)


def test_converters_start_no_program_and_ask_no_network(conversion_report):
    assert conversion_report["asked"] == []


def test_openvino_converter_sends_no_telemetry(conversion_report):
    assert conversion_report["telemetry"] is False
    assert "intel" not in conversion_report["home"]
