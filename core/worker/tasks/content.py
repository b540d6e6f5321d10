"""Task: the content hash of the files of a copy, which are read and not loaded."""

from pathlib import Path

from core.arrays import Arrays
from core.readers.content_hash import hash_content
from core.worker.tasks.base import Reply, Report


def hash_files(report: Report, arrays: Arrays, *, folder: str) -> Reply:
    """Read the files in a folder and hash what they say (`ContentHash`). Raises DoesNotLoad."""
    return hash_content(Path(folder)).model_dump(), None
