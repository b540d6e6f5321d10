"""Kits of every format in environments that have what their requirements name, and nothing else. Needs the network."""

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from core.formats import FORMATS
from core.jobs import Jobs
from tests.exports.kit_execution import KitResult, run_kits, unpack_kit

TIMEOUT_SECONDS = 60


def make_environment(folder: Path, requirements: str) -> Path:
    """The interpreter of a new environment with these requirements."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    (folder / "requirements.txt").write_text(requirements)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", folder / "requirements.txt"]
    subprocess.run(pip, check=True, timeout=20 * TIMEOUT_SECONDS)
    return python


def run_in_own_environments(folders: Iterable[Path], tmp_path: Path) -> dict[str, KitResult]:
    """Run kits, those with the same requirements in one environment."""
    alike: dict[str, list[Path]] = {}
    for folder in folders:
        alike.setdefault((folder / "requirements.txt").read_text(), []).append(folder)
    result: dict[str, KitResult] = {}
    for at, (requirements, some) in enumerate(alike.items()):
        result |= run_kits(some, make_environment(tmp_path / f"environment-{at}", requirements))
    return result


@pytest.mark.long
@pytest.mark.timeout(60 * TIMEOUT_SECONDS)
def test_proof_kits_run_with_only_their_requirements_installed(jobs: Jobs, saved_all: Callable, tmp_path: Path):
    rows = saved_all("digits-custom")
    keys = [format_.key for format_ in FORMATS if not format_.missing_packages]
    kits = [unpack_kit(jobs.library, rows[key]["artifact"], tmp_path / key) for key in keys]
    result = run_in_own_environments(kits, tmp_path)
    assert {key: ran for key, ran in result.items() if ran.status != 0 or not ran.output.endswith("PASS\n")} == {}
    assert len(result) == len(keys)
