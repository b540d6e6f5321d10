"""What has expired is deleted step by step: one that fails is logged, and keeps neither the others nor the next day."""

from typing import NoReturn

import pytest

from core.jobs import Jobs, maintenance

STEPS = ("empty_expired_trash", "delete_expired_uploads", "collect_unused_contents")


@pytest.mark.parametrize("failing", STEPS)
def test_step_that_raises_whatever_it_is_keeps_no_other_from_work(empty_jobs: Jobs, monkeypatch, caplog, failing: str):
    done = []

    def fail(*_: object) -> NoReturn:
        raise OverflowError("date value out of range")

    for step in STEPS:
        monkeypatch.setattr(maintenance, step, fail if step == failing else lambda *_, step=step: done.append(step))
    maintenance.delete_expired(empty_jobs)
    assert done == [step for step in STEPS if step != failing]
    (record,) = caplog.records
    assert record.message == "What has expired was not all deleted; it is tried again in a day."
    assert record.exc_info is not None
    assert record.exc_info[0] is OverflowError


def test_expired_trash_is_emptied_after_the_days_of_the_setting(empty_jobs: Jobs, monkeypatch):
    asked = []
    monkeypatch.setattr(empty_jobs.library, "empty_trash", lambda days: asked.append(days) or [])
    maintenance.delete_expired(empty_jobs)
    assert asked == [empty_jobs.config.trash_days]
