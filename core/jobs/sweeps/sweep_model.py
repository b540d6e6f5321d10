"""One model of a sweep: imported where it is not, saved where a copy is missing, asked in every environment."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from core.environments.base import Environment
from core.environments.judge import ElsewhereOutcome
from core.environments.machines import THIS_MACHINE, get_asked_environment, get_machine, join_keys, split_key
from core.environments.own import HERE
from core.error_translation import translate
from core.errors import Cancelled, RoundtripError, WorkerError, error_from_json, is_transient
from core.formats import get_format
from core.jobs.elsewhere import list_readable_copies
from core.jobs.places.worker_place import find_worker
from core.jobs.sweeps.sweep_files import give_to_upgrade, placed_files
from core.jobs.sweeps.sweep_imports import SweepImports
from core.jobs.sweeps.sweep_jobs import SweepJobs
from core.library.job_store import Job
from core.library.records import Artifact
from core.sweep.models import SweptModel
from core.sweep.plan import AS_IS, SweepPlan
from core.sweep.row_store import AnswerStore, cell_key
from core.sweep.rows import (
    LABELS,
    RowKey,
    Status,
    SweepRow,
    failed_row,
    judged_row,
    outcome_row,
    unsaved_row,
    upgrade_row,
)
from core.sweep.size import is_asked
from core.upgrade.rows import UpgradeRow

Copies = dict[str, Artifact]  # by format, the newest of each


class ModelSweep:
    """Gives the rows of one model, each as soon as it is known. Whatever stops one row stops no other."""

    def __init__(self, work: SweepJobs, plan: SweepPlan, imports: SweepImports, answers: AnswerStore, again: bool):
        self._work, self._plan, self._imports, self._answers, self._again = work, plan, imports, answers, again
        self._library, self._since = work.jobs.library, work.since

    def ask(self, model: SweptModel) -> Iterator[SweepRow]:
        """Yield the rows of a model. Raises Cancelled."""
        try:
            yield from self._ask_upgrade(model) if self._plan.upgrade else self._ask_copies(model)
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001  a model that fails fails alone
            yield failed_row(RowKey(model.name, *model.formats[:1]), translate(error, WorkerError), bytes=model.bytes)

    def _ask_copies(self, model: SweptModel) -> Iterator[SweepRow]:
        if model.not_asked:
            yield _not_asked_row(RowKey(model.name), model)
            return
        run = model.run or self._imports.find_or_import(model)
        copies = self._find_copies(run)
        as_is = copies if model.run else self._take_imported(run, copies)
        wanted = self._wanted_formats(as_is)
        yield from self._save_missing(model.name, run, copies, wanted)
        asked = {key: copies[key] for key in wanted if key in copies}
        if HERE in self._plan.environments and THIS_MACHINE in self._plan.machines:
            yield from (self._row_here(model.name, copy) for copy in asked.values())
        for environment, machine in self._places():
            yield from self._ask_there(model.name, run, environment, machine, asked)

    def _find_copies(self, run: str) -> Copies:
        copies = sorted(list_readable_copies(self._library, run), key=lambda copy: copy.created)
        return {copy.format: copy for copy in copies if self._is_as_planned(copy)}

    def _take_imported(self, run: str, copies: Copies) -> Copies:
        """Return the copy that a file itself is, which is asked even where a newer one has its format."""
        id_ = self._library.run(run).brought.get("artifact")
        itself = {copy.format: copy for copy in list_readable_copies(self._library, run) if copy.id == id_}
        if AS_IS in self._plan.formats:
            copies |= itself
        return itself or copies

    def _is_as_planned(self, copy: Artifact) -> bool:
        """Whether it was saved with the options that a sweep saves with; where copies count as they are, all are."""
        if AS_IS in self._plan.formats or not copy.options:
            return True
        return copy.options == get_format(copy.format).resolve_options()

    def _wanted_formats(self, as_is: Copies) -> list[str]:
        keys = [key for named in self._plan.formats for key in (as_is if named == AS_IS else (named,))]
        return list(dict.fromkeys(keys))

    def _places(self) -> Iterator[tuple[str, str]]:
        """Environments on machines, but for Roundtrip itself on this machine: there each copy was asked as it came."""
        places = ((place, machine) for place in self._plan.environments for machine in self._plan.machines)
        return (place for place in places if place != (HERE, THIS_MACHINE))

    def _save_missing(self, name: str, run: str, copies: Copies, wanted: Iterable[str]) -> Iterator[SweepRow]:
        """Save what is missing, and put it among the copies; yields the rows of what could not be saved."""
        refusals = {} if self._again else self._library.refusals(run)
        missing = [key for key in wanted if key not in copies]
        known = [key for key in missing if key in refusals and not is_transient(refusals[key]["error"])]
        for key in known:
            yield unsaved_row(RowKey(name, key), error_from_json(refusals[key]["error"]), run=run, is_reused=True)
        if unsaved := [key for key in missing if key not in known]:
            yield from self._save(name, run, copies, unsaved)

    def _save(self, name: str, run: str, copies: Copies, formats: list[str]) -> Iterator[SweepRow]:
        try:
            result = self._work.run(lambda: self._work.jobs.save(run, formats))
        except Cancelled:
            raise
        except RoundtripError as error:  # the copies that are there are asked all the same
            yield from (unsaved_row(RowKey(name, key), error, run=run) for key in formats)
            return
        for key, row in result["rows"].items():
            if row["state"] == "done":
                copies[key] = self._library.artifact(row["artifact"])
            else:
                yield unsaved_row(RowKey(name, key), error_from_json(row["error"]), run=run)

    def _row_here(self, name: str, copy: Artifact) -> SweepRow:
        best = self._library.evidence(copy.id).best
        cause = best.warning or (f"The largest difference is {best.max_abs:.2g}." if best.max_abs else "")
        note = {} if best.error else {"cause": cause}
        seconds = copy.seconds + (best.load_seconds or 0.0) + (best.first_seconds or 0.0)
        facts = {**_facts(copy), "seconds": seconds, "is_reused": copy.created < self._since, **note}
        return judged_row(RowKey(name, copy.format), best.verdict, best.changed_rows, best.rows, best.error, **facts)

    def _ask_there(self, name: str, run: str, place: str, machine: str, copies: Copies) -> Iterator[SweepRow]:
        """Ask copies in an environment on a machine, as far as it takes them; what is known is not asked again."""
        environment = get_asked_environment(join_keys(place, machine))
        taken = {key: copy for key, copy in copies.items() if is_asked(key, place, machine)}
        try:
            worker = find_worker(self._work.jobs, environment)
        except RoundtripError as error:
            named = {key: RowKey(name, key, place, machine) for key in taken}
            yield from (failed_row(named[key], error, **_facts(copy)) for key, copy in taken.items())
            return
        known = {} if self._again or not self._is_lasting(environment) else self._find_known(environment, worker, taken)
        keys = {copy.id: RowKey(name, format_key, place, machine) for format_key, copy in taken.items()}
        for id_, row in known.items():
            yield row.model_copy(update={**keys[id_]._asdict(), "is_reused": True})
        if asked := [copy for copy in taken.values() if copy.id not in known]:
            yield from self._ask_anew(run, environment, worker, asked, keys)

    def _is_lasting(self, environment: Environment) -> bool:
        """Whether the answer holds for the next sweep: what Roundtrip itself answers on any worker holds for that."""
        key, machine = split_key(environment.key)
        return not self._work.jobs.config.is_team or key != HERE or bool(get_machine(machine).worker)

    def _find_known(self, environment: Environment, worker: str, copies: Copies) -> dict[str, SweepRow]:
        answers = {copy.id: self._answers.find(cell_key(copy.id, environment, worker)) for copy in copies.values()}
        return {id_: SweepRow.model_validate(answer) for id_, answer in answers.items() if answer}

    def _ask_anew(
        self, run: str, environment: Environment, worker: str, copies: list[Artifact], keys: dict[str, RowKey]
    ) -> Iterator[SweepRow]:
        ids = [copy.id for copy in copies]
        try:
            result = self._work.run(lambda: self._work.jobs.ask_elsewhere(run, [environment.key], ids))
        except Cancelled:
            raise
        except RoundtripError as error:
            yield from (failed_row(keys[copy.id], error, **_facts(copy)) for copy in copies)
            return
        for copy in copies:
            row, is_answer = _read_cell(result, environment.key, copy, keys[copy.id])
            if is_answer and row.status is not Status.NOT_VERIFIED and self._is_lasting(environment):
                self._answers.add(cell_key(copy.id, environment, worker), row.model_dump(mode="json"))
            yield row

    def _ask_upgrade(self, model: SweptModel) -> Iterator[SweepRow]:
        """Ask a model before and after an upgrade: what was asked before between the two is not asked again there."""
        assert self._plan.upgrade is not None
        sides = self._plan.upgrade.source, self._plan.upgrade.target
        key = RowKey(model.name, environment=sides[1])
        if model.not_asked:
            yield _not_asked_row(key, model)
            return
        check = self._work.jobs.check_upgrade
        if model.run:
            copies = list(self._find_copies(model.run).values())
            if not (ids := [copy.id for copy in copies]):
                yield _not_asked_row(key, model, "This run has no copy to ask: save one first.")
                return
            result = self._work.run(lambda: check(*sides, copies=ids, again=self._again))
        else:
            copies = []
            result = self._check_files(model, partial(check, *sides, name=Path(model.name).name, again=self._again))
        for at, row in enumerate(result["rows"]):
            yield upgrade_row(key, UpgradeRow.model_validate(row)).model_copy(update=_facts(*copies[at : at + 1]))

    def _check_files(self, model: SweptModel, check: Callable[..., Job]) -> dict[str, Any]:
        if model.remote:
            return self._work.run(lambda: check(remote=give_to_upgrade(model.remote)))
        with placed_files(self._library, model, self._work.jobs.config) as path:
            return self._work.run(lambda: check(path=path))


def _not_asked_row(key: RowKey, model: SweptModel, cause: str = "") -> SweepRow:
    if model.refusal:
        return failed_row(key, model.refusal, bytes=model.bytes)
    facts = {"label": LABELS[Status.NOT_TAKEN], "cause": cause or model.not_asked, "bytes": model.bytes}
    return SweepRow(**key._asdict(), status=Status.NOT_TAKEN, **facts)


def _facts(copy: Artifact | None = None) -> dict[str, Any]:
    return {"bytes": copy.bytes, "run": copy.run, "artifact": copy.id} if copy else {}


def _read_cell(result: dict[str, Any], environment: str, copy: Artifact, key: RowKey) -> tuple[SweepRow, bool]:
    """Return the row of a copy in the result of the job that asked it, and whether the copy itself was asked."""
    row, facts = result["rows"][copy.id], _facts(copy)
    if error := result["environments"][environment].get("error") or row["error"]:
        return failed_row(key, error_from_json(error), **facts), False
    return outcome_row(key, ElsewhereOutcome.model_validate(row["cells"][environment]), **facts), True
