"""One model of an upgrade: asked before it, then after it, and cured where it does not come through."""

import contextlib
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from core.arrays import Arrays
from core.error_translation import translate
from core.errors import (
    Cancelled,
    DoesNotLoad,
    InputError,
    NeedsArchitecture,
    Refused,
    RoundtripError,
    UnpairedRows,
    WorkerError,
)
from core.jobs.execution.job_handle import JobHandle
from core.jobs.imports.import_model import validate_content_in_child
from core.jobs.imports.trial_inputs import TrialInput, generate_trial_inputs
from core.runtimes.specs import InputSpec
from core.upgrade.causes import describe_cause
from core.upgrade.cures import find_cures
from core.upgrade.model_files import COMPILING_FORMATS, ModelFiles
from core.upgrade.row_store import RowStore
from core.upgrade.rows import Status, UpgradeRow, status_of
from core.upgrade.sides import Crossing, Expectation

MAX_TRIALS = 12  # shapes and ranges that are tried of inputs whose sizes are free
MAX_ROWS = 32
UNCONFINED_NOTE = "It is loaded with compile=False, before and after, as these settings let files run unconfined."
COMPILE_NOTE = "It loads with compile=False only, before and after."
# Rules whose breach means that a file is no model at all.
NO_MODEL_RULES = ("unlike", "empty", "unknown-ending", "zip-broken", "zip-missing", "config-shape", "json-text")


def find_expectation(crossing: Crossing, model: ModelFiles) -> Expectation:
    """Find inputs that a model answers before the upgrade, and its answers.

    Raises DoesNotLoad where it does not load there, InputError where it answers nothing that can be drawn, and what
    `WarmProcesses.ask` raises.
    """
    model, specs, note = _describe(crossing, model)
    if model.inputs is not None:
        reply = crossing.predict_before(model, model.inputs)
        return Expectation(model, model.inputs, reply.predictions, reply.facts.versions if reply.facts else {}, note)
    return _try_inputs(crossing, model, specs, note)


def _describe(crossing: Crossing, model: ModelFiles) -> tuple[ModelFiles, list[InputSpec], str]:
    """Return what a model takes, and how it is loaded: as by default, or where that fails with compile=False."""
    is_plain = model.format not in COMPILING_FORMATS
    try:
        return model, crossing.describe(model), "" if is_plain or model.compiles else UNCONFINED_NOTE
    except DoesNotLoad:
        if is_plain or not model.compiles:
            raise
        bare = model.with_compile(False)
        return bare, crossing.describe(bare), COMPILE_NOTE


def _try_inputs(crossing: Crossing, model: ModelFiles, specs: list[InputSpec], note: str) -> Expectation:
    """Ask inputs that are drawn by seed, the likeliest first, until all rows of one are answered."""
    fixed = next((spec["shape"][0] for spec in specs if spec["shape"] and spec["shape"][0]), None)
    last: RoundtripError | None = None
    for trial in itertools.islice(generate_trial_inputs(specs), MAX_TRIALS):
        inputs = _cut(trial, fixed)
        try:
            reply = crossing.predict_before(model, inputs)
            _require_rows(reply.predictions, len(next(iter(inputs.values()))))
        except (DoesNotLoad, InputError) as error:
            last = error
            continue
        return Expectation(model, inputs, reply.predictions, reply.facts.versions if reply.facts else {}, note)
    cure = "Import it with the shape of a row stated, and ask the copy."
    sentence = "It loads, and answers none of the inputs that can be drawn from what it says of them."
    raise InputError(sentence, received=last.sentence if last else None, cure=cure)


def _cut(trial: TrialInput, fixed: int | None) -> Arrays:
    """Return the first rows of a trial: as many as the model takes at once, where that is fixed."""
    return trial.head(min(fixed or MAX_ROWS, trial.recipe["rows"])).inputs


def _require_rows(predictions: Arrays, rows: int) -> None:
    if any(not array.ndim or len(array) != rows for array in predictions.values()):
        raise UnpairedRows("Its answers have no row for each row of its inputs.")


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
