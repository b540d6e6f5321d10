"""A new format is one file and one line: then it is on every page, in the matrix, on the command line, in the tests."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.settings import PROJECT

FORMAT_SOURCE = '''"""Weights as plain NumPy arrays: a format that only this test knows."""

from pathlib import Path

from core.errors import NeedsArchitecture
from core.formats.base import Format
from core.runtimes.base import NO_CODE, ModelCode, Predictor
from core.runtimes.live import keras_predictor


def save(model, folder: Path) -> None:
    import numpy as np

    np.savez(folder / "weights.npz", *model.get_weights())


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    import numpy as np

    if code.build is None:
        raise NeedsArchitecture("These are arrays without layers.", cure="Give an architecture.")
    model = code.build()
    with np.load(folder / "weights.npz") as kept:
        model.set_weights([kept[name] for name in kept])
    return keras_predictor(model)


FORMAT = Format(
    key="plain_numpy",
    label="Plain NumPy",
    layout="one file",
    good_for="A test.",
    keeps=frozenset({"weights"}),
    accepts=frozenset({"keras"}),
    save=save,
    load=load,
    needs_architecture=True,
    explains="Arrays in order.",
)
'''

# Every command over one worker: TensorFlow is imported once.
COMMANDS_SCRIPT = """
import json
from typer.testing import CliRunner
import core.jobs
from core.__main__ import app
from core.jobs import Jobs

jobs = Jobs()
end, jobs.worker.close = jobs.worker.close, lambda: None
core.jobs.Jobs = lambda **_: jobs

def say(*words):
    ended = CliRunner().invoke(app, [*words, "--json"])
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)

said = {"formats": say("formats"), "train": say("train", "digits-mlp", "--epochs", "1")}
said["save"] = say("save", said["train"]["run"], "plain_numpy")
said["matrix"] = say("matrix", said["train"]["run"])
end()
print(json.dumps(said))
"""

PAGES_SCRIPT = """
import sys
from streamlit.testing.v1 import AppTest

app = AppTest.from_file("ui/main.py", default_timeout=60).run()
for page in ("save", "library", "formats", "compare"):
    app.switch_page(f"../pages/{page}.py").run()
    assert not app.exception, app.exception
    offered = [str(one.label) for one in app.checkbox] + [str(one.label) for one in app.expander]
    for widget in (*app.multiselect, *app.selectbox):
        offered += [str(option) for option in widget.options]
    for table in app.dataframe:
        offered += [str(cell) for cell in table.value.to_numpy().ravel()]
    print(page, any("Plain NumPy" in one or "plain_numpy" in one for one in offered))
"""


@pytest.fixture(scope="module")
def source_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with one format more: one new file, one new line."""
    copy = tmp_path_factory.mktemp("added") / "house"
    ignored = shutil.ignore_patterns("pictures", "*pytest*.pyc")  # other compiled files fit: sources keep their dates
    for name in ("core", "ui", "pages", "tests", ".streamlit"):
        shutil.copytree(PROJECT / name, copy / name, ignore=ignored)
    shutil.copy(PROJECT / "pyproject.toml", copy)
    (copy / "core" / "formats" / "plain_numpy.py").write_text(FORMAT_SOURCE)
    registry = copy / "core" / "formats" / "__init__.py"
    registry.write_text(registry.read_text().replace("MODULES = (\n", 'MODULES = (\n    "plain_numpy",\n'))
    return copy


def run_python(house: Path, *arguments: str) -> str:
    environment = {**os.environ, "ROUNDTRIP_HOME": str(house / "store"), "PYTHONPATH": str(house)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True, check=True).stdout


def test_third_party_format_appears_in_cli_matrix_pages_and_tests(source_copy: Path):
    document = json.loads(run_python(source_copy, "-c", COMMANDS_SCRIPT).splitlines()[-1])
    assert document["formats"][0]["format"] == "plain_numpy"
    assert (document["save"][0]["verdict"], document["save"][0]["needs_code"]) == ("bit-identical", True)
    cells = document["matrix"][0]
    assert cells["format"] == "plain_numpy"
    words = "4 of 4 tensors came back bit-equal. It has 9,610 parameters, as the original."
    assert cells["cells"]["weights"] == {"state": "kept", "words": words}
    assert cells["contradictions"] == []
    painted = dict(
        line.split()
        for line in run_python(source_copy, "-c", PAGES_SCRIPT).splitlines()
        if line.endswith(("True", "False"))
    )
    assert painted == {"save": "True", "library": "True", "formats": "True", "compare": "True"}
    contract = "tests/formats/test_contract.py"
    collected = run_python(source_copy, "-m", "pytest", "--collect-only", "-q", "-o", "addopts=", contract)
    assert "test_format_metadata_is_sentences_and_known_parts[plain_numpy]" in collected
