"""The documentation: its Python examples run, what it links to exists, and its figures are those of the code."""

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import core.jobs
from core.demos import DEMOS
from core.formats import ENVIRONMENT_FORMATS, FORMATS
from core.jobs import Jobs
from core.library import Library
from core.runtimes.base import ModelCode
from core.settings import PROJECT, get_settings
from core.worker import Worker

PAGES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md")])


def _code_blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_python_api_examples_run_in_order_and_print_verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], worker: Worker
):
    """In this process, and over the worker that is warm; in the long run as a person runs them."""
    monkeypatch.setenv("ROUNDTRIP_HOME", str(tmp_path))
    monkeypatch.setattr(core.jobs, "Jobs", partial(Jobs, worker=worker))
    monkeypatch.setattr("core.library.add_model.Worker", lambda: worker)
    monkeypatch.setattr(worker, "close", lambda: None)
    get_settings.cache_clear()
    try:
        exec(_python_api_code(), {"__name__": "python_api"})
    finally:
        get_settings.cache_clear()
    _check_printed_verdicts(capsys.readouterr().out.splitlines(), tmp_path)


@pytest.mark.long
def test_python_api_examples_run_in_an_interpreter_of_their_own(tmp_path: Path):
    code = _python_api_code()
    environment = os.environ | {"ROUNDTRIP_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    environment |= {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr[-2000:]
    _check_printed_verdicts(ended.stdout.splitlines(), tmp_path)


def _python_api_code() -> str:
    return "\n".join(_code_blocks(PROJECT / "docs" / "python_api.md", "python"))


def _check_printed_verdicts(printed: list[str], home: Path) -> None:
    ids = {entry.format: entry.id for entry in Library(home).find()}
    readers = "Keras 3.15 and later read this file; with the option 'For Keras', 3.3 and later."
    first = printed.index(f"keras: {ids['keras']}, Bit-identical. {readers}")
    assert printed[first + 1] == f"saved_model: {ids['saved_model']}, Bit-identical"
    assert printed[-3:-1] == [f"{ids[key]} bit-identical" for key in ("keras", "saved_model")]
    assert printed[-1].endswith(" 0")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_page_links_lead_to_files_that_exist(page: Path):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [target for target in targets if target and "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_page_names_only_paths_that_exist(page: Path):
    paths = re.findall(r"`((?:core|ui|pages|tests|benchmarks|docs)/[\w/.*]+)`", page.read_text(encoding="utf-8"))
    assert [path for path in paths if not list(PROJECT.glob(path.rstrip("/")))] == [
        path for path in paths if path in ("docs/_build/html",)
    ]


def test_documented_counts_of_formats_and_demos_match_registries():
    assert len({format_.key for format_ in (*FORMATS, *ENVIRONMENT_FORMATS)}) == 33
    counts = f"in {len(FORMATS)} formats, and in {len(ENVIRONMENT_FORMATS)} more"
    assert counts in (PROJECT / "README.md").read_text(encoding="utf-8")
    assert f"{len(FORMATS)} formats and {len(DEMOS)} demos" in (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_add_a_format_example_saves_and_loads(tmp_path: Path):
    import keras

    def build() -> keras.Model:
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])

    (code,) = (block for block in _code_blocks(PROJECT / "docs" / "add_a_format.md", "python"))
    module: dict[str, Any] = {"__name__": "plain_numpy"}
    exec(code, module)
    format_, model = module["FORMAT"], build()
    format_.save(model, tmp_path)
    predictor = format_.load(tmp_path, ModelCode(build=build))
    x = np.ones((1, 3), "float32")
    (name,) = (spec.name for spec in predictor.inputs)
    (prediction,) = predictor.predict({name: x}).values()
    assert format_.key == "plain_numpy"
    assert np.array_equal(prediction, model.predict(x, verbose=0))
