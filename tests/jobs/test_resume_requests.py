"""What a resumed training is asked for, and which requests are refused."""

import pytest

from core.errors import InputError
from core.jobs import Jobs

# Bad input


@pytest.mark.parametrize("epochs", [0, 21, -1])
def test_too_few_or_too_many_epochs_are_refused(jobs: Jobs, trained, saved, epochs: int):
    with pytest.raises(InputError, match="It trains on for 1 to 20 epochs") as caught:
        jobs.resume(trained("digits-core"), [saved("digits-core", "checkpoint")["artifact"]], epochs)
    assert caught.value.received == str(epochs)


def test_copies_of_another_run_are_refused(jobs: Jobs, trained, saved):
    other = saved("digits-mlp", "keras")["artifact"]
    with pytest.raises(InputError, match=f"Only copies of one run .* Received: {other} of another run"):
        jobs.resume(trained("digits-core"), [saved("digits-core", "checkpoint")["artifact"], other])


def test_resume_empty_selection_is_refused(jobs: Jobs, trained):
    with pytest.raises(InputError, match=r"No artifact was chosen\."):
        jobs.resume(trained("digits-core"), [])
