"""Which copies of a comparison share a child, and that a copy is never loaded where its run was loaded before."""

import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.jobs.comparison.shared_children import may_share_child
from core.jobs.participants import artifact_request
from core.library import Library
from core.library.ids import new_id
from core.library.records import Artifact, Run
from core.text.summaries import list_caveats
from core.worker.child_handle import Child
from tests.helpers import wait_until_done


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> dict[int, list[str]]:
    """The artifacts, or snapshots, that each child loads, by its process."""
    seen: dict[int, list[str]] = defaultdict(list)
    send = Child.send

    def note_load(self, task, *arguments, **request):
        if task == "load":
            self._pid_known.wait()
            seen[self.pid].append((request.get("folder") or request["snapshot"]).parent.name)
        return send(self, task, *arguments, **request)

    monkeypatch.setattr(Child, "send", note_load)
    return seen


@pytest.fixture
def copies(jobs, saved) -> Iterator[list[str]]:
    """Two copies of each of two runs, which are the same run twice under two ids."""
    artifacts = [jobs.library.artifact(saved("digits-mlp", key)["artifact"]) for key in ("keras", "saved_model")]
    run = jobs.library.run(artifacts[0].run)
    twin = _copy_entry(jobs.library, "runs", run.id, run.model_copy(update={"id": new_id("r")}))
    changes = [{"id": new_id("a"), "run": twin.name} for _ in artifacts]
    twins = [
        _copy_entry(jobs.library, "artifacts", artifact.id, artifact.model_copy(update=change))
        for artifact, change in zip(artifacts, changes, strict=True)
    ]
    yield [*(artifact.id for artifact in artifacts), *(folder.name for folder in twins)]
    for folder in (twin, *twins):
        shutil.rmtree(folder)


def _copy_entry(library: Library, kind: str, id_: str, record: Artifact | Run) -> Path:
    """Copy the folder of an entry, under the id of another record."""
    folder = library.home / kind / record.id
    shutil.copytree(library.home / kind / id_, folder)
    (folder / f"{kind.removesuffix('s')}.json").write_text(record.to_json_text(), encoding="utf-8")
    return folder


def test_comparison_loads_no_two_copies_of_one_run_into_one_child(jobs, copies, loads):
    end = wait_until_done(jobs, jobs.compare(copies, rows=3))
    assert [outcome["verdict"] for outcome in end.result["outcomes"].values()] == ["bit-identical"] * 4
    runs = {id_: jobs.library.artifact(id_).run for id_ in copies}
    by_child = [[runs[id_] for id_ in ids] for ids in loads.values()]
    assert sorted(run for child in by_child for run in child) == sorted(runs.values())
    assert all(len(set(child)) == len(child) for child in by_child)
    assert len(by_child) < len(copies)
    warm = [outcome for outcome in end.result["outcomes"].values() if outcome["loaded_warm"]]
    assert len(warm) == len(copies) - len(by_child)
    assert all(list_caveats(outcome)[-1].startswith("Its process had loaded other copies before") for outcome in warm)


def test_comparison_in_shared_children_gives_the_bits_of_fresh_ones(jobs, copies, monkeypatch):
    shared = wait_until_done(jobs, jobs.compare(copies, rows=5))
    monkeypatch.setattr("core.jobs.comparison.comparison_predictions.may_share_child", lambda *_: False)
    fresh = wait_until_done(jobs, jobs.compare(copies, rows=6))
    for id_ in copies:
        first, second = (jobs.predictions(job.id).read_first_rows(id_, 5) for job in (shared, fresh))
        assert {name: array.tobytes() for name, array in first.items()} == {
            name: array.tobytes() for name, array in second.items()
        }


def test_copy_with_code_or_imported_or_large_does_not_share_a_child(jobs, saved):
    library = jobs.library
    kept, pickled = (library.artifact(saved("digits-mlp", key)["artifact"]) for key in ("keras", "pickle"))
    run = library.run(kept.run)
    assert may_share_child(library, run, kept.id, "none")
    assert not may_share_child(library, run, run.id, "none")
    assert not may_share_child(library, run, kept.id, "demo")
    assert not may_share_child(library, run, pickled.id, "none")
    assert not may_share_child(library, run.model_copy(update={"trust": "brought in"}), kept.id, "none")
    assert not may_share_child(library, run.model_copy(update={"weight_bytes": 2**30}), kept.id, "none")
    assert artifact_request(library, kept.id, "none")["source"] is None
