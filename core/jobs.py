"""Train, save, compare: as jobs with progress, cancel and time limit. What pages and command line call."""

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from core.demos import get_demo
from core.demos.contract import train_settings
from core.errors import Cancelled, InputError, LibraryError, RoundtripError, WorkerError
from core.explain import translate
from core.formats import get_format
from core.library import Library
from core.library.entries import new_id
from core.library.journal import Job, Journal
from core.record import now
from core.settings import Settings, settings
from core.work.comparing import compare_work
from core.work.costing import cost_work
from core.work.costs import MOST_REPEATS, REPEATS
from core.work.disagreeing import disagree_work
from core.work.layers import MOST_ROWS, ROWS, TOLERANCE, layers_work, require_layers
from core.work.opening import run_of
from core.work.resuming import resume_request, resume_work
from core.work.saving import save_work
from core.work.slots import Slots
from core.work.sources import require_same_inputs, resolve_sources
from core.work.training import train_work
from core.worker import Worker

WRITE_EVERY = 0.1  # seconds between two records of a job's progress
LOOK_EVERY = 0.1  # seconds between two looks at whether a person asked to cancel


class Handle:
    """A running job as its own work sees it: say how far it is, and ask whether to stop."""

    def __init__(self, journal: Journal, job: Job):
        self.job = job
        self._journal = journal
        self._lock = threading.Lock()
        self._written = 0.0
        self._looked = 0.0
        self._cancelled = False

    def tell(
        self, progress: float | None = None, note: str | None = None, at_once: bool = False, **detail: Any
    ) -> None:
        """Record how far the work is; of small steps in quick succession only some are, unless `at_once`."""
        with self._lock:
            self.job.progress = self.job.progress if progress is None else progress
            self.job.note = self.job.note if note is None else note
            self.job.detail |= detail
            if at_once or time.monotonic() - self._written >= WRITE_EVERY:
                with contextlib.suppress(OSError):  # news that finds no room must not end the work itself
                    self._journal.write(self.job)
                self._written = time.monotonic()

    def cancelled(self) -> bool:
        if not self._cancelled and time.monotonic() - self._looked >= LOOK_EVERY:
            self._looked = time.monotonic()
            self._cancelled = self._journal.asked_to_cancel(self.job.id)
        return self._cancelled

    def finish(self, **end: Any) -> None:
        with self._lock:
            self.job = self.job.model_copy(update={"finished": now(), **end})
            self._journal.write_last(self.job)


class Jobs:
    """Everything that Roundtrip does, over one library and one worker.

    `train`, `save`, `compare`, `disagree` and `resume` check what they are given, start the work in the background and
    return its Job at once; `wait` gives its end. They raise InputError and UnknownName before anything is started.
    """

    def __init__(self, library: Library | None = None, worker: Worker | None = None, config: Settings | None = None):
        self.config = config or settings()
        self.library = library or Library(self.config.home)
        self.worker = worker or Worker(self.config)
        self.journal = Journal(self.library.home / "jobs", self.config.keep_jobs)
        self._slots = Slots(max(2, self.config.parallel))

    def train(self, demo: str, **given: Any) -> Job:
        """Train a demo; `given` are fields of TrainSettings. The result names the run."""
        recipe = get_demo(demo)
        chosen = train_settings(recipe, **given)
        request = {"demo": demo, "settings": chosen.model_dump()}
        return self._start("train", recipe.label, request, train_work)

    def save(self, run_id: str, formats: Iterable[str], options: dict[str, dict[str, Any]] | None = None) -> Job:
        """Save a run in some formats, side by side; the result has a row for each. `options` are by format."""
        run = self.library.run(run_id)
        chosen = [get_format(key) for key in dict.fromkeys(formats)]
        if not chosen:
            raise InputError("No format was chosen.", cure="Choose at least one format to save in.")
        settled = {one.key: one.choose((options or {}).get(one.key)) for one in chosen}
        request = {"run": run_id, "formats": [one.key for one in chosen], "options": settled}
        return self._start("save", run.name, request, save_work)

    def compare(
        self,
        artifacts: Iterable[str],
        rows: int | None = None,
        sources: dict[str, str] | None = None,
        again: bool = True,
    ) -> Job:
        """Reload artifacts in fresh processes and hold their answers against the live model's reference.

        `rows` bounds the held-out rows; `sources` says for an artifact where the code that it lacks comes from: "none",
        "demo", or the id of an architecture artifact (by default, what it needs). The same request on the same,
        undamaged files gives the same finished job again; one that failed or was stopped is done `again`, or given as
        it ended.
        """
        ids = list(dict.fromkeys(artifacts))
        if not ids:
            raise InputError("No artifact was chosen.", cure="Choose at least one artifact to compare.")
        if rows is not None and rows < 1:
            raise InputError("At least one row must be compared.", received=rows, cure="Choose 1 row or more.")
        require_same_inputs(self.library, ids)
        request = {"artifacts": ids, "rows": rows, "sources": resolve_sources(self.library, ids, sources or {})}
        return self._once("compare", "Comparison", request, ids, compare_work, again)

    def layers(
        self,
        baseline: str,
        other: str,
        rows: int = ROWS,
        tolerance: float = TOLERANCE,
        sources: dict[str, str] | None = None,
        again: bool = True,
    ) -> Job:
        """Hold two copies against one another layer by layer, and find the first that differs.

        `baseline` and `other` are ids of artifacts, or of a run for its live model; at least one must be a Keras model.
        The inputs are the first `rows` reference rows of the baseline's run; `tolerance` is the share of a layer's
        spread by which it may differ. `sources` and `again` as for `compare`.
        """
        require_layers(self.library, baseline, other)
        if not 1 <= rows <= MOST_ROWS:
            raise InputError(f"From 1 to {MOST_ROWS} rows can be asked.", received=rows, cure="Choose fewer rows.")
        if not tolerance >= 0:
            raise InputError("The tolerance is a share of 0 or more.", received=tolerance, cure="Give 0.0001, say.")
        ids = [id_ for id_ in (baseline, other) if id_.startswith("a")]
        require_same_inputs(self.library, ids)
        request = {"baseline": baseline, "other": other, "rows": rows, "tolerance": tolerance}
        request["sources"] = resolve_sources(self.library, ids, sources or {})
        return self._once("layers", "Layer by layer", request, [baseline, other], layers_work, again)

    def _once(self, kind: str, title: str, request: dict[str, Any], ids: list[str], work: Callable, again: bool) -> Job:
        """The job of that request on the same files, if it is known, else a new one."""
        id_ = self._settle(kind, request, ids)
        return self._known(id_, again) or self._start(kind, title, request, work, id_)

    def disagree(
        self,
        a: str,
        b: str,
        sources: dict[str, str] | None = None,
        seconds: float = 20.0,
        seed: int = 0,
        evaluations: int | None = None,
    ) -> Job:
        """Search for the input on which two (artifacts, or runs for their live models) disagree most.

        First the data of the first one's run, then small steps around the best of it. The search ends after `seconds`,
        not counting the loading of both, or when `evaluations` inputs were asked; in between the seed decides every
        step. `sources` as in `compare`. See `core.work.disagreeing.disagree_work` for the result; the best so far is in
        `Job.detail`.
        """
        for id_ in (a, b):
            self.library.run(run_of(self, id_))
        if not 0 < seconds <= 3600:
            raise InputError("A search takes up to an hour.", received=seconds, cure="Choose 1 to 3,600 seconds.")
        if seed < 0 or (evaluations is not None and evaluations < 1):
            received = f"seed {seed}, evaluations {evaluations}"
            raise InputError("The seed or the number of inputs is too small.", received=received, cure="Choose more.")
        artifacts = [id_ for id_ in dict.fromkeys((a, b)) if id_.startswith("a")]
        request = {"a": a, "b": b, "sources": resolve_sources(self.library, artifacts, sources or {})}
        request |= {"seconds": seconds, "seed": seed, "evaluations": evaluations}
        return self._start("disagree", "Disagreement", request, disagree_work)

    def resume(
        self,
        run_id: str,
        artifacts: Iterable[str],
        epochs: int = 2,
        sources: dict[str, str] | None = None,
        seed: int = 0,
    ) -> Job:
        """Train copies of a run on, and its live model too, for the same epochs over the same batches.

        `sources` is as in `compare`; `seed` fixes the batches. The same request on the same, undamaged files gives the
        same finished job again.
        """
        request = resume_request(self.library, run_id, artifacts, epochs, sources, seed)
        ids = [run_id, *request["artifacts"]]
        return self._once("resume", "Training on", request, ids, resume_work, again=True)

    def resumed(
        self,
        run_id: str,
        artifacts: Iterable[str],
        epochs: int = 2,
        sources: dict[str, str] | None = None,
        seed: int = 0,
    ) -> Job | None:
        """The job that `resume` would give, however it ended; None where there is none yet."""
        request = resume_request(self.library, run_id, artifacts, epochs, sources, seed)
        return self._known(self._settle("resume", request, [run_id, *request["artifacts"]]), again=False)

    def _settle(self, kind: str, request: dict[str, Any], ids: Iterable[str]) -> str:
        """The id of a request's job, after what is wrong with its files has become part of the request: a job is known
        again only while that is the same."""
        used = [*ids, *(source for source in request["sources"].values() if source not in ("none", "demo"))]
        request["damage"] = {one: damage for one in used if (damage := self._damage(one))}
        return "j" + hashlib.sha256(json.dumps([kind, request], sort_keys=True).encode()).hexdigest()[:10]

    def cost(self, artifacts: Iterable[str], sources: dict[str, str] | None = None, repeats: int | None = None) -> Job:
        """Measure what artifacts cost, one after another, each in fresh processes; the result is a `Costs` as JSON.

        It waits until no other job runs, and others wait for it: two that ran side by side would time each other.
        `sources` are as in `compare`; everything is measured `repeats` times. Each call measures anew.
        """
        ids = list(dict.fromkeys(artifacts))
        if not ids:
            raise InputError("No artifact was chosen.", cure="Choose at least one artifact to measure.")
        times = REPEATS if repeats is None else repeats
        if not 1 <= times <= MOST_REPEATS:
            raise InputError(
                f"A measuring is repeated 1 to {MOST_REPEATS} times.", received=times, cure=f"Choose {REPEATS}."
            )
        request = {"artifacts": ids, "sources": resolve_sources(self.library, ids, sources or {}), "repeats": times}
        return self._start("cost", "What copies cost", request, cost_work, alone=True)

    def _damage(self, artifact: str) -> str:
        try:
            self.library.verify(artifact)
        except LibraryError as error:
            return str(error)
        return ""

    def _known(self, id_: str, again: bool) -> Job | None:
        """The job of that id, if it is under way or done; however it ended, where it is not to be done again."""
        try:
            job = self.journal.read(id_)
        except RoundtripError:
            return None
        return job if job.active or job.state == "done" or not again else None

    def _start(
        self, kind: str, title: str, request: dict[str, Any], work: Callable, id_: str = "", alone: bool = False
    ) -> Job:
        job = self.journal.begin(Job(id=id_ or new_id("j"), kind=kind, title=title, request=request))
        handle = Handle(self.journal, job.model_copy(deep=True))
        thread = threading.Thread(target=self._run, args=(handle, work, alone))
        thread.daemon = True
        thread.start()
        return job

    def _run(self, handle: Handle, work: Callable[["Jobs", Handle], dict[str, Any]], alone: bool) -> None:
        try:
            self._await_slot(handle, alone)
        except Cancelled as error:
            return handle.finish(state="cancelled", error=error.to_json())
        try:
            handle.job.state, handle.job.started = "running", now()
            handle.tell(note="Starting")
            handle.finish(state="done", progress=1.0, note="Done", result=work(self, handle))
        except Cancelled as error:
            handle.finish(state="cancelled", note="Cancelled", error=error.to_json())
        except Exception as error:  # noqa: BLE001  a job's end must be on record whatever ended it
            handle.finish(state="failed", note="Failed", error=translate(error, WorkerError).to_json())
        finally:
            self._slots.leave()
        return None

    def _await_slot(self, handle: Handle, alone: bool) -> None:
        while not self._slots.enter(alone, LOOK_EVERY):
            if handle.cancelled():
                raise Cancelled("It was cancelled before it began.", cure="Start it again when you like.")

    def cancel(self, job_id: str) -> None:
        """Ask a job to stop, from any process; it ends within a second, and keeps nothing."""
        self.journal.read(job_id)
        self.journal.ask_to_cancel(job_id)

    def wait(self, job_id: str, heard: Callable[[Job], None] = lambda job: None) -> Job:
        """The job at its end; `heard` is called with each state that is seen on the way."""
        while (job := self.journal.read(job_id)).active:
            heard(job)
            time.sleep(LOOK_EVERY)
        return job
