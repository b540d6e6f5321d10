"""What a copy lost, to stand beside the verdict on its answers: good answers hide what training or serving misses."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypedDict

from core.caching import StampedCache, file_stamp
from core.compatibility.checks import COLUMNS
from core.compatibility.columns import Finding
from core.compatibility.matrix import build_row, choose_reload
from core.errors import RoundtripError
from core.evidence.records import Evidence
from core.library import Artifact, Library, Run

# By column of the matrix, what is said of a copy that lost it.
LOSS_LABELS = {
    "architecture": "architecture lost",
    "weights": "weights lost",
    "sharing": "shared layers come apart",
    "code": "needs the original code",
    "vocabulary": "vocabulary lost",
    "trainable": "cannot be trained",
    "optimizer": "training state lost",
    "compile": "compile settings lost",
    "masks": "masks lost",
    "batch": "fixed batch size",
    "state": "memory between calls lost",
    "policy": "dtype policies lost",
}
# What a loss says already of others: layers from code bring these along, and what cannot be trained needs no state.
IMPLIED_BY = {
    "architecture": ("code", "sharing", "trainable", "compile", "masks", "policy"),
    "trainable": ("optimizer", "compile"),
}
SEPARATOR = " · "
MAX_CACHED = 4096
SILENT_COLUMNS = ("masks", "state")  # whose loss the answers do not show


class Loss(NamedTuple):
    """One loss: the column of its finding in the matrix, what it is called, and the finding's own sentence."""

    finding: str
    label: str
    words: str


class LossJson(TypedDict):
    finding: str
    label: str
    words: str


_losses_by_artifact = StampedCache(MAX_CACHED, "losses")


def find_losses(library: Library, artifact_id: str) -> list[Loss]:
    """Find what an artifact lost, as its reload in a fresh process showed, the weightiest first.

    Nothing for what is not in the library or cannot be read, and for a copy that gave no answers: its verdict says it.
    """
    try:
        path = library.folder(artifact_id, "a") / "evidence.json"  # which checks permissions
        return _losses_by_artifact.get_or_compute(
            str(path), lambda: _read_losses(library, artifact_id), file_stamp(path)
        )
    except RoundtripError:
        return []


def _read_losses(library: Library, artifact_id: str) -> list[Loss]:
    artifact = library.artifact(artifact_id)
    context = choose_reload(library.run(artifact.run), artifact.format, library.evidence(artifact_id))
    if not context.outcome.has_answered:
        return []
    cells = {column.key: column.check(context) for column in COLUMNS if column.key in LOSS_LABELS}
    return list_losses(cells, context.is_built_from_code)


def list_losses(cells: Mapping[str, Finding], needs_architecture: bool = False) -> list[Loss]:
    """List the lost findings of a row of the matrix, without those that another loss says already.

    Layers that came from code take what is theirs with them; the vocabulary is said all the same, as nothing brings it.
    """
    lost = [key for key in LOSS_LABELS if key in cells and cells[key].state == "lost"]
    implied = {other for key in lost for other in IMPLIED_BY.get(key, ())}
    if not needs_architecture and "architecture" in lost:
        implied.discard("code")
    if "trainable" in lost and "compile" not in lost and "optimizer" in lost:  # then the state is what training misses
        implied = (implied | {"trainable"}) - {"optimizer"}
    return [Loss(key, LOSS_LABELS[key], cells[key].words) for key in lost if key not in implied]


def label_with_losses(verdict: str, losses: Iterable[Loss]) -> str:
    """Put the losses beside the words of a verdict: "Bit-identical · training state lost"."""
    return SEPARATOR.join([verdict, *(loss.label for loss in losses)])


def losses_to_json(losses: Iterable[Loss]) -> list[LossJson]:
    return [{"finding": loss.finding, "label": loss.label, "words": loss.words} for loss in losses]


def list_silent_losses(run: Run, artifact: Artifact, evidence: Evidence) -> list[str]:
    """What a copy lost that its answers do not show: masks, and what the model remembers. In sentences."""
    if not evidence.best.has_answered:
        return []
    cells = build_row(run, artifact.format, artifact.id, evidence).cells
    return [cells[key].words for key in SILENT_COLUMNS if cells[key].state == "lost"]
