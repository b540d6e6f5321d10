"""Upgrades between releases that were really built: what does not load, and what its cure is worth."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.environments import get_environment
from core.jobs import Jobs
from core.jobs.upgrades.upgrade import read_rows
from core.settings import Settings
from core.upgrade.rows import Status
from core.upgrade.sides import get_side
from tests.factories.built_environments import build_or_skip
from tests.helpers import wait_until_done

pytestmark = [pytest.mark.long, pytest.mark.trust, pytest.mark.timeout(1800)]
# In a process of its own: TensorFlow is not loaded here.
WRITE = """
import sys
import keras
dense = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.BatchNormalization()])
dense.compile("adam", "mse")
dense.save(f"{sys.argv[1]}/dense.keras")
dense.save(f"{sys.argv[1]}/dense.h5")
dense.save_weights(f"{sys.argv[1]}/values.weights.h5")
open(f"{sys.argv[1]}/values.json", "w").write(dense.to_json())
dense.export(f"{sys.argv[1]}/exported", verbose=False)
norm = keras.Sequential([keras.Input((4,)), keras.layers.RMSNormalization()])
norm.save(f"{sys.argv[1]}/norm.keras")
"""


@pytest.fixture(scope="session")
def keras_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keras-models")
    subprocess.run([sys.executable, "-c", WRITE, folder], check=True, capture_output=True)
    return folder


@pytest.fixture
def built_jobs(jobs: Jobs, config: Settings, shared_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """Jobs over the session's environments, of which those of two releases are built."""
    built_config = config.model_copy(update={"environments": shared_folder / "environments"})
    for key in ("keras-3.3", "keras-3.12"):
        build_or_skip(built_config, get_environment(key))
    monkeypatch.setattr(jobs, "config", built_config)
    return jobs


def test_older_release_loads_what_was_cured_for_it(built_jobs: Jobs, keras_models: Path):
    job = wait_until_done(built_jobs, built_jobs.check_upgrade("here", "keras-3.3", keras_models, again=True))
    rows = {row.name: row for row in read_rows(job.result["rows"])}
    told = {name: (row.status, row.proven_cure and row.proven_cure.kind) for name, row in rows.items()}
    assert told == {
        "dense.h5": (Status.DOES_NOT_LOAD, "saved-again"),
        "dense.keras": (Status.DOES_NOT_LOAD, "rewritten-config"),
        "exported": (Status.ALIKE, None),
        "norm.keras": (Status.DOES_NOT_LOAD, "saved-model"),
        "values.weights.h5": (Status.DOES_NOT_LOAD, "rewritten-config"),
    }
    assert "GlorotUniform(input_axes=None) (since Keras 3.15, in “dense”)" in rows["dense.keras"].cause
    assert built_jobs.find_cured_files(job.id)["dense.keras"].name == "for-keras-3.3.keras"


def test_first_release_that_answers_otherwise_is_found(
    built_jobs: Jobs, keras_models: Path, monkeypatch: pytest.MonkeyPatch
):
    line = [get_side(key) for key in ("here", "keras-3.12", "keras-3.3")]  # those that are built
    monkeypatch.setattr("core.jobs.upgrades.bisect.build_line", lambda *sides: line)
    ended = wait_until_done(built_jobs, built_jobs.bisect("here", "keras-3.3", keras_models / "norm.keras"))
    steps = {step["environment"]: step["status"] for step in ended.result["steps"]}
    assert steps == {"keras-3.3": "does-not-load", "keras-3.12": "alike"}
    assert (ended.result["first"], ended.result["last_alike"]) == ("keras-3.3", "keras-3.12")
