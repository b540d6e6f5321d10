"""Uploads over a home of the test's own."""

from pathlib import Path

import pytest

from core.settings import Settings
from core.uploads import Uploads


@pytest.fixture
def upload_settings() -> Settings:
    """Small limits."""
    return Settings(upload_mb=1, uploads_total_mb=2, upload_hours=1)


@pytest.fixture
def uploads(tmp_path: Path, upload_settings: Settings) -> Uploads:
    return Uploads(tmp_path, upload_settings)
