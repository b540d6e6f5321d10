"""A person's own model, saved from the program in which it lives."""

import contextlib
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from core.copy_content import compute_content_hash
from core.error_translation import translate, translated
from core.errors import CannotSave, ChildDied, DoesNotLoad, InputError, RoundtripError
from core.evidence.records import Evidence, ReloadOutcome
from core.formats import get_format
from core.formats.base import CONVERTED_WEIGHTS, Format
from core.library.commits import CommitMixin
from core.library.given_inputs import read_given_inputs
from core.library.records import Artifact, Run
from core.library.storage import delete_folder, translate_disk_errors
from core.reload import gather_evidence, reload_in_process
from core.runtimes.base import BATCH_SIZE, ModelCode, join_remarks, predict_in_batches
from core.runtimes.call_state import describe_state
from core.runtimes.live import live_predictor
from core.runtimes.model_facts import describe_model
from core.runtimes.model_kinds import model_kind
from core.runtimes.preservation import preserve_model, preserve_program, training_steps, watch_weights
from core.runtimes.reference import REFERENCE_ROWS, Reference
from core.runtimes.traits import custom_objects, model_and_layer_names
from core.runtimes.unsaved_weights import find_unheld_variables
from core.settings import MB, get_settings
from core.worker import OutputFolder, Worker
from core.worker.child_errors import explain_save_crash, has_stopped_itself
from core.worker.live_models import load_untrained_model, write_model_copy
from core.worker.model_loading import follow_choices, source_with_snapshot

RUN_FOLDER = "run"  # in the staging folder, beside one folder for each copy
GRAPH_NAME_PATTERN = re.compile(r"[A-Za-z0-9_.\\/>-]+")  # what TensorFlow takes as a name in a graph


class AddResult(NamedTuple):
    """One format's result: an artifact with its evidence, or the error.

    `warning` says of NaN and infinity, `remark` how it was asked.
    """

    format: str
    artifact: Artifact | None = None
    evidence: Evidence | None = None
    error: RoundtripError | None = None
    warning: str = ""
    remark: str = ""

    def __repr__(self) -> str:
        if self.artifact is None or self.evidence is None:
            return f"{self.format}: failed. {self.error}"
        text = f"{self.format}: {self.artifact.id}, {self.evidence.best.verdict.label}"
        notes = join_remarks(self.warning, self.artifact.remark, self.remark)
        return f"{text}. {notes}" if notes else text


def save_live_model(
    library: CommitMixin,
    model: Any,
    inputs: Any,
    formats: list[str],
    name: str,
    worker: Worker | None = None,
    keep_state: bool = False,
) -> list[AddResult]:
    """See `Library.add`."""
    chosen = [get_format(key) for key in formats]
    with contextlib.ExitStack() as stack:
        stack.enter_context(translated(CannotSave, [str(library.home)]))
        _require_savable(model)
        stack.enter_context(preserve_program())
        leave_values = stack.enter_context(preserve_model(model))
        staged = stack.enter_context(library.staging())
        steps, reference = training_steps(model), _compute_reference(model, inputs, keep_state)
        run, refusal = _finalize_run(library, staged / RUN_FOLDER, model, reference, name, keep_state)
        started = worker or stack.enter_context(contextlib.closing(Worker()))
        started.start()
        addition = _Addition(library, started, run, model, reference, staged, steps, leave_values)
        if not (chosen or refusal):  # the run alone, to be saved later
            addition.commit_run()
        results = [addition.save(format_) for format_ in chosen]
        needs_config = all("architecture" in format_.keeps for format_ in chosen)
        if refusal and needs_config and not any(result.artifact for result in results):
            raise refusal
        return results


def _require_savable(model: Any) -> None:
    """Raises CannotSave, InputError.

    Before the reference is computed: a prediction would build the model, with weights that nobody trained. Keras
    refuses such names too, and keeps them on its stack then: the program's next model could not be trained.
    """
    if model_kind(model) == "keras" and not model.built:
        raise CannotSave(
            "The model has never seen an input, so its weights do not exist yet.",
            cure="Call it once on a batch, or give it keras.Input, then save again.",
        )
    for name in model_and_layer_names(model):
        if not GRAPH_NAME_PATTERN.fullmatch(name):
            raise InputError(
                f"The name '{name}' holds characters that a TensorFlow graph does not take.",
                cure="Name the model and its layers with letters, digits, '_', '-' and '.' alone.",
            )


def _compute_reference(model: Any, inputs: Any, keep_state: bool) -> Reference:
    try:
        with preserve_model(model):
            predictor = follow_choices(live_predictor(model), ModelCode(keeps_state=keep_state))
            arrays = read_given_inputs(model, predictor, inputs)
            arrays = {key: array[:REFERENCE_ROWS] for key, array in arrays.items()}
            return Reference(arrays, predict_in_batches(predictor, arrays), {})
    except RoundtripError:
        raise
    except Exception as error:  # whatever the model raises on these inputs, the inputs are what to look at
        raise translate(error, InputError) from error


def _finalize_run(
    library: CommitMixin, staged: Path, model: Any, reference: Reference, name: str, keep_state: bool
) -> tuple[Run, Exception | None]:
    """The run with its snapshot, stored with the first copy alone: without any it would be an empty entry.

    Also returns why the snapshot holds numbers alone, where it does.
    """
    with translate_disk_errors():
        (staged / "snapshot").mkdir(parents=True)
        reference.write(staged / "reference.npz")
    try:
        with preserve_model(model):
            refusal = write_model_copy(model, staged / "snapshot")
            facts = describe_model(model)
            if custom_objects(model):  # of Keras' own layers all variables are known
                facts["traits"]["unheld"] = find_unheld_variables(model, reference.head(BATCH_SIZE).inputs)
    except Exception as error:  # a model that its richest format refuses cannot be stored as a run at all
        raise translate(error, CannotSave, hidden_paths=[str(staged)]) from error
    name = str(name or getattr(model, "name", "") or "A model of my own")
    run = library.finalize_run(
        staged, {**facts, "name": name, "demo": None, "settings": None, "keeps_state": keep_state}
    )
    return run, refusal


def _trained_error() -> CannotSave:
    return CannotSave(
        "The model was trained while it was being saved, so its copies are not of the model that answered.",
        cure="Save it between two calls of fit, or in a callback, where no other thread trains it.",
    )


class _Addition:
    """One run in the making: its staged folder is stored together with the first copy that is."""

    def __init__(
        self,
        library: CommitMixin,
        worker: Worker,
        run: Run,
        model: Any,
        reference: Reference,
        staged: Path,
        steps: int | None,
        leave_values: Callable[[], None],
    ) -> None:
        """`leave_values` leaves the model's values as they are, where another thread is found to train it."""
        self._library, self._worker, self._run = library, worker, run
        self._model, self._reference, self._staged, self._steps = model, reference, staged, steps
        self._leave_values = leave_values

    def save(self, format_: Format) -> AddResult:
        """The result of one format; whatever is raised on the way is its error."""
        copy = self._staged / f"copy-{format_.key}"
        try:
            (copy / "files").mkdir(parents=True)
            self._rehearse(format_, copy)
            saved = format_.save_model(
                self._model, self._run.kind, copy / "files", samples=lambda: self._reference.inputs
            )
            self._require_untrained()
            has_changed = watch_weights(self._model)
            evidence = self._gather_evidence(format_, copy / "files")
            self._require_unchanged(has_changed)
            content = compute_content_hash(self._worker.run, copy / "files", seconds=get_settings().child_seconds)
            artifact = self._commit(copy, evidence, format=format_.key, content=content, **saved._asdict())
        except Exception as error:  # noqa: BLE001  of a converter, a runtime or the disk: one result among others
            return AddResult(format_.key, error=translate(error, CannotSave, hidden_paths=[str(self._staged)]))
        finally:
            delete_folder(copy)
        warning = f"{self._run.warning} {evidence.best.warning}".strip()
        remark = describe_state(evidence.best.remembers, self._run.keeps_state)
        return AddResult(format_.key, artifact, evidence, warning=warning, remark=remark)

    def _rehearse(self, format_: Format, staged: Path) -> None:
        """Convert the model in a process of its own first, where it can be rebuilt there.

        Raises CannotSave where the converter brings that process down: here it would be the person's program. Whatever
        else it says there, of a model that was rebuilt, it is asked again of the live one.
        """
        if CONVERTED_WEIGHTS not in format_.keeps or custom_objects(self._model):
            return
        folder = staged / "rehearsal"
        folder.mkdir()
        request: dict[str, Any] = {"source": self._run.code_source, "kind": self._run.kind, "options": {}}
        samples = self._reference.head_within(get_settings().reply_mb * MB).inputs
        request |= {"snapshot": self._snapshot(), "arrays": samples, "format": format_.key}
        request |= {"folder": OutputFolder(folder), "seconds": get_settings().child_seconds, "converts": True}
        try:
            self._worker.run("save", **request)
        except ChildDied as error:
            if explained := explain_save_crash(error, format_.label, folder, self._run.weight_bytes):
                raise explained from error
            if has_stopped_itself(error):
                raise CannotSave(
                    f"What writes {format_.label} ended its own process on this model.",
                    cure="Choose another format: here it would end this program.",
                    detail=error.detail,
                ) from error
        except RoundtripError:
            return
        finally:
            delete_folder(folder)

    def _require_untrained(self) -> None:
        """Raises CannotSave where another thread has trained the model since its reference was computed."""
        if training_steps(self._model) != self._steps:
            raise _trained_error()

    def _require_unchanged(self, has_changed: Callable[[], bool]) -> None:
        """Raises CannotSave where weights changed while nothing here touched them: by training without an optimizer."""
        self._require_untrained()
        if has_changed():
            self._leave_values()
            raise _trained_error()

    def commit_run(self) -> None:
        self._require_untrained()
        self._library.commit_finalized_run(self._run, self._staged / RUN_FOLDER)

    def _commit(self, copy: Path, evidence: Evidence, **facts: Any) -> Artifact:
        staged_run = self._staged / RUN_FOLDER
        if staged_run.exists():
            return self._library.commit_first_artifact(self._run, staged_run, copy, evidence, **facts)
        return self._library.commit_artifact(copy, self._run.id, evidence, **facts)

    def _gather_evidence(self, format_: Format, folder: Path) -> Evidence:
        """Reload in a fresh process; where code of the person's own is missing there, in this one as well."""
        original, source = self._library.original(self._run), self._run.code_source
        if format_.needs_architecture:
            source = source_with_snapshot(source, self._run.kind, self._snapshot())
        seconds = get_settings().child_seconds
        evidence = gather_evidence(
            self._worker, format_.key, folder, source, original, self._reference, seconds=seconds
        )
        # What has ended a process of its own is not let into the person's.
        classes = custom_objects(self._model)
        if not classes or not _is_refused(evidence.completed or evidence.without_code):
            return evidence
        if "architecture" in format_.keeps:
            code = ModelCode(classes=classes, keeps_state=self._run.keeps_state)
            outcome = reload_in_process(format_.key, folder, code, original, self._reference)
            return evidence.model_copy(update={"with_code": outcome})
        if format_.needs_architecture:
            build = partial(load_untrained_model, source, classes, self._reference.head(1).inputs)
            code = ModelCode(build=build, classes=classes, keeps_state=self._run.keeps_state)
            outcome = reload_in_process(format_.key, folder, code, original, self._reference)
            return evidence.model_copy(update={"completed": outcome})
        return evidence

    def _snapshot(self) -> Path:
        staged = self._staged / RUN_FOLDER / "snapshot"
        return staged if staged.exists() else self._library.snapshot(self._run.id)


def _is_refused(outcome: ReloadOutcome) -> bool:
    return (outcome.error or {}).get("code") in (DoesNotLoad.code, CannotSave.code)
