"""Stores of every kind that a machine has by itself: in memory, in a folder, and in a bucket of a server for S3."""

from pathlib import Path

import pytest

from core.object_store import ObjectStore, open_object_store

KINDS = ("memory", "folder", "s3")


@pytest.fixture(params=KINDS)
def object_store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty store."""
    if request.param == "s3":
        return open_object_store(request.getfixturevalue("make_bucket")())
    return open_object_store(
        "memory:///" if request.param == "memory" else f"file://{tmp_path}/a%20store", makes_folder=True
    )
