"""Log lines carry the id of the job that they belong to, as text and as JSON."""

import json
import logging
import threading

import pytest

from core.jobs.execution.job_handle import map_parallel
from core.telemetry import job_context, set_up_logging
from core.telemetry.job_log import LOGGER
from tests.helpers import wait_until, wait_until_done


@pytest.fixture(autouse=True)
def restored_logger(monkeypatch):
    """The logger as it was before, also its handlers."""
    monkeypatch.setattr(LOGGER, "handlers", list(LOGGER.handlers))
    monkeypatch.setattr(LOGGER, "propagate", LOGGER.propagate)
    level = LOGGER.level
    yield
    LOGGER.setLevel(level)


def test_json_lines_carry_job_kind_time_and_level(capsys, empty_jobs, artifact):
    set_up_logging("json")
    job = wait_until_done(empty_jobs, empty_jobs.verify([artifact.id]))
    text = ""

    def both() -> bool:
        nonlocal text
        text += capsys.readouterr().err
        return text.count("\n") >= 2

    wait_until(both)
    began, ended = map(json.loads, text.splitlines())
    assert (began["job"], began["kind"], began["message"]) == (job.id, "verify", "verify began")
    assert (ended["job"], ended["level"]) == (job.id, "INFO")
    assert ended["message"].startswith("verify ended: done in ")
    assert {"time", "logger"} <= set(ended)


def test_text_lines_end_with_the_job(capsys):
    set_up_logging("text")
    with job_context("j0000000001", "save"):
        LOGGER.info("half way")
    LOGGER.info("all done")
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("INFO half way [j0000000001]")
    assert second.endswith("INFO all done")


def test_parts_that_run_side_by_side_log_under_their_job(capsys):
    set_up_logging("json")
    threads = set()

    def work(id_: str) -> None:
        threads.add(threading.get_ident())
        logging.getLogger("roundtrip").info("part %s", id_)

    with job_context("j0000000001", "save"):
        map_parallel(work, ["a", "b"], 2)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert sorted((line["job"], line["message"]) for line in lines) == [
        ("j0000000001", "part a"),
        ("j0000000001", "part b"),
    ]
    assert threading.get_ident() not in threads
