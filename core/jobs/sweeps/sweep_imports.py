"""Files of a sweep on their way into the library: what is there already is not imported again."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import NotConfined, Refused, RoundtripError, UnknownName, error_from_json
from core.jobs.sweeps.sweep_files import fetched_candidate, give_to_import, hash_candidate, hash_sent_model
from core.jobs.sweeps.sweep_jobs import SweepJobs
from core.library.records import Run
from core.sweep.models import SweptModel
from core.sweep.row_store import AnswerStore, answer_key
from core.upgrade.candidates import Candidate
from core.versions import installed_versions

# Settings that may be the cure of a refusal.
LIMITS = {
    *("upload_mb", "unpacked_mb", "child_gb", "run_unconfined", "converting_times", "confined_gb", "confined_seconds"),
    *("confined_cpu_seconds", "confined_file_mb", "confined_reply_mb"),
}


class SweepImports:
    """The runs of files, by the hash of their content. Threads may share it."""

    def __init__(self, work: SweepJobs, answers: AnswerStore, again: bool):
        self._work, self._answers, self._again = work, answers, again
        self._library = work.jobs.library
        self._lock = threading.Lock()
        self._runs_by_hash: dict[str, str] | None = None
        self._locks_by_hash: dict[str, threading.Lock] = {}

    def find_or_import(self, model: SweptModel) -> str:
        """Return the run of a file, which is imported where the library has none of the same content.

        Raises what the import raises, again where it was refused before; InputError, StorageFailed, Cancelled.
        """
        if model.remote:
            assert model.candidate is not None
            return self._find_or_import(model, model.candidate, hash_sent_model(model.remote))
        with fetched_candidate(self._library, model, self._work.jobs.config) as candidate:
            return self._find_or_import(model, candidate, hash_candidate(candidate))

    def _find_or_import(self, model: SweptModel, candidate: Candidate, sha256: str) -> str:
        with self._importing(sha256):
            if run := self._find(sha256):
                return run
            if error := self._find_refusal(sha256, candidate):
                raise error
            return self._import(model, candidate, sha256)

    @contextlib.contextmanager
    def _importing(self, sha256: str) -> Iterator[None]:
        """One at a time for one content: a file that lies there twice is imported once."""
        with self._lock:
            lock = self._locks_by_hash.setdefault(sha256, threading.Lock())
        with lock:
            yield

    def _find(self, sha256: str) -> str:
        with self._lock:
            if self._runs_by_hash is None:
                self._runs_by_hash = {run.brought["sha256"]: run.id for run in self._library.runs() if _is_plain(run)}
            if run := self._runs_by_hash.get(sha256):
                return run
        answer = self._answers.find(self._key(sha256)) or {}
        try:
            return self._library.run(answer["run"]).id if answer.get("run") else ""
        except UnknownName:  # it was removed since then
            return ""

    def _find_refusal(self, sha256: str, candidate: Candidate) -> RoundtripError | None:
        answer = None if self._again else self._answers.find(self._key(sha256, candidate.path.suffix))
        return error_from_json(answer["error"]) if answer else None

    def _key(self, sha256: str, *more: str) -> str:
        """By who looks: nobody takes another's run. A refusal holds for these packages, limits and ending."""
        facts = [*installed_versions().items(), *self._work.jobs.config.model_dump(include=LIMITS).items()]
        return answer_key("import", self._library.access.viewer_id, sha256, sorted(facts) if more else [], *more)

    def _import(self, model: SweptModel, candidate: Candidate, sha256: str) -> str:
        try:
            result = self._work.run(lambda: self._work.jobs.import_model(**_import_arguments(model, candidate)))
        except Refused as error:
            self._answers.add(self._key(sha256, candidate.path.suffix), {"error": error.to_json()})
            raise
        run = str(result["run"])
        if not self._library.run(run).has_been_run:
            problem = result["error"] or {}
            raise NotConfined(problem.get("sentence", "It was kept, and not run."), cure=problem.get("cure", ""))
        with self._lock:
            if self._runs_by_hash is not None and candidate.architecture is None:
                self._runs_by_hash[sha256] = run
        self._answers.add(self._key(sha256), {"run": run})
        return run


def _is_plain(run: Run) -> bool:
    """Whether a run was imported as a sweep imports it, from what is one file."""
    brought = run.brought
    is_asked_otherwise = brought.get("signature") or brought.get("demo") or brought.get("shapes") or run.keeps_state
    is_half = brought.get("format") in ("weights", "weights_sharded", "checkpoint")
    return bool(brought.get("sha256")) and run.has_been_run and not is_asked_otherwise and not is_half


def _import_arguments(model: SweptModel, candidate: Candidate) -> dict[str, Any]:
    names = {"name": Path(model.name).name, "label": model.name}
    if model.remote:
        return {**names, "remote": give_to_import(model.remote)}
    parts = {"architecture": candidate.architecture} if candidate.architecture else {}
    return {**names, "path": candidate.path, "parts": parts}
