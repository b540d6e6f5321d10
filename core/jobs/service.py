"""Everything that Roundtrip does, as jobs with progress, cancel and time limit. What pages and command line call."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from core.demos import get_demo
from core.demos.base import make_train_settings
from core.errors import InputError
from core.formats import get_format
from core.jobs.benchmark import build_benchmark_request, run_benchmark
from core.jobs.benchmark_result import DEFAULT_REPEATS
from core.jobs.compare import build_compare_request, run_compare
from core.jobs.disagreement import build_disagreement_request, run_disagreement
from core.jobs.import_model import ImportRequest, build_import_request, run_import
from core.jobs.layers import DEFAULT_ROWS, DEFAULT_TOLERANCE, build_layers_request, run_layers
from core.jobs.live_session import LiveSession
from core.jobs.maintenance import run_rebuild, run_repair, run_verify
from core.jobs.participants import require_has_been_run
from core.jobs.resume import build_resume_request, run_resume
from core.jobs.runner import JobHandle, JobRunner
from core.jobs.save import run_save
from core.jobs.train import run_train
from core.jobs.uploads import reimport_arguments
from core.library.job_store import Job
from core.validation.rules import display_file_name

__all__ = ["JobHandle", "Jobs"]


class Jobs(JobRunner):
    """Everything that Roundtrip does, over one library and one worker.

    Each method checks what it is given, starts the work in the background and returns its Job at once; `wait` gives
    its end. They raise InputError and UnknownName before anything is started.
    """

    def train(self, demo: str, **settings: Any) -> Job:
        """Train a demo; `given` are fields of TrainSettings. The result names the run."""
        recipe = get_demo(demo)
        chosen = make_train_settings(recipe, **settings)
        request = {"demo": demo, "settings": chosen.model_dump()}
        return self._start("train", recipe.label, request, run_train)

    def save(self, run_id: str, formats: Iterable[str], options: dict[str, dict[str, Any]] | None = None) -> Job:
        """Save a run in some formats, side by side; the result has a row for each. `options` are by format."""
        run = self.library.run(run_id)
        require_has_been_run(self.library, [run_id])
        chosen = [get_format(key) for key in dict.fromkeys(formats)]
        if not chosen:
            raise InputError("No format was chosen.", cure="Choose at least one format to save in.")
        settled = {one.key: one.resolve_options((options or {}).get(one.key)) for one in chosen}
        request = {"run": run_id, "formats": [one.key for one in chosen], "options": settled}
        return self._start("save", run.name, request, run_save)

    def import_model(
        self,
        path: Path,
        name: str = "",
        *,
        parts: dict[str, Path] | None = None,
        demo: str | None = None,
        signature: str = "",
        label: str = "",
        temporary_folder: Path | None = None,
    ) -> Job:
        """Bring in a model from outside: a file, a zip, or a folder; `name` is what its owner calls it.

        `parts` are further files by what they are ("architecture"), `demo` is the one whose code built the model,
        `signature` the one that is to answer where it has several, `label` what the run is to be called. `ours` is a
        folder that is deleted at the end, also where the work never begins. The result names the run and the artifact
        (see `core.jobs.import_model`).
        """
        path = Path(path)
        given = ImportRequest(path, name or path.name, dict(parts or {}), demo, signature, label, temporary_folder)
        request, work = build_import_request(given), partial(run_import, given)
        return self._start("import", display_file_name(given.name), request, work, on_not_started=given.discard)

    def reimport_model(self, artifact_id: str, **changes: str) -> Job:
        """Bring the kept files of an artifact in once more: what could not be run before is run at last, and takes the
        place of what was kept; or with another `signature` or `label`, it stands beside it. As `bring_in`."""
        given = ImportRequest(**reimport_arguments(self.library, artifact_id) | changes)
        return self._start("import", display_file_name(given.name), given.to_json(), partial(run_import, given))

    def compare(
        self,
        artifacts: Iterable[str],
        rows: int | None = None,
        sources: dict[str, str] | None = None,
        rerun_failed: bool = True,
        *,
        baseline: str | None = None,
        inputs: str | None = None,
    ) -> Job:
        """Ask artifacts in fresh processes, and hold their answers against the baseline's.

        `baseline` is an artifact, or a run for its live model (by default the run of the first artifact); `inputs` is
        the id of an input set (by default the held-out rows of the baseline's run, the first `rows` of them). `sources`
        says for an artifact where the code that it lacks comes from: "none", "demo", or the id of an architecture
        artifact (by default, what it needs). The same request on the same, undamaged files gives the same finished job
        again; one that failed or was stopped is done `again`, or given as it ended.
        """
        request = build_compare_request(self, artifacts, rows, sources or {}, baseline, inputs)
        used = [one for one in (request["baseline"], *request["artifacts"]) if one.startswith("a")]
        return self._start_or_reuse("compare", "Comparison", request, used, run_compare, rerun_failed)

    def compare_layers(
        self,
        baseline: str,
        other: str,
        rows: int = DEFAULT_ROWS,
        tolerance: float = DEFAULT_TOLERANCE,
        sources: dict[str, str] | None = None,
        rerun_failed: bool = True,
        *,
        inputs: str | None = None,
    ) -> Job:
        """Hold two copies against one another layer by layer, and find the first that differs.

        `baseline` and `other` are ids of artifacts, or of a run for its live model; at least one must be a Keras model.
        `inputs` is the id of an input set, of which the first `rows` are asked (by default those of the reference of
        the baseline's run); `tolerance` is the share of a layer's spread by which it may differ. `sources` and `again`
        as for `compare`.
        """
        request = build_layers_request(self, baseline, other, rows, tolerance, sources or {}, inputs)
        return self._start_or_reuse("layers", "Layer by layer", request, [baseline, other], run_layers, rerun_failed)

    def _has_stored_output(self, job: Job) -> bool:
        return job.kind != "compare" or self.predictions(job.id).has_predictions

    def create_live_session(self, ids: Iterable[str], sources: dict[str, str] | None = None) -> LiveSession:
        """Artifacts, or runs for their live models, loaded side by side to answer until the panel is closed."""
        return LiveSession(self, ids, sources)

    def find_disagreement(
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
        step. `sources` as in `compare`. See `core.jobs.disagreement.run_disagreement` for the result; the best so far
        is in `Job.detail`.
        """
        request = build_disagreement_request(self, a, b, sources or {}, seconds, seed, evaluations)
        return self._start("disagree", "Disagreement", request, run_disagreement)

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
        request = build_resume_request(self.library, run_id, artifacts, epochs, sources, seed)
        ids = [run_id, *request["artifacts"]]
        return self._start_or_reuse("resume", "Training on", request, ids, run_resume, rerun_failed=True)

    def find_resume_job(
        self,
        run_id: str,
        artifacts: Iterable[str],
        epochs: int = 2,
        sources: dict[str, str] | None = None,
        seed: int = 0,
    ) -> Job | None:
        """The job that `resume` would give, however it ended; None where there is none yet."""
        request = build_resume_request(self.library, run_id, artifacts, epochs, sources, seed)
        return self._find_reusable(
            self._compute_job_id("resume", request, [run_id, *request["artifacts"]]), rerun_failed=False
        )

    def benchmark(
        self, artifacts: Iterable[str], sources: dict[str, str] | None = None, repeats: int | None = None
    ) -> Job:
        """Measure what artifacts cost, one after another, each in fresh processes; the result is a `Costs` as JSON.

        It waits until no other job runs, and others wait for it: two that ran side by side would time each other.
        `sources` are as in `compare`; everything is measured `repeats` times. Each call measures anew.
        """
        request = build_benchmark_request(
            self.library, artifacts, sources or {}, DEFAULT_REPEATS if repeats is None else repeats
        )
        return self._start("cost", "What copies cost", request, run_benchmark, is_exclusive=True)

    def verify(self, ids: Iterable[str] | None = None) -> Job:
        """Hold entries against their hashes, all where none are named; see `core.jobs.maintenance` for the result."""
        named = None if ids is None else list(dict.fromkeys(ids))
        for id_ in named or ():
            self.library.folder(id_)
        return self._start("verify", "Verify", {"ids": named}, run_verify)

    def rebuild(self) -> Job:
        """Make the catalog anew from the folders; the result says where it had been wrong."""
        return self._start("rebuild", "Rebuild the catalog", {}, run_rebuild)

    def repair(self, quarantine: bool = False, dry_run: bool = False) -> Job:
        """Put the library in order, or with `dry_run` say what would be done (see `core.health.repair_library`)."""
        self.library.require_full_access()
        return self._start("repair", "Repair", {"quarantine": quarantine, "dry_run": dry_run}, run_repair)
