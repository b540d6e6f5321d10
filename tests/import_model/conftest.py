"""A library into which models are brought, and a function that brings one in."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.jobs import Jobs
from core.jobs.uploads import store_upload
from core.library.job_store import Job
from core.uploads import NamedFile


@pytest.fixture
def import_files(empty_jobs: Jobs) -> Callable[..., Job]:
    """A function that brings files in as the page does, and gives the job at its end."""

    def import_model(*paths: Path, **asked) -> Job:
        given = store_upload(empty_jobs.library, [NamedFile(path.name, path) for path in paths])
        end = empty_jobs.wait(empty_jobs.import_model(**given._asdict(), **asked).id)
        assert list((empty_jobs.library.home / "staging").iterdir()) == []
        return end

    return import_model
