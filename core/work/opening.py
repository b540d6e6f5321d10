"""Whoever can be asked: an artifact, or the live model of a run, opened in a child of its own."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from core.compare import pair_outputs
from core.formats.contract import Arrays
from core.formats.reference import BATCH, Reference
from core.undoing import if_stopped
from core.work.sources import from_outside, renamed, renamed_inputs, source_of
from core.worker.loaded import Loaded, load

if TYPE_CHECKING:
    from core.jobs import Jobs


def run_of(jobs: "Jobs", id_: str) -> str:
    """The id of the run that a participant (an artifact's id, or a run's own) belongs to. Raises UnknownName."""
    return id_ if id_.startswith("r") else jobs.library.artifact(id_).run


def open_participant(
    jobs: "Jobs",
    id_: str,
    source: str = "none",
    first: Arrays | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    variables: bool = False,
) -> Loaded:
    """Load an artifact, or rebuild a run's live model, in a fresh child, after its files are held against their hashes.

    `source` is the key of a choice (see `core.work.sources`), `first` a row to be answered at once. Raises what
    `core.worker.loaded.load` raises, Damaged and UnknownName.
    """
    run = jobs.library.run(run_of(jobs, id_))
    limits = {"seconds": jobs.config.child_seconds, "cancelled": cancelled, "arrays": first or {}}
    limits |= {"confined": from_outside(jobs.library, run, source)}
    if id_ == run.id:
        asked = {"source": run.source, "kind": run.kind, "snapshot": jobs.library.snapshot(id_)}
        return load(jobs.worker, "hold_live", **limits, **asked)
    artifact = jobs.library.artifact(id_)
    asked = {"format": artifact.format, "folder": jobs.library.files(id_)}
    asked |= {"source": source_of(jobs.library, run, source, artifact), "variables": variables}
    return load(jobs.worker, "hold", **limits, **asked)


class Speaker:
    """A participant that speaks as a reference does: asked by the names of its inputs, it answers by the names of its
    outputs, in their order. Which of its own they are was found out when it was opened, on rows with known answers."""

    def __init__(self, loaded: Loaded, inputs: dict[str, str], outputs: dict[str, str]):
        self.loaded, self._inputs, self._outputs = loaded, inputs, outputs

    @classmethod
    def open(
        cls,
        jobs: "Jobs",
        id_: str,
        source: str,
        reference: Reference,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> "Speaker":
        """Open a participant, and ask it the rows of `reference`; raises what `open_participant` raises."""
        names = renamed_inputs(jobs.library, id_, reference.inputs)
        loaded = open_participant(jobs, id_, source, cancelled=cancelled)
        with if_stopped(loaded.close):
            known, _ = loaded.answer(renamed(reference.inputs, names), cancelled=cancelled)
            own = {pair.reference: pair.answer for pair in pair_outputs(reference.answers, known)}
            return cls(loaded, names, {name: own[name] for name in reference.answers})

    def answer(self, inputs: Arrays, *, batch: int = BATCH, cancelled: Callable[[], bool] = lambda: False) -> Arrays:
        """Answers to all rows, `batch` at a time; an output that is missing this time is left out."""
        answers, _ = self.loaded.answer(renamed(inputs, self._inputs), batch=batch, cancelled=cancelled)
        return {name: answers[own] for name, own in self._outputs.items() if own in answers}

    def close(self) -> None:
        self.loaded.close()
