"""A library that version 0.1.0 wrote is listed, read, verified, annotated and rebuilt with the values that it had."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.compare import Verdict
from core.errors import Damaged, UnknownName
from core.evidence.records import Evidence
from core.health import read_last_report, rebuild_catalog, verify_entries
from core.inputs import InputSet
from core.library import Artifact, Entry, Query, Run
from core.library.annotation_files import Aliases, Annotations
from core.library.job_store import Job
from core.library.lineage import trace_lineage
from core.library.permissions import Viewer
from tests.factories.library_of_0_1 import (
    BILLS,
    CHECKS,
    CONVERTED,
    DAYS,
    H5,
    IMPORTED,
    IMPORTED_RUN,
    KERAS,
    OWNED,
    OWNER,
    PREDICTIONS,
    REFUSAL,
    RUN,
    SETTINGS,
    SPECS,
    TIPS,
    TRASHED,
    VERSIONS,
    WEIGHTS,
)

RECORDS = {
    "runs/*/run.json": Run,
    "*/a*/artifact.json": Artifact,
    "*/a*/evidence.json": Evidence,
    "*/*/marks.json": Annotations,
    "aliases.json": Aliases,
    "inputs/*/inputs.json": InputSet,
    "jobs/*/job.json": Job,
}
LISTED = [
    Entry(
        OWNED,
        run=RUN,
        run_name="Tips, first",
        demo="tips",
        format="keras",
        created="2026-11-29T04:48:00.000+00:00",
        bytes=4,
        verdict="bit-identical",
        needs_code=False,
        trust="ours",
        owner=OWNER,
    ),
    Entry(
        CONVERTED,
        run=IMPORTED_RUN,
        run_name="My model",
        format="onnx",
        created="2026-11-29T04:47:00.000+00:00",
        bytes=13,
        verdict="bit-identical",
        needs_code=False,
        trust="brought in",
        made_from=IMPORTED,
    ),
    Entry(
        IMPORTED,
        run=IMPORTED_RUN,
        run_name="My model",
        format="keras",
        created="2026-11-29T04:46:10.911+00:00",
        bytes=20,
        verdict="bit-identical",
        needs_code=False,
        trust="brought in",
    ),
    Entry(
        H5,
        run=RUN,
        run_name="Tips, first",
        demo="tips",
        format="h5",
        created="2026-11-29T04:45:26.103+00:00",
        bytes=4,
        verdict="does-not-load",
        needs_code=False,
        trust="ours",
        tags=("h5",),
        shared=True,
    ),
    Entry(
        KERAS,
        run=RUN,
        run_name="Tips, first",
        demo="tips",
        format="keras",
        created="2026-11-29T04:45:25.399+00:00",
        bytes=5,
        verdict="bit-identical",
        needs_code=False,
        trust="ours",
        aliases=("champion",),
    ),
]


def read_records(home: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for pattern in RECORDS for path in home.glob(pattern)}


# Records


def drop_later_fields(new: Any, old: Any) -> Any:
    """What is written today, without fields that the old one has not; each of them must hold nothing."""
    if isinstance(new, dict) and isinstance(old, dict):
        later = {key: value for key, value in new.items() if key not in old}
        assert all(is_nothing(value) for value in later.values()), later
        return {key: drop_later_fields(value, old[key]) for key, value in new.items() if key in old}
    if isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        return [drop_later_fields(*pair) for pair in zip(new, old, strict=True)]
    return new


def is_nothing(value: Any) -> bool:
    return all(map(is_nothing, value.values())) if isinstance(value, dict) else not value


@pytest.mark.parametrize(("pattern", "kind"), RECORDS.items())
def test_record_is_written_again_with_the_same_text(old_home, pattern, kind):
    paths = list(old_home.glob(pattern))
    assert paths
    for path in paths:
        text = path.read_text(encoding="utf-8")
        written = drop_later_fields(json.loads(kind.read(path).to_json_text()), json.loads(text))
        assert json.dumps(written, indent=2, ensure_ascii=False) == text.rstrip("\n")


def test_old_entries_are_listed_with_their_values(old_library):
    assert old_library.find() == LISTED
    assert old_library.catalog_backend() == "sqlite"  # beside the tables of the old one


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        (Query("tips"), [OWNED, H5, KERAS]),
        (Query("champion"), [KERAS]),
        (Query(tags=("h5",)), [H5]),
        (Query(verdicts=("does-not-load",)), [H5]),
        (Query(trust="brought in"), [CONVERTED, IMPORTED]),
        (Query(run=IMPORTED_RUN, formats=("onnx",)), [CONVERTED]),
        (Query(alias=True), [KERAS]),
    ],
)
def test_old_entries_are_found_by_what_they_hold(old_library, query, ids):
    assert [entry.id for entry in old_library.page(query).entries] == ids


def test_old_run_is_read_with_its_files(old_library):
    run = old_library.run(RUN)
    assert (run.name, run.demo, run.settings, run.kind) == ("Tips, first", "tips", SETTINGS, "keras")
    assert (run.inputs, run.weights, run.stepped, run.versions) == (SPECS, WEIGHTS, WEIGHTS, VERSIONS)
    assert (run.score, run.rows["held_out"], run.trust, run.owner) == (3.2413261304231913, 3, "ours", None)
    assert run.code_source == {"demo": "tips", "settings": SETTINGS}
    assert old_library.history(RUN) == [{"epoch": 1.0, "loss": 12.039474487304688, "val_loss": None}]
    assert np.load(old_library.snapshot(RUN) / "variables.npz")["tip/bias"].tolist() == [0.0]
    reference = old_library.reference(RUN)
    assert np.array_equal(reference.inputs["total_bill"], BILLS)
    assert np.array_equal(reference.inputs["day"], DAYS)
    assert np.array_equal(reference.predictions["output_0"], PREDICTIONS)
    assert np.array_equal(reference.targets["tip"], TIPS)
    assert old_library.refusals(RUN)["onnx"]["error"] == REFUSAL


def test_old_imported_run_is_read_with_its_origin(old_library):
    run, artifact = old_library.run(IMPORTED_RUN), old_library.artifact(CONVERTED)
    assert (run.trust, run.has_been_run, run.brought["artifact"], run.brought["checks"]) == (
        "brought in",
        True,
        IMPORTED,
        CHECKS,
    )
    imported = {"format": "keras", "signature": "", "demo": None, "settings": None}
    source = {"demo": None, "settings": None, "brought": imported}
    assert drop_later_fields(run.code_source, source) == source
    assert (artifact.trust, artifact.made_from, artifact.options) == ("brought in", IMPORTED, {"opset": 15})
    lineage = trace_lineage(old_library, CONVERTED)
    assert [(step.artifact, step.state) for step in lineage.made_from] == [(IMPORTED, "kept")]
    assert lineage.origin.brought == run.brought


def test_old_evidence_is_read_with_its_verdict(old_library):
    loads, lost = old_library.evidence(KERAS), old_library.evidence(H5)
    assert (loads.best.verdict, loads.best.weights.found, loads.with_code) == (Verdict.BIT_IDENTICAL, 1, None)
    assert (lost.best.verdict, lost.best.error["code"]) == (Verdict.DOES_NOT_LOAD, "does-not-load")


def test_old_entries_belong_to_their_owner(old_library):
    mine, right = (old_library.for_viewer(Viewer(id_)) for id_ in (OWNER, "p" + "0" * 24))
    assert mine.find() == LISTED
    assert right.find() == [entry for entry in LISTED if entry.id != OWNED]
    with pytest.raises(UnknownName):
        right.artifact(OWNED)


# What is done with them


def test_old_files_are_verified_against_their_hashes(old_library):
    assert read_last_report(old_library).bytes == 549551
    assert [(row.sentence, row.remark) for row in verify_entries(old_library) if not row.is_intact or row.remark] == []
    path = old_library.verified_folder(CONVERTED) / "weights" / "0.bin"
    path.write_bytes(b"\1" * 9)
    with pytest.raises(Damaged):
        old_library.verify(CONVERTED)


def test_old_entries_are_annotated_and_keep_their_records(old_library):
    before = {path: text for path, text in read_records(old_library.home).items() if "marks" not in path.name}
    assert old_library.annotations(RUN).note == "A note\nof two lines"
    old_library.annotate(RUN, name="Tips, second")
    old_library.annotate(KERAS, note="As good as new", pinned=True)
    old_library.tag([H5, OWNED], add=["prod"])
    marks = old_library.annotations(RUN)
    assert (marks.name, marks.tags, marks.pinned, marks.shared) == ("Tips, second", ["prod", "x"], True, True)
    entries = {entry.id: entry for entry in old_library.find()}
    assert entries[KERAS] == LISTED[-1]._replace(run_name="Tips, second", note="As good as new", pinned=True)
    assert (entries[H5].tags, entries[OWNED].tags) == (("h5", "prod"), ("prod",))
    assert old_library.set_alias("champion", H5) == KERAS
    del before[old_library.home / "aliases.json"]
    assert {path: path.read_bytes() for path in before} == before


def test_old_trash_is_restored(old_library):
    [thrown] = old_library.trashed_entries()
    assert (thrown.entry.id, thrown.entry.format, thrown.removed_at) == (
        TRASHED,
        "pickle",
        "2026-11-29T04:46:23.142+00:00",
    )
    assert old_library.restore(TRASHED) == [TRASHED]
    old_library.verify(TRASHED)
    assert TRASHED in {entry.id for entry in old_library.find()}


def test_old_library_is_rebuilt_with_the_same_entries(old_library):
    before = read_records(old_library.home)
    assert old_library.find() == LISTED
    assert rebuild_catalog(old_library).differences == []
    assert old_library.find() == old_library.find_on_disk() == LISTED
    assert read_records(old_library.home) == before
