"""Kits of every format in environments that have what their requirements name, and nothing else. Needs the network."""

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from core.formats import FORMATS
from core.jobs import Jobs
from tests.kit.unpacking import Ran, run_kits, unpack

MINUTES = 60


def environment(folder: Path, requirements: str) -> Path:
    """The interpreter of a new environment with these requirements."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    (folder / "requirements.txt").write_text(requirements)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", folder / "requirements.txt"]
    subprocess.run(pip, check=True, timeout=20 * MINUTES)
    return python


def run_apart(folders: Iterable[Path], tmp_path: Path) -> dict[str, Ran]:
    """Run kits, those with the same requirements in one environment."""
    alike: dict[str, list[Path]] = {}
    for folder in folders:
        alike.setdefault((folder / "requirements.txt").read_text(), []).append(folder)
    found: dict[str, Ran] = {}
    for at, (requirements, some) in enumerate(alike.items()):
        found |= run_kits(some, environment(tmp_path / f"environment-{at}", requirements))
    return found


@pytest.mark.long
@pytest.mark.timeout(60 * MINUTES)
def test_kits_of_every_format_run_with_their_requirements_alone(jobs: Jobs, saved_all: Callable, tmp_path: Path):
    rows = saved_all("digits-custom")
    kits = [unpack(jobs.library, rows[one.key]["artifact"], tmp_path / one.key) for one in FORMATS]
    found = run_apart(kits, tmp_path)
    assert {key: ran for key, ran in found.items() if ran.status != 0 or not ran.said.endswith("PASS\n")} == {}
    assert len(found) == len(FORMATS)
