"""Tasks: save a run's model in one format; reload an artifact, and predict and probe what came back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from core.arrays import Arrays, Fingerprint, NamedTensors, fingerprint_arrays
from core.demos import get_demo
from core.demos.base import TrainSettings
from core.errors import DoesNotLoad
from core.explain import translated
from core.formats import get_format
from core.runtimes.base import ModelCode, ModelSource
from core.runtimes.reference import predict_in_batches, select_by_prefix
from core.runtimes.specs import InputSpec
from core.worker.halves import complete_model_code
from core.worker.live_models import live_model
from core.worker.model_loading import load_artifact, require_no_code_execution
from core.worker.tasks.base import InputPair, Reply, Report, TimedReply, clear_folder, pair_inputs, timed
from core.worker.tasks.probes import Probes, probe_predictor


class ProbeTarget(TypedDict):
    """The demo by which a reloaded artifact is trained one step, if any."""

    demo: str | None


class ReloadReply(TypedDict):
    """Seconds, inputs and fingerprints of what came back; None where the format hides its variables.

    `weights` are as they were before the first prediction; `moved_by_answering` counts those that predictions changed;
    `unread` are those that the files store beside them. `call_rows` is as in `Predictor`.
    """

    load_seconds: float
    first_seconds: float
    inputs: list[InputSpec]
    input_pairs: list[InputPair]
    weights: list[Fingerprint] | None
    moved_by_answering: int
    optimizer: list[Fingerprint] | None
    unread: list[Fingerprint] | None
    call_rows: int | None
    probes: NotRequired[Probes]


class SaveReply(TimedReply):
    """How long a save took, and what a person should know of the copy (see `core.formats.base.Saved`)."""

    remark: str


def save(
    report: Report,
    arrays: Arrays,
    *,
    source: ModelSource,
    kind: str,
    snapshot: str,
    format: str,
    folder: str,
    options: dict[str, Any],
) -> Reply:
    """Rebuild a run's live model and save it in one format (`SaveReply`).

    `arrays` are inputs to calibrate on where no demo has training data. Raises CannotSave when the format does not take
    the model.
    """
    require_no_code_execution(get_format(format))
    clear_folder(Path(folder))

    def samples() -> Arrays:
        """Inputs from the training data, so that nothing is calibrated on the rows by which it is judged."""
        if source["demo"] is None:
            return arrays
        return get_demo(source["demo"]).data(TrainSettings(**source["settings"] or {})).train.inputs

    with live_model(source, kind, Path(snapshot)) as model:
        saved = get_format(format).save_model(model, kind, Path(folder), options, samples)
    return SaveReply(seconds=saved.seconds, remark=saved.remark), None


def reload(
    report: Report,
    arrays: Arrays,
    *,
    format: str,
    folder: str,
    source: ModelSource | None,
    probe_as: ProbeTarget | None = None,
) -> Reply:
    """Load an artifact in this process and predict (`ReloadReply`, and the predictions).

    With `probe_as`, `arrays` has `input:` and `target:` names, and all of `core.worker.tasks.probes` is tried too.
    Raises DoesNotLoad.
    """
    return reload_and_predict(arrays, format, Path(folder), lambda: complete_model_code(source), probe_as)


def reload_and_predict(
    arrays: Arrays, format: str, folder: Path, make_code: Callable[[], ModelCode], probe_as: ProbeTarget | None
) -> tuple[ReloadReply, Arrays]:
    """Do as `reload`, in whatever process this is; `make_code` makes what the artifact may lack."""
    inputs = {name.removeprefix("input:"): array for name, array in arrays.items() if not name.startswith("target:")}
    with translated(DoesNotLoad, [str(folder)]):
        first_row = {name: array[:1] for name, array in inputs.items()}
        load_seconds, predictor = timed(lambda: load_artifact(format, folder, make_code()))
        weights, unread = _fingerprints(predictor.weights), _fingerprints(predictor.unread_weights)
        first_seconds, _ = timed(lambda: predict_in_batches(predictor, first_row))
        predictor.forget()
        predictions = predict_in_batches(predictor, inputs)
    after = _fingerprints(predictor.weights)
    reply = ReloadReply(
        load_seconds=load_seconds,
        first_seconds=first_seconds,
        inputs=[spec.to_json() for spec in predictor.inputs],
        input_pairs=pair_inputs(predictor, inputs),
        weights=weights,
        moved_by_answering=sum(old != new for old, new in zip(weights or [], after or [], strict=False)),
        optimizer=_fingerprints(predictor.optimizer_state),
        unread=unread,
        call_rows=predictor.call_rows,
    )
    if probe_as:
        targets = select_by_prefix("target:", arrays)
        reply["probes"] = probe_predictor(predictor, inputs, targets, probe_as["demo"])
    return reply, predictions


def _fingerprints(read: Callable[[], NamedTensors] | None) -> list[Fingerprint] | None:
    return None if read is None else fingerprint_arrays(read())
