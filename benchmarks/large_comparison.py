"""Comparing 120 small copies of 40 runs, beside the same of an earlier commit."""

import os
import shutil
import tempfile
from pathlib import Path

from benchmarks.beside import measure_beside, rows_beside
from benchmarks.earlier import earlier_checkout, run_in_checkout
from benchmarks.measure import Row
from core.library import Library
from core.library.ids import new_id

TRAINED, RUNS = 4, 40  # runs that are trained, and how many there are with those that are linked to them
FORMATS = ("keras", "saved_model", "litert")
REPEATS = 3

TRAIN = f"""
from core.jobs import Jobs
jobs = Jobs()
for seed in range({TRAINED}):
    run = jobs.wait(jobs.train("digits-mlp", epochs=1, seed=seed).id).result["run"]
    jobs.wait(jobs.save(run, {FORMATS!r}).id)
jobs.worker.close()
"""
COMPARE = """
import itertools

def prepare(jobs, ids):
    rows = itertools.count(65)  # on which nothing was compared yet

    def compare():
        result = jobs.wait(jobs.compare(ids, rows=next(rows)).id).result
        assert len(result["outcomes"]) == len(ids)
        assert not any(outcome.get("error") for outcome in result["outcomes"].values()), result

    return compare
"""


def measure() -> list[Row]:
    """Every copy loaded, asked and compared with the baseline and with each other."""
    with earlier_checkout() as earlier, tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        home = Path(folder)
        run_in_checkout(TRAIN, earlier, home / "earlier")
        library = Library(home / "earlier")
        for run in library.runs():
            for _ in range(RUNS // TRAINED - 1):
                _link_run(library, run.id)
        shutil.copytree(library.home, home / "ours")
        ids = sorted(path.name for path in (library.home / "artifacts").iterdir())
        wall, processor = measure_beside(earlier, home, COMPARE, ids, REPEATS)
    return rows_beside(f"compare of {len(ids)} small copies of {RUNS} runs", wall, processor, at_most=0.35)


def _link_run(library: Library, id_: str) -> None:
    """One more run with the files of another, and its artifacts."""
    run, copies = library.run(id_), map(library.artifact, library.artifacts_of(id_))
    other = run.model_copy(update={"id": new_id("r")})
    _link(library.home / "runs" / id_, library.home / "runs" / other.id, "run.json", other.to_json_text())
    for artifact in copies:
        record = artifact.model_copy(update={"id": new_id("a"), "run": other.id})
        folders = (library.home / "artifacts" / each for each in (artifact.id, record.id))
        _link(*folders, "artifact.json", record.to_json_text())


def _link(source: Path, target: Path, record: str, text: str) -> None:
    shutil.copytree(source, target, copy_function=os.link)
    (target / record).unlink()  # a link to the original's record: replaced, not written into
    (target / record).write_text(text, encoding="utf-8")
