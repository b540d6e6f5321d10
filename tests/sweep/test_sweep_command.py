"""The command `sweep`: a plan that is printed, measured, refused or done, and its exit status."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core.jobs import Jobs
from core.sweep.plan import EXAMPLE
from tests.factories.external_models import write_onnx_file
from tests.factories.library_entries import make_artifact, make_run
from tests.helpers import run_command


@pytest.fixture
def run_sweep(monkeypatch: pytest.MonkeyPatch, empty_jobs: Jobs) -> Callable[..., tuple[int, str, str]]:
    """A function that runs the command over an empty library."""
    monkeypatch.setattr("core.jobs.Jobs", lambda **_: empty_jobs)
    monkeypatch.setattr(empty_jobs.worker, "close", lambda: None)
    return lambda *words: run_command("sweep", *map(str, words))


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A plan over a file that lies beside it."""
    write_onnx_file(tmp_path, batch=2)
    path = tmp_path / "plan.toml"
    path.write_text('models = ["linear-2.onnx"]\nformats = ["as-is", "h5"]')
    return path


def test_example_is_printed_as_it_is_read(run_sweep: Callable):
    assert run_sweep("--example") == (0, EXAMPLE, "")


def test_preview_says_how_much_a_plan_is_and_starts_nothing(run_sweep: Callable, plan: Path, empty_jobs: Jobs):
    status, out, _ = run_sweep(plan, "--preview")
    assert (status, out.splitlines()[1:]) == (
        0,
        [
            "1 file to import, where the library does not have it.",
            "1 copy to save, where it is not there.",
        ],
    )
    assert json.loads(run_sweep(plan, "--preview", "--json")[1])["rows"] == 2
    assert empty_jobs.job_store.list_jobs() == []


def test_sweep_prints_rows_writes_reports_and_ends_with_the_worst(run_sweep: Callable, plan: Path, tmp_path: Path):
    status, out, err = run_sweep(plan, "--report", tmp_path / "rows.csv")
    rows = [line.split() for line in out.splitlines()]
    assert [row[:4] for row in rows[1:]] == [["linear-2.onnx", key, "here", "here"] for key in ("h5", "onnx")]
    assert (status, err) == (5, "1 of 2 rows answer the same. Not saved in this format: 1.\n")
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 3
    status, out, _ = run_sweep(plan, "--json")
    document = json.loads(out)
    assert (status, document["exit_status"], document["headline"]) == (5, 5, err.strip())


def test_id_of_a_sweep_goes_on_with_it(run_sweep: Callable, tmp_path: Path, empty_jobs: Jobs):
    run = make_run(empty_jobs.library)
    make_artifact(empty_jobs.library, run)
    path = tmp_path / "plan.toml"
    path.write_text(f'models = ["{run.id}"]')
    assert run_sweep(path)[0] == 0
    (job,) = empty_jobs.job_store.list_jobs("sweep")
    assert run_sweep(job.id)[0] == 0
    assert run_sweep(job.id, "--again")[0] == 0
    assert [(each.id, each.request["again"]) for each in empty_jobs.job_store.list_jobs("sweep")] == [(job.id, True)]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "No plan was named."),
        (("none.toml",), "This plan cannot be read. Received: none.toml."),
        (
            ("plan.toml", "--report", "rows.doc"),
            "The report of a sweep is an .html, a .csv, a .parquet or a .json file.",
        ),
        (("j0123456789",), "Nothing in the library has this id."),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    run_sweep: Callable, plan: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], sentence: str
):
    monkeypatch.chdir(plan.parent)
    status, out, err = run_sweep(*words)
    assert (status, out, err[: len(sentence)]) == (1, "", sentence)
