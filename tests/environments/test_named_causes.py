"""Why a copy did not load in an environment, as a job records it: by layer, argument and release of Keras."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.cli.elsewhere import _table
from core.compare import Verdict
from core.environments import get_environment
from core.environments.base import Environment
from core.jobs import Jobs
from core.jobs.elsewhere import read_outcome
from tests.factories.environment_kits import borrow_own_packages, make_engine
from tests.helpers import wait_until_done

LATER = "Dense(quantization_config=None) (since Keras 3.13, in "
OWN_WORDS = "The class 'Dense' that was found takes other arguments than the saved one did"


def make_refusing(key: str) -> Environment:
    """The environment of that key, with an engine that takes no file, in the words of Keras."""
    real = get_environment(key)
    return make_engine("refuses", key=key, requirements=real.requirements, takes=real.takes)


@pytest.fixture
def refused(copied_entries: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable]:
    """A function that asks a Keras file in an environment whose engine takes no file; gives the job's result."""
    built = borrow_own_packages(tmp_path / "own")
    monkeypatch.setattr("core.jobs.elsewhere.build_asked", lambda *given, **more: built)
    monkeypatch.setattr("core.environments.pool.is_unchanged", lambda built: True)
    monkeypatch.setattr("core.jobs.elsewhere.get_environment_or_own", make_refusing)
    opened: list[Jobs] = []

    def ask(key: str) -> dict:
        jobs, run, _ = copied_entries("digits-mlp", "keras")
        opened.append(jobs)
        return wait_until_done(jobs, jobs.ask_elsewhere(run, [key])).result

    yield ask
    for jobs in opened:
        jobs.environment_processes.close()


def test_copy_that_an_older_keras_refuses_is_told_by_argument(refused):
    result = refused("keras-3.3")
    ((_, row),) = result["rows"].items()
    outcome = read_outcome(row["cells"]["keras-3.3"])
    assert (outcome.verdict, outcome.error["code"]) == (Verdict.DOES_NOT_LOAD, "does-not-load")
    assert outcome.cause.startswith("Keras 3.3 does not know ")
    assert LATER in outcome.cause
    assert "Unrecognized keyword arguments passed to Dense" in outcome.error["detail"]
    assert outcome.error["cure"].startswith("Save it for that release")
    assert [line["cause"] for line in _table(result)] == [outcome.cause]


def test_copy_refused_by_a_keras_that_knows_it_all_keeps_its_words(refused):
    (row,) = refused("python-3.13")["rows"].values()
    assert read_outcome(row["cells"]["python-3.13"]).cause.startswith(OWN_WORDS)
