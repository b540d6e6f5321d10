"""One model of an upgrade: asked before it, then after it, and cured where it does not come through."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from core.error_translation import translate
from core.errors import Cancelled, DoesNotLoad, NeedsArchitecture, Refused, RoundtripError, WorkerError
from core.jobs.execution.job_handle import JobHandle
from core.jobs.imports.import_model import validate_content_in_child
from core.jobs.upgrades.upgrade_expectations import find_expectation
from core.upgrade.causes import describe_cause
from core.upgrade.crossing import Crossing, Expectation
from core.upgrade.cures import find_cures
from core.upgrade.model_files import ModelFiles
from core.upgrade.row_store import RowStore
from core.upgrade.rows import Status, UpgradeRow, status_of

# Rules whose breach means that a file is no model at all.
NO_MODEL_RULES = ("unlike", "empty", "unknown-ending", "zip-broken", "zip-missing", "config-shape", "json-text")


class Item(NamedTuple):
    """One model to ask: its name, and what lays its files out in an empty folder."""

    name: str
    lay_out: Callable[[Path], ModelFiles]
    not_asked: str = ""


class AskedModel(NamedTuple):
    """What is known of a model before the upgrade: its row, and what is expected of it where it is to be asked.

    `folder` is where it lies, `seconds` are those that this took, and `remarks` what was found where it came from: rows
    are kept by what a model is, wherever it lay.
    """

    row: UpgradeRow
    folder: Path
    expectation: Expectation | None = None
    seconds: float = 0.0
    remarks: tuple[str, ...] = ()


class ModelCheck:
    """Checks models one by one, and keeps what was found out. Both sides may be asked by a thread each."""

    def __init__(self, handle: JobHandle, crossing: Crossing, store: RowStore, again: bool):
        self.handle, self.crossing, self.store, self.again = handle, crossing, store, again
        self._is_prepared = False

    def ask_before(self, item: Item, folder: Path) -> AskedModel:
        """Return what a model answers before the upgrade, or why it is not asked; `folder` is an empty one of ours.

        Raises Cancelled.
        """
        started = time.perf_counter()
        if item.not_asked:
            return AskedModel(UpgradeRow(name=item.name, status=Status.NOT_TAKEN, cause=item.not_asked), folder)
        try:
            asked = self._ask_before(item, folder)
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001  a row that fails fails alone
            asked = AskedModel(_failed(item.name, translate(error, WorkerError)), folder)
        return asked._replace(seconds=time.perf_counter() - started)

    def ask_after(self, asked: AskedModel) -> UpgradeRow:
        """Return the row of a model that was asked before the upgrade, after it was asked there. Raises Cancelled."""
        started, row = time.perf_counter(), asked.row
        try:
            if asked.expectation:
                row = self._cross(row, asked.expectation, asked.folder / "cures")
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001  a row that fails fails alone
            row = _failed(row.name, translate(error, WorkerError))
        note = " ".join(filter(None, (*asked.remarks, row.note)))
        return row.model_copy(update={"note": note, "seconds": asked.seconds + time.perf_counter() - started})

    def _ask_before(self, item: Item, folder: Path) -> AskedModel:
        model = item.lay_out(folder / "model")
        return self._ask_laid_out(item.name, model, folder)._replace(remarks=model.remarks)

    def _ask_laid_out(self, name: str, model: ModelFiles, folder: Path) -> AskedModel:
        if not self.again and (row := self.store.find(name, model.sha256)):
            return AskedModel(row, folder)
        row = _begin_row(name, model)
        if reason := self._why_not_taken(model):
            return AskedModel(row.model_copy(update={"cause": reason}), folder)
        self._validate(model)
        try:
            return AskedModel(row, folder, find_expectation(self.crossing, model))
        except DoesNotLoad as error:
            update = {"status": Status.NOT_LOADED_BEFORE, "error": error.to_json(), "cause": error.sentence}
            row = row.model_copy(update=update)
            self._keep(row, None)
            return AskedModel(row, folder)

    def _validate(self, model: ModelFiles) -> None:
        if model.is_untrusted:
            self._prepare()
            cancelled = self.handle.is_cancelled
            validate_content_in_child(self.handle.worker, model.format, model.artifact, cancelled=cancelled)

    def _prepare(self) -> None:
        """Before the first model that is asked: what was asked before needs no process."""
        if not self._is_prepared:
            self._is_prepared = True
            self.crossing.prepare()

    def _why_not_taken(self, model: ModelFiles) -> str:
        sides = [side for side in (self.crossing.source, self.crossing.target) if model.format not in side.opens]
        labels = " and ".join(side.label for side in sides)
        return f"{labels} {'opens' if len(sides) == 1 else 'open'} no file of this kind." if sides else ""

    def _cross(self, row: UpgradeRow, expectation: Expectation, folder: Path) -> UpgradeRow:
        model, crossing = expectation.model, self.crossing
        outcome = crossing.judge(model, expectation.inputs, expectation.predictions)
        folder.mkdir()
        cures, cured = find_cures(crossing, expectation, outcome, folder, self.handle.config)
        update = {
            "status": status_of(outcome),
            "outcome": outcome,
            "expected_by": expectation.versions,
            "rows": expectation.rows,
            "cause": describe_cause(crossing.target, outcome, model.read_config()),
            "note": " ".join(filter(None, (expectation.note, expectation.warning))),
            "cures": cures,
        }
        row = row.model_copy(update=update)
        self._keep(row, cured.path if cured else None)
        return row

    def _keep(self, row: UpgradeRow, cured: Path | None) -> None:
        if row.is_final:
            with contextlib.suppress(RoundtripError):  # a disk that is full: it is asked anew the next time
                self.store.add(row, cured)


def _begin_row(name: str, model: ModelFiles) -> UpgradeRow:
    """The row of a model that was not asked yet."""
    size = model.kit().bytes
    return UpgradeRow(name=name, status=Status.NOT_TAKEN, format=model.format, sha256=model.sha256, bytes=size)


def _failed(name: str, error: RoundtripError) -> UpgradeRow:
    """The row of a model that could not be asked on both sides."""
    status = Status.NOT_VERIFIED
    if isinstance(error, Refused):
        status = Status.NOT_A_MODEL if error.rule in NO_MODEL_RULES else Status.REFUSED
    elif isinstance(error, NeedsArchitecture):
        status = Status.NOT_TAKEN
    return UpgradeRow(name=name, status=status, error=error.to_json(), cause=error.sentence)
