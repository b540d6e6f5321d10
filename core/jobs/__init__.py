"""Every operation as a job. `Jobs` is what pages and the command line call."""

from core.jobs.execution.job_handle import JobHandle
from core.jobs.service import Jobs

__all__ = ["JobHandle", "Jobs"]
