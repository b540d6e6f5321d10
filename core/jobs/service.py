"""`Jobs`: every operation as a job, with progress, cancel and time limit. Pages and command line call it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.break_it import get_card
from core.demos import get_demo
from core.demos.base import make_train_settings
from core.environments.machines import get_machine, split_key
from core.environments.own import HERE
from core.errors import InputError, cleanup_on_error
from core.formats import get_format
from core.jobs.benchmark import build_benchmark_request
from core.jobs.benchmark_result import DEFAULT_REPEATS
from core.jobs.break_it import build_cure_request, build_pull_request
from core.jobs.comparison.compare import build_compare_request
from core.jobs.disagreement import build_disagreement_request
from core.jobs.elsewhere import (
    EnvironmentState,
    build_build_request,
    build_elsewhere_request,
    remove_environments,
    require_may_change_environments,
    require_workers,
)
from core.jobs.environment_states import is_built, list_all_environments
from core.jobs.execution.driver import JobDriver, JobKind
from core.jobs.execution.given_files import give_files
from core.jobs.execution.runner import JobRunner
from core.jobs.imports.import_request import ImportOptions, build_import_request, build_reimport_request
from core.jobs.kinds import KINDS
from core.jobs.layers import DEFAULT_ROWS, DEFAULT_TOLERANCE, build_layers_request
from core.jobs.live_session import LiveSession
from core.jobs.participants import require_has_been_run
from core.jobs.places.known_places import list_environments_of
from core.jobs.places.place import entry_of
from core.jobs.resume import build_resume_request
from core.jobs.train import TrainRequest
from core.jobs.upgrades.bisect import build_bisect_request
from core.jobs.upgrades.upgrade import build_upgrade_request, find_cured_files
from core.library import Library
from core.library.job_store import Job
from core.object_store import RemoteFile
from core.settings import Settings
from core.worker import Worker

Sources = dict[str, str] | None  # by artifact "none", "demo", "snapshot", or an architecture artifact's id


class Jobs(JobRunner):
    """Every operation, over one library and one worker.

    Each method validates its arguments, starts the work in the background and returns its Job at once; `wait` returns
    its end. They raise InputError and UnknownName before anything is started. `sources` say for an artifact where the
    code that it lacks comes from, by default what it needs.
    """

    def __init__(
        self,
        library: Library | None = None,
        worker: Worker | None = None,
        config: Settings | None = None,
        *,
        kinds: Mapping[str, JobKind] = KINDS,
        driver: JobDriver | None = None,
    ):
        super().__init__(library, worker, config, kinds=kinds, driver=driver)

    def train(self, demo: str, **settings: Any) -> Job:
        """Train a demo; `settings` are fields of TrainSettings. The result names the run."""
        recipe = get_demo(demo)
        request: TrainRequest = {"demo": demo, "settings": make_train_settings(recipe, **settings).model_dump()}
        return self._start("train", recipe.label, request)

    def save(self, run_id: str, formats: Iterable[str], options: dict[str, dict[str, Any]] | None = None) -> Job:
        """Save a run in some formats, side by side, with `options` by format. See `core.jobs.save.SaveResult`."""
        run = self.library.run(run_id)
        require_has_been_run(self.library, [run_id])
        chosen = {key: get_format(key).resolve_options((options or {}).get(key)) for key in dict.fromkeys(formats)}
        if not chosen:
            raise InputError("No format was chosen.", cure="Choose at least one format to save in.")
        environments = [each for key in chosen if (each := get_format(key).environment)]
        self._require_may_build(each.key for each in environments if not is_built(self, each))
        return self._start("save", run.name, {"run": run_id, "formats": list(chosen), "options": chosen})

    def import_model(
        self,
        path: Path | None = None,
        name: str = "",
        *,
        parts: dict[str, Path] | None = None,
        remote: Sequence[RemoteFile] = (),
        demo: str | None = None,
        signature: str = "",
        label: str = "",
        temporary_folder: Path | None = None,
        shapes: Mapping[str, Sequence[int]] | None = None,
        keeps_state: bool = False,
    ) -> Job:
        """Import a model from outside. See `core.jobs.imports.import_model.ImportResult`.

        Args:
            path: a file, a zip, or a folder; `name` is what its owner calls it. None for files of a team's store.
            parts: further files by what they are ("architecture").
            remote: those files of a team's store, which the worker fetches.
            demo: the demo whose code built the model.
            signature: the signature that is to answer where it has several.
            label: what the run is to be called.
            temporary_folder: deleted at the end, also where the work never begins.
            shapes: the shape of one row by input, where the file leaves sizes free.
            keeps_state: whether what the model remembers is kept from row to row, and not forgotten after each.
        """
        files = give_files(path and Path(path), name, temporary_folder, parts, remote)
        stated = {input_name: list(shape) for input_name, shape in (shapes or {}).items()}
        with cleanup_on_error(files.discard):
            request = build_import_request(files, ImportOptions(demo, signature, label, stated, keeps_state))
        return self._start("import", request["name"], request, files=files)

    def reimport_model(self, artifact_id: str, **changes: Any) -> Job:
        """Import the stored files of an artifact once more: what could not be run before is run at last, and takes the
        place of what was stored; or with another `signature` or `label`, it stands beside it. As `import_model`."""
        request = build_reimport_request(self.library, artifact_id, **changes)
        return self._start("import", request["name"], request)

    def compare(
        self,
        artifacts: Iterable[str],
        rows: int | None = None,
        sources: Sources = None,
        rerun_failed: bool = True,
        *,
        baseline: str | None = None,
        inputs: str | None = None,
    ) -> Job:
        """Predict with artifacts in processes that never saw their models, and compare. See `CompareResult`.

        The same request on the same, undamaged files gives the same finished job again.

        Args:
            artifacts: their ids, or `ID@PLACE` for one that predicts at a place (see `core.jobs.places.place`).
            baseline: an artifact, or a run for its live model; by default the run of the first artifact.
            inputs: the id of an input set; by default the first `rows` test examples of the baseline's run.
            rerun_failed: whether a job that failed or was stopped is done again, or given as it ended.
        """
        request = build_compare_request(self, artifacts, rows, sources or {}, baseline, inputs)
        participants = [request["baseline"], *request["artifacts"]]
        if environments := list_environments_of(participants):
            self._require_may_build(environments)
        used = list(dict.fromkeys(entry_of(id_) for id_ in participants if id_.startswith("a")))
        return self._start_or_reuse("compare", "Comparison", request, used, rerun_failed)

    def compare_layers(
        self,
        baseline: str,
        other: str,
        rows: int = DEFAULT_ROWS,
        tolerance: float = DEFAULT_TOLERANCE,
        sources: Sources = None,
        rerun_failed: bool = True,
        *,
        inputs: str | None = None,
    ) -> Job:
        """Compare two copies layer by layer, and find the first that differs. See `core.jobs.layers.LayersResult`.

        Args:
            baseline, other: artifacts, or a run for its live model; at least one must be a Keras model.
            rows: how many rows of the input set `inputs`, by default of the reference of the baseline's run.
            tolerance: the share of a layer's spread by which it may differ.
            rerun_failed: as for `compare`.
        """
        request = build_layers_request(self, baseline, other, rows, tolerance, sources or {}, inputs)
        return self._start_or_reuse("layers", "Layer by layer", request, [baseline, other], rerun_failed)

    def create_live_session(self, ids: Iterable[str], sources: Sources = None) -> LiveSession:
        """Artifacts, or runs for their live models, loaded side by side to predict until the session is closed."""
        return LiveSession(self, ids, sources)

    def find_disagreement(
        self,
        a: str,
        b: str,
        sources: Sources = None,
        seconds: float = 20.0,
        seed: int = 0,
        evaluations: int | None = None,
    ) -> Job:
        """Search for the input on which two (artifacts, or runs for their live models) disagree most.

        First the data of the first one's run, then small steps around the best of it. The search ends after `seconds`,
        not counting the loading of both, or when `evaluations` inputs were predicted; in between the seed decides every
        step. See `DisagreementResult`; the best so far is in `Job.detail`.
        """
        request = build_disagreement_request(self, a, b, sources or {}, seconds, seed, evaluations)
        return self._start("disagree", "Disagreement", request)

    def resume(
        self, run_id: str, artifacts: Iterable[str], epochs: int = 2, sources: Sources = None, seed: int = 0
    ) -> Job:
        """Continue training copies of a run, and its live model, over the same batches, which `seed` fixes.

        The same request on the same, undamaged files gives the same finished job again. See `ResumeJobResult`.
        """
        request = build_resume_request(self.library, run_id, artifacts, epochs, sources, seed)
        return self._start_or_reuse("resume", "Training on", request, [run_id, *request["artifacts"]])

    def find_resume_job(self, run_id: str, artifacts: Iterable[str], *args: Any, **options: Any) -> Job | None:
        """Return the job that `resume` would, however it ended; None where there is none yet."""
        request = build_resume_request(self.library, run_id, artifacts, *args, **options)
        id_ = self._compute_job_id("resume", request, [run_id, *request["artifacts"]])
        return self._find_reusable(id_, rerun_failed=False)

    def benchmark(self, artifacts: Iterable[str], sources: Sources = None, repeats: int | None = None) -> Job:
        """Measure what artifacts cost, one after another, each in fresh processes. See `BenchmarkResult`.

        It waits until no other job runs, and others wait for it: two that ran side by side would time each other. Each
        call measures everything anew, `repeats` times.
        """
        repeats = DEFAULT_REPEATS if repeats is None else repeats
        request = build_benchmark_request(self.library, artifacts, sources or {}, repeats)
        return self._start("cost", "What copies cost", request)

    def pull_lever(self, card: str, again: bool = False) -> Job:
        """Break a saved model as a card of the break-it bench does. See `core.jobs.break_it.TrialResult`.

        The result is kept for the user who pulled the lever, until it is pulled `again`: not while either runs.
        """
        trials = [job for job in self.find_trials(card) if job] if again else []
        if not any(job.is_active for job in trials):
            for job in trials:
                self.job_store.delete(job.id)
        return self._start_or_reuse("break", get_card(card).title, build_pull_request(card), [])

    def cure(self, card: str) -> Job:
        """Cure what the lever of a card broke, which was done before. As `pull_lever`."""
        request = build_cure_request(card, self._compute_job_id("break", build_pull_request(card), []))
        return self._start_or_reuse("cure", get_card(card).title, request, [])

    def find_trials(self, card: str) -> tuple[Job | None, Job | None]:
        """Return the jobs of a card's lever and of its cure, however they ended; None where there is none yet."""
        pulled = self._compute_job_id("break", build_pull_request(card), [])
        cured = self._compute_job_id("cure", build_cure_request(card, pulled), [])
        return self._find_reusable(pulled, rerun_failed=False), self._find_reusable(cured, rerun_failed=False)

    def build_environments(self, environments: Iterable[str]) -> Job:
        """Build environments whose packages differ from ours. See `core.jobs.elsewhere.BuildResult`."""
        request = build_build_request(environments)
        require_may_change_environments(self.library, request["environments"])
        return self._start("environments", "Environments", request)

    def list_environments(self) -> list[EnvironmentState]:
        """Return every environment, and whether it is built, here or on a worker of the team."""
        return list_all_environments(self)

    def remove_environments(self, environments: Iterable[str]) -> dict[str, int]:
        """Delete built environments; returns by key the bytes that were freed."""
        keys = list(environments)
        require_may_change_environments(self.library, keys)
        return remove_environments(self.config, self.environment_processes, keys)

    def ask_elsewhere(self, run_id: str, environments: Iterable[str], artifacts: Iterable[str] | None = None) -> Job:
        """Ask copies of a run, by default all, in environments, built where they are not, or `ENVIRONMENT@MACHINE`.

        A person who signed in asks in those that are built. See `core.jobs.elsewhere.ElsewhereResult`.
        """
        request = build_elsewhere_request(self.library, run_id, artifacts, environments)
        require_workers(self, request["environments"])
        self._require_may_build(request["environments"])
        return self._start("elsewhere", self.library.run(run_id).name, request)

    def check_upgrade(
        self,
        source: str,
        target: str,
        path: Path | None = None,
        name: str = "",
        *,
        copies: Iterable[str] = (),
        again: bool = False,
        temporary_folder: Path | None = None,
        remote: Sequence[RemoteFile] = (),
    ) -> Job:
        """Ask models in the environment `source`, and see what becomes of them in `target`.

        What was asked before of the same files is not asked again, unless `again`. See
        `core.jobs.upgrades.upgrade.UpgradeResult`.

        Args:
            path: a model, a folder or a zip of models of any kind; `name` is what its owner calls it.
            copies: copies of the library, which are asked the rows of their proof kits.
            temporary_folder: deleted at the end, also where the work never begins.
        """
        files = give_files(path, name, temporary_folder, remote=remote)
        with cleanup_on_error(files.discard):
            request = build_upgrade_request(self.library, files, copies, source, target, again)
            self._require_may_build([source, target])
        return self._start("upgrade", request["name"] or "Upgrade", request, files=files)

    def find_cured_files(self, job_id: str) -> dict[str, Path]:
        """Return by model what the upgrade of that job wrote to cure it, as far as it is kept."""
        job = self.job_store.read(job_id)
        return find_cured_files(self, job) if job.kind == "upgrade" else {}

    def bisect(
        self,
        source: str,
        target: str,
        path: Path | None = None,
        name: str = "",
        *,
        copies: Iterable[str] = (),
        temporary_folder: Path | None = None,
        remote: Sequence[RemoteFile] = (),
    ) -> Job:
        """Find the first release of Keras between two environments that answers otherwise, for one model.

        The environments that are asked are built where they are not. See `core.jobs.upgrades.bisect.BisectResult`; the
        arguments are those of `check_upgrade`.
        """
        files = give_files(path, name, temporary_folder, remote=remote)
        with cleanup_on_error(files.discard):
            upgrade = build_upgrade_request(self.library, files, copies, source, target, again=True)
            request = build_bisect_request(upgrade)
            self._require_may_build(request["line"])
        return self._start("bisect", upgrade["name"] or "Which release", request, files=files)

    def _require_may_build(self, environments: Iterable[str]) -> None:
        """Raise InputError where one of them is to be built, and the viewer may not."""
        built = {state["environment"] for state in self.list_environments() if state["bytes"]}
        named = [key for key, machine in map(split_key, environments) if not get_machine(machine).worker]
        missing = [key for key in named if key not in built and key != HERE]
        require_may_change_environments(self.library, missing)

    def verify(self, ids: Iterable[str] | None = None) -> Job:
        """Verify entries against their hashes, all where none are named. See `core.jobs.maintenance.VerifyResult`."""
        named = None if ids is None else list(dict.fromkeys(ids))
        for id_ in named or ():
            self.library.folder(id_)
        return self._start("verify", "Verify", {"ids": named})

    def rebuild(self) -> Job:
        """Rebuild the catalog from the folders; the result says where it had been wrong."""
        return self._start("rebuild", "Rebuild the catalog", {})

    def repair(self, quarantine: bool = False, dry_run: bool = False) -> Job:
        """Repair the library, or with `dry_run` say what would be done (see `core.health.repair_library`)."""
        self.library.require_full_access()
        return self._start("repair", "Repair", {"quarantine": quarantine, "dry_run": dry_run})
