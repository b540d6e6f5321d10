"""The process of a format's environment, with an engine of our own and the packages of the tests."""

from pathlib import Path

import numpy as np
import pytest

from core.environments.base import Environment
from core.errors import CannotSave, DoesNotLoad, PackageMissing, TimedOut
from core.runtimes import environment_link
from core.runtimes.environment_link import (
    EnvironmentLink,
    find_python,
    load_in_environment,
    save_in_environment,
)
from core.settings import Settings
from tests.factories.environment_kits import borrow_own_packages, make_engine


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """An environment that is built, as far as its link can tell."""
    config, environment = Settings(home=tmp_path / "home"), make_engine("copies", lock="tract")
    monkeypatch.setattr(environment_link, "get_settings", lambda: config)
    borrow_own_packages(config.environments_folder / environment.folder_name)
    return environment


def save(engine: Environment, folder: Path, content: str = "3") -> Path:
    (folder / "copy").mkdir()
    written = save_in_environment(engine, lambda source: (source / "factor.txt").write_text(content), folder / "copy")
    assert written == len(content)
    return folder / "copy"


def test_copy_is_written_and_answers_in_its_environment(engine: Environment, tmp_path: Path):
    predictor = load_in_environment(engine, save(engine, tmp_path))
    x = np.array([[1.0], [2.0]], "float32")
    assert predictor.predict({"x": x})["y"].tolist() == [[3.0], [6.0]]
    assert [(spec.name, spec.dtype, spec.shape) for spec in predictor.inputs] == [("x", "float32", (None, 1))]
    assert [(name, array.tolist()) for name, array in predictor.weights()] == [("factor", 3.0), ("factor", 0.0)]
    assert predictor.optimizer_state() == []
    assert predictor.is_apart
    assert engine.label in predictor.remark


def test_process_and_folder_end_with_the_predictor(engine: Environment, tmp_path: Path):
    predictor = load_in_environment(engine, save(engine, tmp_path))
    process, folder = predictor.model._link._process, predictor.model.out
    del predictor
    assert process.poll() is not None
    assert not folder.exists()


def test_refusal_of_the_engine_is_one_sentence_without_folders(engine: Environment, tmp_path: Path):
    with pytest.raises(CannotSave) as raised:
        save(engine, tmp_path, content="no number")
    assert raised.value.sentence == "The library said: could not convert string to float: 'no number'"
    with pytest.raises(DoesNotLoad) as raised:
        load_in_environment(engine, tmp_path)
    assert str(tmp_path) not in str(raised.value.detail)


def test_process_that_dies_is_one_sentence(engine: Environment, tmp_path: Path):
    predictor = load_in_environment(engine, save(engine, tmp_path))
    with pytest.raises(DoesNotLoad, match="ended before it had answered") as raised:
        predictor.predict({"x": np.array([[-1.0]], "float32")})
    assert raised.value.detail == "the last words"


def test_environment_that_is_not_built_names_its_command_and_size(tmp_path: Path):
    environment = make_engine("copies", lock="tract", megabytes=1234)
    with pytest.raises(PackageMissing, match=r"1,234 MB.*roundtrip environments build copies"):
        find_python(environment, Settings(home=tmp_path))


def test_copy_is_not_exported_for_an_environment_that_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(environment_link, "get_settings", lambda: Settings(home=tmp_path))
    called: list[Path] = []
    with pytest.raises(PackageMissing, match="roundtrip environments build copies"):
        save_in_environment(make_engine("copies", lock="tract"), called.append, tmp_path)
    assert called == []


def test_input_may_be_called_as_an_argument_of_numpy(engine: Environment, tmp_path: Path):
    predictor = load_in_environment(engine, save(engine, tmp_path))
    assert predictor.predict({"file": np.array([[2.0]], "float32")})["y"].tolist() == [[6.0]]


def test_process_that_hangs_is_ended_at_its_limit(engine: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    predictor = load_in_environment(engine, save(engine, tmp_path))
    limited = environment_link.get_settings().model_copy(update={"child_seconds": 0.3})
    monkeypatch.setattr(environment_link, "get_settings", lambda: limited)
    with pytest.raises(TimedOut, match=r"within its limit of 0\.3 seconds"):
        predictor.predict({"x": np.array([[100.0]], "float32")})
    assert predictor.model._link._process.wait(5)


def test_process_ends_where_its_copy_does_not_load(
    engine: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    links: list[EnvironmentLink] = []
    make = EnvironmentLink.__init__
    monkeypatch.setattr(EnvironmentLink, "__init__", lambda link, given: links.append(link) or make(link, given))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DoesNotLoad):
        load_in_environment(engine, tmp_path / "empty")
    assert links[0]._process.poll() is not None
    assert not links[0].folder.exists()
