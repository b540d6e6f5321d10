"""What Roundtrip says of a copy: its rows in the matrix, and what Compare says, as plain data.

One child serves many copies here: a child of its own for each would take most of the time of these tests.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from core.compatibility.matrix import build_row
from core.errors import ChildDied, TimedOut
from core.evidence.records import Evidence
from core.formats import get_format
from core.library import Library, Run
from core.library.add_model import AddResult
from core.reload import gather_evidence, reload_in_child
from core.runtimes.base import ModelSource
from core.worker import Worker
from core.worker.child_handle import Child

SECONDS = 60.0


class Said(TypedDict):
    """What the product says of one copy: verdict, why it failed or does not load, what it remarks on how it was saved,
    and each cell of its matrix row."""

    verdict: str
    reason: str
    remark: str
    cells: dict[str, str]
    words: dict[str, str]


class KeptChild:
    """A child that stays open where it would be closed."""

    def __init__(self, child: Child):
        self._child = child

    def __getattr__(self, name: str) -> Any:
        return getattr(self._child, name)

    def __enter__(self) -> "KeptChild":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave it as it is."""


class SharedChild(Worker):
    """A worker that asks one child again and again, and opens another where that one has ended."""

    def __init__(self, worker: Worker):
        self._inner, self.config = worker, worker.config.model_copy(update={"parallel": 1})
        self._child: Child | None = None

    def start(self) -> None:
        self._inner.start()

    def open(self, *_: Any, **__: Any) -> Any:
        if self._child is None or self._child.has_ended:
            self._child = self._inner.open()
        return KeptChild(self._child)

    def use_child(self, action: Callable[[Child], Any], *_: Any, **__: Any) -> Any:
        try:
            return action(self.open())
        except (ChildDied, TimedOut):
            self.close()
            raise

    def close(self) -> None:
        """End the child; the worker stays as it is."""
        child, self._child = self._child, None
        if child:
            child.close()


class Copies(NamedTuple):
    """What is said of a model's copies by format, and the folders of those that could be saved."""

    said: dict[str, Said]
    folders: dict[str, Path]


def add_in_formats(library: Library, worker: Worker, model: Any, inputs: Any, formats: list[str]) -> Copies:
    """Save a live model in formats through `Library.add`; halves are judged inside the run's own architecture,
    and inside its snapshot where that lacks a class or a vocabulary."""
    results = library.add(model, inputs=inputs, formats=formats, worker=worker)
    saved = {each.format: each.artifact for each in results if each.artifact}
    folders = {key: library.verified_folder(artifact.id) for key, artifact in saved.items()}
    said = {each.format: _refused(each) for each in results}
    for result in results:
        if result.artifact and result.evidence:
            run, key, evidence = library.run(result.artifact.run), result.format, result.evidence
            if get_format(key).needs_architecture and "architecture" in folders:
                inside = reload_half(library, worker, run, key, folders[key], folders["architecture"])
                evidence = inside if inside.best.has_loaded else evidence  # else inside the snapshot of its run
            said[key] = describe_evidence(run, key, evidence, result.artifact.remark)
    return Copies(said, folders)


def _refused(result: AddResult) -> Said:
    reason = result.error.sentence if result.error else ""
    return Said(verdict="refused", reason=reason, remark="", cells={}, words={})


def describe_evidence(run: Run, format_key: str, evidence: Evidence, remark: str = "") -> Said:
    """The matrix row of some evidence."""
    row, outcome = build_row(run, format_key, "", evidence), evidence.completed or evidence.best
    return Said(
        verdict=outcome.verdict.value,
        reason=(outcome.error or {}).get("sentence", ""),
        remark=remark,
        cells={key: cell.state for key, cell in row.cells.items()},
        words={key: cell.words for key, cell in row.cells.items()},
    )


def reload_half(
    library: Library, worker: Worker, run: Run, format_key: str, folder: Path, architecture: Path
) -> Evidence:
    """What came back of a half inside an architecture."""
    source: ModelSource = {"demo": None, "settings": None, "architecture": architecture}
    known = library.original(run), library.reference(run.id)
    options: dict[str, Any] = {"probe_as": {"demo": None}, "seconds": SECONDS}
    outcome = reload_in_child(worker, format_key, folder, source, *known, **options).outcome
    return Evidence(without_code=outcome)


def gather_copy_evidence(
    library: Library, worker: Worker, run: Run, format_key: str, folder: Path, architecture: Path | None
) -> Evidence:
    """What reloads of the files in a folder show, as a copy of a run; a half goes into the architecture."""
    if architecture and get_format(format_key).needs_architecture:
        return reload_half(library, worker, run, format_key, folder, architecture)
    known = library.original(run), library.reference(run.id)
    return gather_evidence(worker, format_key, folder, run.code_source, *known, seconds=SECONDS)
