"""A comparison as HTML, JSON and CSV: the job's own numbers, harmless whatever it is called, whole or not at all."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.environments import get_environment
from core.environments.judge import LOCK_CHANGED, ElsewhereOutcome
from core.errors import InputError, RoundtripError, StorageFailed
from core.inputs import Inputs, input_specs
from core.jobs import Jobs
from core.jobs.comparison.compare_result import Tolerance
from core.library.job_store import Job
from core.report import REPORT_KINDS, report_kind, write_report
from core.text.metrics import ALL_METRICS
from core.text.summaries import summarize_outcomes
from tests.helpers import wait_until_done

MARKUP = "<img src=x onerror=alert(1)>"
FORMULA = "=1+1"
TOLERANCES = {"": Tolerance(1e-3)}
PRECISE_TOLERANCES = {"": Tolerance(1.2345678e-7, 1e-3)}


@pytest.fixture(scope="session")
def artifacts(saved: Callable[[str, str], dict]) -> list[str]:
    """One copy that is the same, one that changes answers, and one that is another kind of model."""
    request = (("digits-mlp", "keras"), ("digits-mlp", "keras_int4"), ("tips", "keras"))
    return [saved(demo, key)["artifact"] for demo, key in request]


@pytest.fixture(scope="session")
def comparison_job(jobs: Jobs, artifacts: list[str]) -> Job:
    """A finished comparison of those, on all test examples."""
    return wait_until_done(jobs, jobs.compare(artifacts))


@pytest.fixture(scope="session")
def reports(jobs: Jobs, comparison_job: Job, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Its reports, by kind."""
    folder = tmp_path_factory.mktemp("reports")
    for kind in REPORT_KINDS:
        write_report(jobs, comparison_job, folder / f"report.{kind}", TOLERANCES)
    return {kind: (folder / f"report.{kind}").read_text(encoding="utf-8") for kind in REPORT_KINDS}


@pytest.fixture
def rename_run(jobs: Jobs, comparison_job: Job) -> Callable[[str], None]:
    """A function that gives the run of the comparison another name, until the end of the test."""
    path = jobs.library.home / "runs" / comparison_job.result["baseline"] / "run.json"
    before = path.read_text(encoding="utf-8")
    yield lambda name: path.write_text(json.dumps(json.loads(before) | {"name": name}), encoding="utf-8")
    path.write_text(before, encoding="utf-8")


def visible_text(html: str) -> str:
    """What a person reads: no scripts, no tags."""
    bare = re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", bare).split())


def test_json_report_has_every_number_of_the_job(comparison_job: Job, reports: dict[str, str]):
    document = json.loads(reports["json"], parse_constant=pytest.fail)
    assert (document["schema"], document["kind"], document["job"]) == (1, "comparison", comparison_job.id)
    assert document["matrix"] == comparison_job.result["matrix"]
    assert set(document["artifacts"]) == set(comparison_job.result["outcomes"])
    for id_, outcome in comparison_job.result["outcomes"].items():
        stored = {name: document["artifacts"][id_][name] for name in outcome}
        assert stored == outcome
    assert document["machine"] == comparison_job.result["machine"]
    assert document["versions"]["keras"] == comparison_job.result["versions"]["keras"]


def test_json_report_lists_files_of_each_artifact(jobs: Jobs, comparison_job: Job, reports: dict[str, str]):
    result = json.loads(reports["json"])["artifacts"]
    for id_ in comparison_job.result["outcomes"]:
        record = jobs.library.artifact(id_)
        assert result[id_]["bytes"] == record.bytes
        assert [file["sha256"] for file in result[id_]["files"]] == [file.sha256 for file in record.files]


def test_csv_report_has_a_line_per_artifact_and_output(comparison_job: Job, reports: dict[str, str]):
    lines = list(csv.DictReader(io.StringIO(reports["csv"])))
    assert [line["artifact"] for line in lines] == list(comparison_job.result["outcomes"])
    same, changed, unfit = lines
    (numbers,) = comparison_job.result["outcomes"][changed["artifact"]]["outputs"]
    for name in ("max_abs", "mean_abs", "p99_abs", "max_rel", "mean_ulp", "cosine", "atol_needed", "changed"):
        assert float(changed[name]) == numbers[name]
    assert int(changed["worst.row"]) == numbers["worst"]["row"]
    assert int(changed["classes.broken"]) == numbers["classes"]["broken"]
    assert float(changed["classes.answer_accuracy.low"]) == numbers["classes"]["answer_accuracy"]["low"]
    assert (same["tolerance.passed"], changed["tolerance.passed"]) == ("True", "False")
    assert (unfit["verdict"], unfit["max_abs"]) == ("not-comparable", "")
    assert unfit["error"] == comparison_job.result["outcomes"][unfit["artifact"]]["error"]["sentence"]
    assert [name for name in lines[0] if name.split(".")[-1] in ("histogram", "heat", "agreement")] == []


def test_html_report_shows_verdicts_numbers_and_hashes(jobs: Jobs, comparison_job: Job, reports: dict[str, str]):
    text = visible_text(reports["html"])
    same, changed, unfit = comparison_job.result["outcomes"].values()
    assert "Bit-identical" in text
    assert f"Some answers changed: {changed['changed_rows']} of {changed['rows']} rows" in text
    assert unfit["error"]["sentence"].replace("'", "&#39;") in text
    for outcome in (same, changed):
        (numbers,) = outcome["outputs"]
        lines = [(metric.label, " ".join(metric.format_from(numbers).split())) for metric in ALL_METRICS]
        assert [line for line in lines if any(part not in text for part in line)] == []
    for id_ in comparison_job.result["outcomes"]:
        assert all(file.sha256 in text for file in jobs.library.artifact(id_).files)
    artifacts, baseline = comparison_job.request["artifacts"], comparison_job.result["baseline"]
    assert f"roundtrip compare {' '.join(artifacts)} --baseline {baseline}" in text
    assert "--tolerance 0.001" in text


def test_html_report_shows_disagreeing_rows_with_images(jobs: Jobs, comparison_job: Job, reports: dict[str, str]):
    id_ = comparison_job.request["artifacts"][1]
    changed, distance = jobs.predictions(comparison_job.id).read_row_distances(id_)
    rows = np.flatnonzero(changed)
    (shown,) = re.findall(r"<h2>Rows that disagree</h2>.*?</section>", reports["html"], re.DOTALL)
    listed = [int(row) for row in re.findall(r'<th scope="row">(\d+)</th>', shown)]
    assert listed == sorted(rows, key=lambda row: -distance[row])
    assert shown.count('src="data:image/png;base64,') == len(rows) > 0
    assert shown.count('class="changed"') == len(rows)


def test_reports_have_losses_beside_verdicts(comparison_job: Job, artifacts: list[str], reports: dict[str, str]):
    same, quantised, _ = artifacts
    record = json.loads(reports["json"])["artifacts"]
    assert record[same]["losses"] == []
    (loss,) = record[quantised]["losses"]
    assert (loss["finding"], loss["label"]) == ("trainable", "cannot be trained")
    lines = list(csv.DictReader(io.StringIO(reports["csv"])))
    assert {line["losses"] for line in lines if line["artifact"] == quantised} == {"cannot be trained"}
    assert f'<a href="#{quantised}-trainable">cannot be trained</a>' in reports["html"]
    assert f'<li id="{quantised}-trainable"><b>Cannot be trained.</b>' in reports["html"]


def test_reports_say_under_which_lock_copies_answered_elsewhere(
    jobs: Jobs, comparison_job: Job, artifacts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    outcomes = {
        key: ElsewhereOutcome(environment=key, verdict="rounding", lock=lock)
        for key, lock in {"tract": get_environment("tract").lock_sha256, "mnn": 64 * "a", "ncnn": ""}.items()
    }
    monkeypatch.setattr("core.report.data.find_answers", lambda *_: {artifacts[0]: outcomes})
    for kind in ("html", "json"):
        write_report(jobs, comparison_job, tmp_path / f"report.{kind}")
    text = visible_text((tmp_path / "report.html").read_text(encoding="utf-8"))
    said = {key: text.partition(f"In {get_environment(key).label}, ")[2].partition(" In ")[0] for key in outcomes}
    assert f"Its packages: list {outcomes['tract'].lock[:12]} (the start of the hash" in said["tract"]
    assert LOCK_CHANGED.format(12 * "a") in said["mnn"]
    assert "Its packages" not in said["mnn"].partition(" rows ")[0]
    assert "list" not in said["ncnn"].partition(" rows ")[0][:160]
    stored = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["artifacts"][artifacts[0]]["elsewhere"]
    assert {key: answer["lock"] for key, answer in stored.items()} == {key: each.lock for key, each in outcomes.items()}


def test_html_report_csp_allows_only_its_own_scripts(reports: dict[str, str]):
    page = reports["html"]
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert "unsafe-inline&#39;; img" in policy.partition("style-src")[2]
    assert page.count("<script>") == 2
    outside = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert re.findall(r"(?:src|href)=\"(?!data:|#)", outside) == []


def test_reports_escape_markup_and_formulas_in_names(
    jobs: Jobs, comparison_job: Job, rename_run: Callable[[str], None], tmp_path: Path
):
    for name in (MARKUP, FORMULA, "@SUM(A1)", "-1+1", "</script><script>alert(1)</script>"):
        rename_run(name)
        for kind in REPORT_KINDS:
            write_report(jobs, comparison_job, tmp_path / f"a.{kind}")
        page = (tmp_path / "a.html").read_text(encoding="utf-8")
        assert "<img src=x" not in page
        assert "<script>alert" not in page
        assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["run"]["name"] == name
        with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
            cells = [line["run_name"] for line in csv.DictReader(file)]
        assert set(cells) == {f"'{name}" if name[0] in "=+-@" else name}


@pytest.mark.parametrize("name", ["report.pdf", "report", "report.html.txt"])
def test_write_report_unknown_extension_is_refused(jobs: Jobs, comparison_job: Job, tmp_path: Path, name: str):
    with pytest.raises(InputError, match=r"an \.html, a \.json or a \.csv file") as refused:
        write_report(jobs, comparison_job, tmp_path / name)
    assert refused.value.received == name
    assert list(tmp_path.iterdir()) == []
    assert report_kind(Path("A.HTML")) == "html"


def test_write_report_unfinished_or_other_job_is_refused(jobs: Jobs, comparison_job: Job, tmp_path: Path):
    for other in (
        comparison_job.model_copy(update={"state": "failed"}),
        comparison_job.model_copy(update={"kind": "train"}),
    ):
        with pytest.raises(InputError, match="Only a finished comparison"):
            write_report(jobs, other, tmp_path / "a.json")


@pytest.mark.parametrize("kind", list(REPORT_KINDS))
def test_write_report_failure_leaves_existing_file_unchanged(
    jobs: Jobs, comparison_job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
):
    path = tmp_path / f"a.{kind}"
    path.write_text("the old one", encoding="utf-8")

    def refuse(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.library.storage.os.replace", refuse)
    with pytest.raises(StorageFailed):
        write_report(jobs, comparison_job, path)
    assert [(item.name, item.read_text(encoding="utf-8")) for item in tmp_path.iterdir()] == [
        (path.name, "the old one")
    ]
    monkeypatch.undo()
    with pytest.raises(RoundtripError):
        write_report(jobs, comparison_job, tmp_path / "no such folder" / f"a.{kind}")


def test_report_command_reproduces_the_inputs(jobs: Jobs, artifacts: list[str], tmp_path: Path):
    stored, run = Inputs(jobs.library.home, jobs.config), jobs.library.artifact(artifacts[0]).run
    specs = input_specs(jobs.library, run)
    chosen = stored.add_held_out(jobs.library, run, 9, ["3", "8"], seed=2)
    random = stored.add_random(specs, 7, -1.5, 2.0000001, seed=3)
    typed = stored.add_typed({specs[0]["name"]: np.zeros((1, 64), "float32")})
    ends = {
        chosen.id: "--rows 9 --class 3 --class 8 --seed 2",
        random.id: "--random=-1.5,2.0000001 --rows 7 --seed 3",
        typed.id: f"--inputs inputs-{typed.id}.npz",
    }
    for id_, end in ends.items():
        write_report(
            jobs,
            wait_until_done(jobs, jobs.compare(artifacts[:1], inputs=id_)),
            tmp_path / "a.json",
            PRECISE_TOLERANCES,
        )
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
def test_headline_counts_artifacts_by_verdict(outcomes: list[str], words: str):
    silent = {"does-not-load": {"error": {"sentence": "no"}, "changed_rows": None}}
    rows = {"error": None, "changed_rows": 4}
    result = {f"a{at}": {"verdict": item} | silent.get(item, rows) for at, item in enumerate(outcomes)}
    assert summarize_outcomes("Live model", 270, result) == words


@pytest.mark.parametrize(("demo", "key"), [("two-in-two-out", "litert_dynamic"), ("digits-denoiser", "keras")])
def test_reports_cover_multiple_outputs_and_image_outputs(
    jobs: Jobs, saved: Callable[[str, str], dict], tmp_path: Path, demo: str, key: str
):
    request = wait_until_done(jobs, jobs.compare([saved(demo, key)["artifact"]], 40))
    (outcome,) = request.result["outcomes"].values()
    outputs = [output["output"] for output in outcome["outputs"]]
    wanted = {outputs[-1]: Tolerance(0.0)}
    for kind in REPORT_KINDS:
        write_report(jobs, request, tmp_path / f"a.{kind}", wanted)
    lines = list(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text(encoding="utf-8"))))
    assert [line["output"] for line in lines] == outputs
    same = outcome["outputs"][-1]["max_abs"] == 0
    assert [line["tolerance.passed"] for line in lines] == [""] * (len(outputs) - 1) + [str(same)]
    text = visible_text((tmp_path / "a.html").read_text(encoding="utf-8"))
    assert all(f"Output {output}" in text for output in outputs)
    with pytest.raises(InputError, match="no such output"):
        write_report(jobs, request, tmp_path / "b.csv", {"no such": Tolerance(1.0)})


def test_reports_include_artifact_removed_from_library(
    jobs: Jobs, artifacts: list[str], comparison_job: Job, tmp_path: Path
):
    jobs.library.remove(artifacts[1])
    try:
        write_report(jobs, comparison_job, tmp_path / "a.html")
        write_report(jobs, comparison_job, tmp_path / "a.json")
    finally:
        jobs.library.restore(artifacts[1])
    assert "This copy is not in the library any more." in (tmp_path / "a.html").read_text(encoding="utf-8")
    result = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["artifacts"][artifacts[1]]
    assert (result["files"], result["outputs"]) == (None, comparison_job.result["outcomes"][artifacts[1]]["outputs"])
