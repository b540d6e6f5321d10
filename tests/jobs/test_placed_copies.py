"""Participants of a comparison that predict in environments: like any other, in all that follows."""

import csv
import json
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from core.environments.base import Environment
from core.environments.process import EnvironmentProcess
from core.errors import InputError, NotBuilt, UnknownName
from core.jobs import Jobs
from core.jobs.comparison.compare_result import check_tolerances, parse_tolerances
from core.jobs.places.place import PlaceFacts, at_place, entry_of, place_of
from core.report import write_report
from tests.factories.own_places import add_places
from tests.factories.private_entries import BO
from tests.helpers import wait_until_done


@pytest.fixture
def placed(
    copied_entries: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Jobs, str, str]]:
    """Jobs over a run with an ONNX copy and its ids; its places are ONNX Runtime, and engines that fail."""
    jobs, run, artifacts = copied_entries("digits-mlp", "onnx")
    add_places(monkeypatch, jobs, tmp_path / "own", "refuses", "first_row", "fails_import", "fickle")
    yield jobs, run, artifacts["onnx"]
    jobs.environment_processes.close()


def test_participant_is_an_entry_and_a_place():
    assert (entry_of("a0123456789@tract"), place_of("a0123456789@tract")) == ("a0123456789", "tract")
    assert (entry_of("r0123456789"), place_of("r0123456789")) == ("r0123456789", "")
    assert at_place("a0123456789", "tract") == "a0123456789@tract"


@pytest.mark.parametrize("rows", ["held-out", "random"])
def test_same_engine_at_a_place_gives_the_same_bits(placed, monkeypatch: pytest.MonkeyPatch, rows: str):
    jobs, run, onnx = placed
    monkeypatch.setattr("core.library.prediction_store.CHUNK_ROWS", 64)  # so that there are several
    there, inputs = at_place(onnx, "own-onnx"), None
    if rows == "random":
        specs = jobs.library.run(run).inputs
        inputs = jobs.inputs.add_random(specs, 150, 0.0, 1.0, 3).id
    result = wait_until_done(jobs, jobs.compare([onnx, there], None if inputs else 150, inputs=inputs)).result
    outcome = result["outcomes"][there]
    assert (outcome["verdict"], outcome["rows"], outcome["error"]) == ("rounding", 150, None)
    assert [outcome[name] for name in ("max_abs", "batch")] == [
        result["outcomes"][onnx][name] for name in ("max_abs", "batch")
    ]
    (pair,) = [cell for cell in result["matrix"]["cells"] if {cell["a"], cell["b"]} == {onnx, there}]
    assert (pair["verdict"], result["matrix"]["ids"]) == ("bit-identical", [run, onnx, there])
    place = outcome["place"]
    assert (place["key"], len(place["lock"]), place["versions"]["onnxruntime"][:2]) == ("own-onnx", 64, "1.")
    assert outcome["load_seconds"] > 0


def test_participants_that_fail_fail_alone(placed):
    jobs, _, onnx = placed
    failing = {"refuses": "does-not-load", "first_row": "not-comparable", "fails_import": "not-verified"}
    ids = [onnx, *(at_place(onnx, key) for key in failing)]
    job = wait_until_done(jobs, jobs.compare(ids, 5))
    outcomes = job.result["outcomes"]
    assert outcomes[onnx]["error"] is None
    assert {place_of(id_): outcomes[id_]["verdict"] for id_ in ids[1:]} == failing
    assert all(outcomes[id_]["place"]["key"] == place_of(id_) for id_ in ids[1:])
    assert "takes other arguments" in outcomes[ids[1]]["error"]["sentence"]
    assert job.result["matrix"]["ids"] == [job.result["baseline"], onnx]


def test_chunks_of_other_outputs_are_not_comparable(placed, monkeypatch: pytest.MonkeyPatch):
    jobs, _, onnx = placed
    monkeypatch.setattr("core.library.prediction_store.CHUNK_ROWS", 64)
    there = at_place(onnx, "fickle")
    outcome = wait_until_done(jobs, jobs.compare([onnx, there], 128)).result["outcomes"][there]
    sentence = "It gives other outputs from one chunk of rows to the next."
    assert (outcome["verdict"], outcome["error"]["sentence"]) == ("not-comparable", sentence)


def test_place_that_is_not_built_says_nothing_of_the_copy(placed, monkeypatch: pytest.MonkeyPatch):
    def refuse(*given, **more):
        raise NotBuilt("The package index did not answer.", cure="Connect to the network.")

    jobs, _, onnx = placed
    monkeypatch.setattr("core.jobs.places.environment_place.build_asked", refuse)
    there = at_place(onnx, "own-onnx")
    outcome = wait_until_done(jobs, jobs.compare([onnx, there], 5)).result["outcomes"][there]
    assert (outcome["verdict"], outcome["error"]["code"]) == ("not-verified", "not-built")


@pytest.mark.long
def test_imported_copy_is_asked_in_a_confined_process(placed, monkeypatch: pytest.MonkeyPatch):
    jobs, _, onnx = placed
    (path,) = jobs.library.folder(onnx).rglob("*.onnx")
    imported = wait_until_done(jobs, jobs.import_model(path)).result["artifact"]
    start, are_untrusted = EnvironmentProcess.__init__, []

    def remember(self: EnvironmentProcess, *given: Any) -> None:
        are_untrusted.append(given[-1])
        start(self, *given)

    monkeypatch.setattr(EnvironmentProcess, "__init__", remember)
    there = at_place(imported, "own-onnx")
    outcome = wait_until_done(jobs, jobs.compare([imported, there], 5)).result["outcomes"][there]
    assert (outcome["verdict"], outcome["error"], are_untrusted) == ("bit-identical", None, [True])


def test_lock_is_part_of_what_is_reused(placed, monkeypatch: pytest.MonkeyPatch):
    jobs, _, onnx = placed
    ids = [at_place(onnx, "own-onnx")]
    first = wait_until_done(jobs, jobs.compare(ids, 5))
    assert jobs.compare(ids, 5).id == first.id
    assert jobs.compare([onnx], 5).id != first.id
    monkeypatch.setattr(Environment, "folder_name", property(lambda self: f"{self.key}-changed"))
    assert wait_until_done(jobs, jobs.compare(ids, 5)).id != first.id


def test_copy_at_a_place_is_a_baseline_too(placed):
    jobs, _, onnx = placed
    there = at_place(onnx, "own-onnx")
    result = wait_until_done(jobs, jobs.compare([onnx], 5, baseline=there)).result
    assert (result["baseline"], result["outcomes"][onnx]["verdict"]) == (there, "bit-identical")


@pytest.mark.parametrize(
    ("participant", "sentence"),
    [
        ("{run}@own-onnx", "A live model has no files"),
        ("{onnx}@nowhere", "There is no such place"),
        ("{onnx}@", "Nothing in the library has this id"),
    ],
)
def test_participant_that_there_cannot_be_is_refused(placed, participant: str, sentence: str):
    jobs, run, onnx = placed
    with pytest.raises(InputError, match=sentence):
        jobs.compare([participant.format(run=run, onnx=onnx)], 5)


def test_place_of_another_format_is_refused_with_those_that_fit(placed, monkeypatch: pytest.MonkeyPatch):
    jobs, _, onnx = placed
    monkeypatch.setattr(
        "core.jobs.places.environment_place.EnvironmentPlace.takes", lambda self, key: self.key == "refuses"
    )
    with pytest.raises(InputError, match="Own ONNX Runtime takes no copies in the format ONNX") as raised:
        jobs.compare([at_place(onnx, "own-onnx")], 5)
    assert raised.value.cure == "Choose from refuses."


def test_person_who_signed_in_does_not_build_a_place(copied_entries: Callable):
    jobs, _, artifacts = copied_entries("digits-mlp", "onnx")
    with pytest.raises(InputError, match="neither builds nor removes"):
        jobs.for_viewer(BO).compare([at_place(artifacts["onnx"], "tract")], 5)


def test_reports_name_the_place_and_its_packages(placed, tmp_path: Path):
    jobs, run, onnx = placed
    there = at_place(onnx, "own-onnx")
    job = wait_until_done(jobs, jobs.compare([onnx, there], 5))
    paths = {kind: tmp_path / f"report.{kind}" for kind in ("html", "json", "csv")}
    for path in paths.values():
        write_report(jobs, job, path, {})
    written = json.loads(paths["json"].read_text())
    facts = written["artifacts"][there]
    assert (facts["name"], facts["format"], facts["place"]["label"]) == (
        "ONNX, in Own ONNX Runtime",
        "onnx",
        "Own ONNX Runtime",
    )
    assert written["command"].startswith(f"roundtrip compare {onnx} {there} --baseline {run}")
    assert f"list {facts['place']['lock'][:12]}" in paths["html"].read_text()
    lines = {line["artifact"]: line for line in csv.DictReader(paths["csv"].read_text().splitlines())}
    assert (lines[there]["place"], lines[there]["lock"], lines[onnx]["place"]) == (
        "own-onnx",
        facts["place"]["lock"],
        "",
    )


def test_reports_keep_two_places_of_one_copy_apart(placed, tmp_path: Path):
    """One place answers, the other one refuses: each line and section has its own verdict, packages and machine."""
    jobs, _, onnx = placed
    answering, refusing = at_place(onnx, "own-onnx"), at_place(onnx, "refuses")
    job = wait_until_done(jobs, jobs.compare([onnx, answering, refusing], 5))
    for kind in ("html", "json", "csv"):
        write_report(jobs, job, tmp_path / f"report.{kind}", {})
    facts = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["artifacts"]
    places = {id_: PlaceFacts.model_validate(facts[id_]["place"]) for id_ in (answering, refusing)}
    assert {id_: (place.key, facts[id_]["verdict"]) for id_, place in places.items()} == {
        answering: ("own-onnx", "rounding"),
        refusing: ("refuses", "does-not-load"),
    }
    assert places[answering].lock != places[refusing].lock
    with (tmp_path / "report.csv").open(encoding="utf-8", newline="") as file:
        lines = {line["artifact"]: line for line in csv.DictReader(file)}
    html = unescape((tmp_path / "report.html").read_text(encoding="utf-8"))
    for id_, place in places.items():
        machine = place.machine.words if place.machine else ""
        stated = [lines[id_][name] for name in ("place", "lock", "machine", "verdict")]
        assert stated == [place.key, place.lock, machine, facts[id_]["verdict"]]
    assert places[answering].words in html
    assert places[refusing].words_without_answer in html
    assert html.count("Answered in ") == html.count("It was to answer in ") == 1
    assert [lines[onnx][name] for name in ("place", "lock", "machine")] == ["", "", ""]


def test_tolerance_counts_for_a_copy_at_a_place(placed):
    jobs, _, onnx = placed
    there = at_place(onnx, "own-onnx")
    job = wait_until_done(jobs, jobs.compare([onnx, there], 5))
    passed = check_tolerances(jobs, job, parse_tolerances(["0"]))
    assert passed.keys() == {onnx, there}
    assert passed[there] == passed[onnx]


def test_unknown_artifact_at_a_place_is_unknown(placed):
    with pytest.raises(UnknownName):
        placed[0].compare(["a0000000000@own-onnx"], 5)
