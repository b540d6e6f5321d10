"""Fixtures of the validation tests: folders, and a function that validates an upload and its content."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.settings import Settings
from core.validation import ValidatedUpload, limits, validate_upload
from core.worker import Worker
from core.worker.child_handle import Child
from tests.helpers import UPLOAD_SETTINGS


@pytest.fixture
def output_folder(tmp_path: Path) -> Path:
    """An empty folder for what is let in."""
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


@pytest.fixture
def upload_folder(tmp_path: Path) -> Path:
    """An empty folder for an upload."""
    folder = tmp_path / "made"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def validation_child(worker: Worker) -> Iterator[Child]:
    """One sandboxed child that validates the content of one file after another, so that hundreds take seconds."""
    with worker.open(sandboxed=True) as child:
        yield child


@pytest.fixture
def validate(validation_child: Child, output_folder: Path) -> Callable[..., tuple[ValidatedUpload, dict]]:
    """Return a function that validates an upload and its content, and returns the upload and the facts."""

    def validate_both(
        upload: Path, name: str, config: Settings = UPLOAD_SETTINGS, **parts: Path
    ) -> tuple[ValidatedUpload, dict]:
        validated = validate_upload(upload, name, output_folder, config=config, extra_files=parts)
        bounds = limits.current_limits(config.unpacked_mb)
        request = {"format": validated.format, "folder": output_folder, "bounds": bounds}
        return validated, validation_child.request("inspect_brought", seconds=60, **request).message

    return validate_both
