"""Searching and storing: as the library grows, its catalog rebuilt, and beside MLflow's registry."""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from benchmarks.house import house
from benchmarks.made import made_library
from benchmarks.measure import Row, Sample, in_turn, seconds
from benchmarks.registry import Registry, registry
from core.compare import Verdict
from core.evidence.records import Evidence, ReloadOutcome
from core.formats import get_format
from core.library import Library, Query
from core.library.storage import delete_folder

MANY, FEW, REBUILT, VERSIONS = 100_000, 100, 10_000, 2_000
REPEATS = 101
# Searches as a person makes them; each first checks whether the folders changed, which is measured too.
ASKED = {
    "all, newest first": Query(),
    "one format, largest first": Query(formats=("keras",), sort="bytes"),
    "four formats and two demos, largest first": Query(
        formats=("keras", "h5", "saved_model", "onnx"), demos=("digits-mlp", "tips"), sort="bytes"
    ),
    "three verdicts, by name": Query(verdicts=("rounding", "same-answers", "does-not-load"), sort="name"),
    "a tag and a format, newest first": Query(tags=("nightly",), formats=("keras",)),
    "a word of the notes and a format, largest first": Query("harbour", formats=("keras",), sort="bytes"),
    "the beginning of a hash": Query("abc123"),
}


def measure_pages() -> list[Row]:
    """First pages out of many artifacts and out of few, each catalog in step with its folders."""
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        few = _listed(Path(folder), FEW)
        return [_page(_many(), few, words, query) for words, query in ASKED.items()]


def _page(many: Library, few: Library, words: str, query: Query) -> Row:
    left, right = in_turn(REPEATS, _asking(many, query), _asking(few, query))
    label = f"first page of 50 out of {MANY:,}: {words}"
    return Row(label, _in_ms(left), _in_ms(right), f"out of {FEW}", unit="ms", at_most=3)


@cache
def _many() -> Library:
    """Make the large library once for all benchmarks: it takes minutes."""
    folder = tempfile.mkdtemp(prefix="roundtrip-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return _listed(Path(folder), MANY)


def _listed(home: Path, count: int) -> Library:
    made_library(home, count)
    library = Library(home)
    total = library.page(Query()).total
    if total != count:
        raise RuntimeError(f"{total} artifacts are listed of {count}")
    return library


def _asking(library: Library, query: Query) -> Callable[[], float]:
    return lambda: seconds(lambda: library.page(query))


def _in_ms(sample: Sample) -> Sample:
    return Sample(tuple(1000 * value for value in sample.values))


def measure_rebuild() -> list[Row]:
    """A rebuild of the catalog from the records on the disk."""
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        library = _listed(Path(folder), REBUILT)
        took = Sample(tuple(seconds(library.rebuild_catalog) for _ in range(3)))
    return [Row(f"rebuild of the catalog from {REBUILT:,} records", took, at_most=60)]


def measure_registry() -> list[Row]:
    """The same search, and the registration of the same model, in MLflow with its own environment and SQLite."""
    with registry(VERSIONS) as mlflow:
        return [_search(_many(), mlflow), _registration(mlflow)]


def _search(library: Library, mlflow: Registry) -> Row:
    query = Query(formats=("keras",), tags=("nightly",))
    left, right = in_turn(REPEATS, _asking(library, query), mlflow.search)
    label = f"50 newest with a tag and a format, out of {MANY:,} artifacts"
    return Row(label, _in_ms(left), _in_ms(right), f"MLflow, {VERSIONS:,} versions", unit="ms", at_most=1)


def _registration(mlflow: Registry) -> Row:
    import keras

    model = keras.models.load_model(mlflow.model)
    with house() as jobs:
        left, right = in_turn(7, lambda: _commit_seconds(jobs.library, model), mlflow.log_model)
    return Row("a Keras model registered: written, hashed, kept", left, right, "MLflow log_model", at_most=0.5)


def _commit_seconds(library: Library, model) -> float:
    """Return seconds to save and commit a model, without the reload for its evidence, which MLflow has not."""
    evidence = Evidence(without_code=ReloadOutcome(verdict=Verdict.DIFFERENT))

    def keep() -> None:
        with library.staging() as staged:
            (staged / "files").mkdir()
            took = get_format("keras").save_model(model, "keras", staged / "files").seconds
            library.commit_artifact(staged, "r0000000000", evidence, format="keras", seconds=took)

    took = seconds(keep)
    for folder in (library.home / "artifacts").iterdir():
        delete_folder(folder)
    return took
