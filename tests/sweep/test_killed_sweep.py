"""A sweep whose process is killed with signal 9, and the same command once more."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.library import Library
from core.settings import PROJECT
from core.sweep.row_store import ROWS_FILE
from tests.factories.external_models import write_onnx_file
from tests.helpers import wait_until

pytestmark = pytest.mark.trust


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="there is no signal 9")
def test_killed_sweep_goes_on_where_it_was(tmp_path: Path):
    (tmp_path / "models").mkdir()
    for batch in (2, 4, "rows"):
        write_onnx_file(tmp_path / "models", batch=batch)
    (tmp_path / "plan.toml").write_text('models = ["models"]\nformats = ["as-is", "openvino"]\nat_once = 1')
    home = tmp_path / "store"
    command = [sys.executable, "-m", "core", "sweep", str(tmp_path / "plan.toml"), "--json"]
    environment = {**os.environ, "ROUNDTRIP_HOME": str(home), "ROUNDTRIP_WARM_SECONDS": "0"}
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: any(path.read_bytes() for path in home.glob(f"jobs/*/{ROWS_FILE}")), 120)
        finally:
            process.send_signal(signal.SIGKILL)
    again = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    document = json.loads(again.stdout)
    assert (again.returncode, document["headline"]) == (0, "6 of 6 rows answer the same.")
    assert any(row["is_reused"] for row in document["rows"])
    library = Library(home)
    assert len(library.runs()) == 3
    assert sorted(entry.format for entry in library.find()) == ["onnx"] * 3 + ["openvino"] * 3
