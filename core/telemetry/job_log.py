"""The log of the server: text or JSON lines, each with the id and the kind of the job that it belongs to."""

import contextlib
import logging
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Literal

LOGGER = logging.getLogger("roundtrip")
_job: ContextVar[tuple[str, str] | None] = ContextVar("job", default=None)


class _JobFilter(logging.Filter):
    """Adds `job` and `kind` to records that are logged while a job is at work."""

    def filter(self, record: logging.LogRecord) -> bool:
        if (job := _job.get()) and not hasattr(record, "job"):
            record.job, record.kind = job
        return True


class _TextFormatter(logging.Formatter):
    """Time, level and message; the job's id in brackets where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return f"{text} [{record.job}]" if hasattr(record, "job") else text


@contextlib.contextmanager
def job_context(id_: str, kind: str) -> Iterator[None]:
    """While this lasts, what this thread logs belongs to that job."""
    token = _job.set((id_, kind))
    try:
        yield
    finally:
        _job.reset(token)


def set_up_logging(log_format: Literal["text", "json"]) -> None:
    """Write what Roundtrip logs, from INFO up, to standard error; called once more, in the format given last."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_JobFilter())
    if log_format == "json":
        from pythonjsonlogger.json import JsonFormatter

        names = {"asctime": "time", "levelname": "level", "name": "logger"}
        handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", rename_fields=names))
    else:
        handler.setFormatter(_TextFormatter("%(asctime)s %(levelname)s %(message)s"))
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
