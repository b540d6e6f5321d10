"""A comparison as HTML, JSON and CSV: the job's own numbers, harmless whatever it is called, whole or not at all."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError, RoundtripError, StorageFailed
from core.inputs import Inputs, input_specs
from core.jobs import Jobs
from core.jobs.tolerances import Tolerance
from core.library.job_store import Job
from core.report import REPORT_KINDS, report_kind, write_report
from core.report.data import summarize_outcomes
from core.text.metrics import ALL_METRICS
from tests.conftest import finished

MARKUP = "<img src=x onerror=alert(1)>"
FORMULA = "=1+1"
WANTED = {"": Tolerance(1e-3)}
LIMIT = {"": Tolerance(1.2345678e-7, 1e-3)}


@pytest.fixture(scope="session")
def copies(saved: Callable[[str, str], dict]) -> list[str]:
    """One copy that is the same, one that changes answers, and one that is another kind of model."""
    asked = (("digits-mlp", "keras"), ("digits-mlp", "keras_int4"), ("tips", "keras"))
    return [saved(demo, key)["artifact"] for demo, key in asked]


@pytest.fixture(scope="session")
def job(jobs: Jobs, copies: list[str]) -> Job:
    """A finished comparison of those, on all held-out rows."""
    return finished(jobs, jobs.compare(copies))


@pytest.fixture(scope="session")
def written(jobs: Jobs, job: Job, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Its reports, by kind."""
    folder = tmp_path_factory.mktemp("reports")
    for kind in REPORT_KINDS:
        write_report(jobs, job, folder / f"report.{kind}", WANTED)
    return {kind: (folder / f"report.{kind}").read_text(encoding="utf-8") for kind in REPORT_KINDS}


@pytest.fixture
def renamed(jobs: Jobs, job: Job) -> Callable[[str], None]:
    """A function that gives the run of the comparison another name, until the end of the test."""
    path = jobs.library.home / "runs" / job.result["baseline"] / "run.json"
    before = path.read_text(encoding="utf-8")
    yield lambda name: path.write_text(json.dumps(json.loads(before) | {"name": name}), encoding="utf-8")
    path.write_text(before, encoding="utf-8")


def words_of(html: str) -> str:
    """What a person reads: no scripts, no tags."""
    bare = re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", bare).split())


def test_the_json_has_every_number_of_the_job_and_no_word_that_is_not_json(job: Job, written: dict[str, str]):
    found = json.loads(written["json"], parse_constant=pytest.fail)
    assert (found["schema"], found["kind"], found["job"]) == (1, "comparison", job.id)
    assert found["matrix"] == job.result["matrix"]
    assert set(found["artifacts"]) == set(job.result["outcomes"])
    for id_, outcome in job.result["outcomes"].items():
        kept = {name: found["artifacts"][id_][name] for name in outcome}
        assert kept == outcome
    assert found["machine"] == job.result["machine"]
    assert found["versions"]["keras"] == job.result["versions"]["keras"]


def test_the_json_knows_the_files_of_each_copy(jobs: Jobs, job: Job, written: dict[str, str]):
    found = json.loads(written["json"])["artifacts"]
    for id_ in job.result["outcomes"]:
        record = jobs.library.artifact(id_)
        assert found[id_]["bytes"] == record.bytes
        assert [one["sha256"] for one in found[id_]["files"]] == [one.sha256 for one in record.files]


def test_the_csv_has_a_line_for_each_copy_and_output_with_the_jobs_numbers(job: Job, written: dict[str, str]):
    lines = list(csv.DictReader(io.StringIO(written["csv"])))
    assert [line["artifact"] for line in lines] == list(job.result["outcomes"])
    same, changed, unfit = lines
    (numbers,) = job.result["outcomes"][changed["artifact"]]["outputs"]
    for name in ("max_abs", "mean_abs", "p99_abs", "max_rel", "mean_ulp", "cosine", "atol_needed", "changed"):
        assert float(changed[name]) == numbers[name]
    assert int(changed["worst.row"]) == numbers["worst"]["row"]
    assert int(changed["classes.broken"]) == numbers["classes"]["broken"]
    assert float(changed["classes.answer_accuracy.low"]) == numbers["classes"]["answer_accuracy"]["low"]
    assert (same["tolerance.passed"], changed["tolerance.passed"]) == ("True", "False")
    assert (unfit["verdict"], unfit["max_abs"]) == ("not-comparable", "")
    assert unfit["error"] == job.result["outcomes"][unfit["artifact"]]["error"]["sentence"]
    assert [name for name in lines[0] if name.split(".")[-1] in ("histogram", "heat", "agreement")] == []


def test_the_page_says_the_verdicts_the_numbers_and_the_hashes(jobs: Jobs, job: Job, written: dict[str, str]):
    said = words_of(written["html"])
    same, changed, unfit = job.result["outcomes"].values()
    assert "Bit-identical" in said
    assert f"Some answers changed: {changed['changed_rows']} of {changed['rows']} rows" in said
    assert unfit["error"]["sentence"].replace("'", "&#39;") in said
    for outcome in (same, changed):
        (numbers,) = outcome["outputs"]
        lines = [(one.label, " ".join(one.format_from(numbers).split())) for one in ALL_METRICS]
        assert [line for line in lines if any(part not in said for part in line)] == []
    for id_ in job.result["outcomes"]:
        assert all(one.sha256 in said for one in jobs.library.artifact(id_).files)
    assert f"python -m core compare {' '.join(job.request['artifacts'])} --baseline {job.result['baseline']}" in said
    assert "--tolerance 0.001" in said


def test_the_rows_that_disagree_are_in_the_page_with_their_pictures(jobs: Jobs, job: Job, written: dict[str, str]):
    id_ = job.request["artifacts"][1]
    changed, distance = jobs.predictions(job.id).read_row_distances(id_)
    rows = np.flatnonzero(changed)
    (shown,) = re.findall(r"<h2>Rows that disagree</h2>.*?</section>", written["html"], re.DOTALL)
    listed = [int(row) for row in re.findall(r'<th scope="row">(\d+)</th>', shown)]
    assert listed == sorted(rows, key=lambda row: -distance[row])
    assert shown.count('src="data:image/png;base64,') == len(rows) > 0
    assert shown.count('class="changed"') == len(rows)


def test_the_page_allows_its_own_scripts_alone_and_no_address(written: dict[str, str]):
    page = written["html"]
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert "unsafe-inline&#39;; img" in policy.partition("style-src")[2]
    assert page.count("<script>") == 2
    outside = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert re.findall(r"(?:src|href)=\"(?!data:)", outside) == []


def test_a_name_that_is_markup_or_a_formula_stays_a_name(
    jobs: Jobs, job: Job, renamed: Callable[[str], None], tmp_path: Path
):
    for name in (MARKUP, FORMULA, "@SUM(A1)", "-1+1", "</script><script>alert(1)</script>"):
        renamed(name)
        for kind in REPORT_KINDS:
            write_report(jobs, job, tmp_path / f"a.{kind}")
        page = (tmp_path / "a.html").read_text(encoding="utf-8")
        assert "<img src=x" not in page
        assert "<script>alert" not in page
        assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["run"]["name"] == name
        with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
            cells = [line["run_name"] for line in csv.DictReader(file)]
        assert set(cells) == {f"'{name}" if name[0] in "=+-@" else name}


@pytest.mark.parametrize("name", ["report.pdf", "report", "report.html.txt"])
def test_another_ending_is_refused_in_words(jobs: Jobs, job: Job, tmp_path: Path, name: str):
    with pytest.raises(InputError, match=r"an \.html, a \.json or a \.csv file") as refused:
        write_report(jobs, job, tmp_path / name)
    assert refused.value.received == name
    assert list(tmp_path.iterdir()) == []
    assert report_kind(Path("A.HTML")) == "html"


def test_a_job_that_is_no_finished_comparison_is_refused(jobs: Jobs, job: Job, tmp_path: Path):
    for other in (job.model_copy(update={"state": "failed"}), job.model_copy(update={"kind": "train"})):
        with pytest.raises(InputError, match="Only a finished comparison"):
            write_report(jobs, other, tmp_path / "a.json")


@pytest.mark.parametrize("kind", list(REPORT_KINDS))
def test_a_report_that_cannot_be_written_leaves_the_old_one_whole(
    jobs: Jobs, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
):
    path = tmp_path / f"a.{kind}"
    path.write_text("the old one", encoding="utf-8")

    def refuse(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.library.storage.os.replace", refuse)
    with pytest.raises(StorageFailed):
        write_report(jobs, job, path)
    assert [(one.name, one.read_text(encoding="utf-8")) for one in tmp_path.iterdir()] == [(path.name, "the old one")]
    monkeypatch.undo()
    with pytest.raises(RoundtripError):
        write_report(jobs, job, tmp_path / "no such folder" / f"a.{kind}")


def test_the_command_asks_the_same_inputs_again(jobs: Jobs, copies: list[str], tmp_path: Path):
    kept, run = Inputs(jobs.library.home, jobs.config), jobs.library.artifact(copies[0]).run
    specs = input_specs(jobs.library, run)
    chosen = kept.add_held_out(jobs.library, run, 9, ["3", "8"], seed=2)
    random = kept.add_random(specs, 7, -1.5, 2.0000001, seed=3)
    typed = kept.add_typed({specs[0]["name"]: np.zeros((1, 64), "float32")})
    ends = {
        chosen.id: "--rows 9 --class 3 --class 8 --seed 2",
        random.id: "--random=-1.5,2.0000001 --rows 7 --seed 3",
        typed.id: f"--inputs inputs-{typed.id}.npz",
    }
    for id_, end in ends.items():
        write_report(jobs, finished(jobs, jobs.compare(copies[:1], inputs=id_)), tmp_path / "a.json", LIMIT)
        command = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["command"]
        assert command.endswith(f"{end} --tolerance 1.2345678e-07,0.001")


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        (["bit-identical"], "The copy answers as the live model does, on all 270 rows."),
        (["rounding", "same-answers"], "All 2 copies answer as the live model does, on all 270 rows."),
        (
            ["rounding", "some-changed"],
            "1 of 2 copies answer as the live model does, on all 270 rows; 1 changed its answer on 4 rows.",
        ),
        (
            ["different", "some-changed", "does-not-load"],
            "0 of 3 copies answer as the live model does, on all 270 rows; 2 changed answers, on up to 4 rows; 1 could "
            "not be compared.",
        ),
    ],
)
def test_the_headline_counts_copies(outcomes: list[str], words: str):
    silent = {"does-not-load": {"error": {"sentence": "no"}, "changed_rows": None}}
    rows = {"error": None, "changed_rows": 4}
    found = {f"a{at}": {"verdict": one} | silent.get(one, rows) for at, one in enumerate(outcomes)}
    assert summarize_outcomes("Live model", 270, found) == words


@pytest.mark.parametrize(("demo", "key"), [("two-in-two-out", "litert_dynamic"), ("digits-denoiser", "keras")])
def test_models_of_several_outputs_and_of_pictures_are_reported(
    jobs: Jobs, saved: Callable[[str, str], dict], tmp_path: Path, demo: str, key: str
):
    asked = finished(jobs, jobs.compare([saved(demo, key)["artifact"]], 40))
    (outcome,) = asked.result["outcomes"].values()
    outputs = [one["output"] for one in outcome["outputs"]]
    wanted = {outputs[-1]: Tolerance(0.0)}
    for kind in REPORT_KINDS:
        write_report(jobs, asked, tmp_path / f"a.{kind}", wanted)
    lines = list(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text(encoding="utf-8"))))
    assert [line["output"] for line in lines] == outputs
    same = outcome["outputs"][-1]["max_abs"] == 0
    assert [line["tolerance.passed"] for line in lines] == [""] * (len(outputs) - 1) + [str(same)]
    said = words_of((tmp_path / "a.html").read_text(encoding="utf-8"))
    assert all(f"Output {one}" in said for one in outputs)
    with pytest.raises(InputError, match="no such output"):
        write_report(jobs, asked, tmp_path / "b.csv", {"no such": Tolerance(1.0)})


def test_a_copy_that_left_the_library_is_still_told_of(jobs: Jobs, copies: list[str], job: Job, tmp_path: Path):
    jobs.library.remove(copies[1])
    try:
        write_report(jobs, job, tmp_path / "a.html")
        write_report(jobs, job, tmp_path / "a.json")
    finally:
        jobs.library.restore(copies[1])
    assert "This copy is not in the library any more." in (tmp_path / "a.html").read_text(encoding="utf-8")
    found = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["artifacts"][copies[1]]
    assert (found["files"], found["outputs"]) == (None, job.result["outcomes"][copies[1]]["outputs"])
