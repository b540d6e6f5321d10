"""What the tests of the gate share: a way through gate and inspector, and small good files."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.settings import Settings
from core.validation import ValidatedUpload, validate_upload
from core.worker import Worker
from core.worker.child_handle import Child

LIMITS = Settings(upload_mib=64)


@pytest.fixture
def into(tmp_path: Path) -> Path:
    """An empty folder for what passes the gate."""
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """An empty folder for an upload."""
    folder = tmp_path / "made"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def inspector(worker: Worker) -> Iterator[Child]:
    """One confined child that looks into one file after another, so that hundreds take seconds."""
    with worker.open(confined=True) as child:
        yield child


@pytest.fixture
def let_in(inspector: Child, into: Path) -> Callable[..., tuple[ValidatedUpload, dict]]:
    """A function that takes an upload through gate and inspector; gives what the gate says, and the facts."""

    def enter(upload: Path, name: str, **parts: Path) -> tuple[ValidatedUpload, dict]:
        gated = validate_upload(upload, name, into, config=LIMITS, extra_files=parts)
        return gated, inspector.request("inspect_brought", seconds=60, format=gated.format, folder=into).message

    return enter
