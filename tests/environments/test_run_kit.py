"""`run_kit.py` over one kit, as on a machine without Roundtrip: a kit that was changed on the way is not asked."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.environments.process import RUN_KIT
from tests.factories.environment_kits import ENGINES, EXPECTED, write_kit

CHANGED = "This proof kit is cut or was changed, so it is not asked: {}. Take it once more from where it was made."


def run(kit: Path, out: Path) -> tuple[int, str]:
    """The exit status of the command, and the last line of what it printed."""
    out.mkdir()
    command = [sys.executable, "-I", RUN_KIT, ENGINES / "doubles.py", kit, out]
    ended = subprocess.run(command, capture_output=True, text=True)
    return ended.returncode, ended.stdout.splitlines()[-1]


def test_kit_as_it_was_made_is_answered(tmp_path: Path):
    out = tmp_path / "out"
    assert run(write_kit(tmp_path / "kit"), out) == (0, f"Predictions are in {out / 'predictions.npz'}.")
    with np.load(out / "predictions.npz") as archive:
        assert np.array_equal(archive["twice"], EXPECTED["twice"])


@pytest.mark.parametrize("name", ["artifact/model.onnx", "inputs.npz", "expected.npz"])
def test_kit_with_a_changed_file_is_not_asked(tmp_path: Path, name: str):
    kit, out = write_kit(tmp_path / "kit"), tmp_path / "out"
    content = (kit / name).read_bytes()
    (kit / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert run(kit, out) == (1, CHANGED.format(name))
    assert [path.name for path in out.iterdir()] == ["facts.json"]
    assert json.loads((out / "facts.json").read_text())["error"] == "Damaged"


@pytest.mark.parametrize(("text", "named"), [(None, "{}/kit.json"), ("{", "kit.json"), ("[]", "kit.json")])
def test_kit_without_its_list_of_files_is_not_asked(tmp_path: Path, text: str | None, named: str):
    kit = write_kit(tmp_path / "kit")
    (kit / "kit.json").unlink() if text is None else (kit / "kit.json").write_text(text)
    assert run(kit, tmp_path / "out") == (1, CHANGED.format(named.format(kit)))


def test_kit_with_a_missing_file_is_not_asked(tmp_path: Path):
    kit = write_kit(tmp_path / "kit")
    (kit / "inputs.npz").unlink()
    assert run(kit, tmp_path / "out") == (1, CHANGED.format(kit / "inputs.npz"))
