"""Kits, unpacked and run: in this interpreter or another, which in any case knows nothing of this project."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from core.environments.judge import EnvironmentAnswer
from core.exports.proof_kit import build_proof_kit
from core.library import Library

KIT_BATCH_SCRIPT = Path(__file__).with_name("kit_batch.py")


class KitResult(NamedTuple):
    """The exit status of a kit's verify.py, and what it printed."""

    status: int
    output: str


def unpack_kit(library: Library, artifact: str, into: Path, answers: Sequence[EnvironmentAnswer] = ()) -> Path:
    """The kit of an artifact, unpacked below a folder; gives the kit's own folder."""
    with build_proof_kit(library, artifact, answers) as parcel:
        into.mkdir(parents=True, exist_ok=True)
        packed = into / parcel.name
        packed.write_bytes(b"".join(parcel.read()))
    with zipfile.ZipFile(packed) as archive:
        assert archive.testzip() is None
        archive.extractall(into)
    packed.unlink()
    return into / packed.stem


def run_kit(folder: Path, python: str | Path = sys.executable, seconds: float = 150) -> KitResult:
    """Run a kit as a person would, isolated from whatever else is on the machine."""
    command = [str(python), "-I", str(folder / "verify.py")]
    ended = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, timeout=seconds, check=False)
    return KitResult(ended.returncode, ended.stdout + ("" if ended.stdout else ended.stderr))


def run_kits(
    folders: Iterable[Path], python: str | Path = sys.executable, seconds: float = 600
) -> dict[str, KitResult]:
    """Run many kits in one process, which imports what they need once; by the name of the folder that holds each."""
    given = [str(folder) for folder in folders]
    command = [str(python), "-I", str(KIT_BATCH_SCRIPT), *given]
    ended = subprocess.run(command, cwd=given[0], capture_output=True, text=True, timeout=seconds, check=False)
    lines = [json.loads(line[4:]) for line in ended.stdout.splitlines() if line.startswith("KIT ")]
    assert len(lines) == len(given), ended.stderr[-2000:]
    return {Path(item["folder"]).parent.name: KitResult(item["status"], item["output"]) for item in lines}
