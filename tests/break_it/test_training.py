"""Training the small models of the bench: one job at a time for each, and nothing of earlier code stays."""

from pathlib import Path

import pytest

from core.break_it import get_card
from core.errors import Cancelled
from core.jobs import Jobs
from core.jobs.break_it import hold_training_lock, trained_folder
from tests.helpers import wait_until


def test_training_lock_keeps_others_out_until_they_are_cancelled(tmp_path: Path):
    looks, entered = iter([False, False, True]), []
    with hold_training_lock(tmp_path / "left", lambda: False):
        with pytest.raises(Cancelled), hold_training_lock(tmp_path / "left", lambda: next(looks)):
            entered.append("left while it is held")
        with hold_training_lock(tmp_path / "right", lambda: True):
            entered.append("right")
    with hold_training_lock(tmp_path / "left", lambda: True):
        entered.append("left")
    assert (entered, list(looks)) == (["right", "left"], [])


def test_pull_that_waits_for_training_of_another_card_is_cancelled(empty_jobs: Jobs):
    card = get_card("lose-the-class")
    with hold_training_lock(trained_folder(empty_jobs.config.home, card), lambda: False):
        job = empty_jobs.pull_lever(card.key)
        wait_until(lambda: empty_jobs.job_store.read(job.id).state == "running")
        empty_jobs.cancel(job.id)
        end = empty_jobs.wait(job.id)
    assert (end.state, end.error["code"]) == ("cancelled", Cancelled.code)
    assert not trained_folder(empty_jobs.config.home, card).exists()
