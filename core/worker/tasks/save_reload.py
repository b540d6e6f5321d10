"""Tasks: save a run's model in one format; reload an artifact and predict; probe what came back."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from core.arrays import Arrays, Fingerprint, NamedTensors, fingerprint_arrays
from core.demos import get_demo
from core.demos.base import TrainSettings
from core.error_translation import translated
from core.errors import DoesNotLoad
from core.formats import get_format
from core.runtimes.base import BATCH_SIZE, ModelCode, ModelSource, Predictor, count_rows, predict_in_batches
from core.runtimes.reference import select_by_prefix
from core.runtimes.specs import InputSpec
from core.runtimes.traits import Traits, collect_traits
from core.worker.live_models import complete_model_code, live_model
from core.worker.model_loading import load_artifact, require_no_code_execution
from core.worker.remote_predictor import RowBudget
from core.worker.tasks.base import InputPair, Reply, Report, TimedReply, clear_folder, pair_inputs, timed
from core.worker.tasks.predict import load_into_child, loaded_predictor
from core.worker.tasks.probes import probe_predictor


class Reloaded(NamedTuple):
    """What came back: facts, predictions, and the predictor itself."""

    reply: "ReloadReply"
    predictions: Arrays
    predictor: Predictor


class ReloadReply(TypedDict):
    """Seconds, inputs and fingerprints of what came back; None where the format hides its variables.

    `weights` are as they were before the first prediction; `moved_by_answering` counts those that predictions changed,
    also where they are put back after each call; `unread` are those that the files store beside them. `call_rows`
    and `lists` are as in `Predictor`, and `remembers` whether a call changes what the next one answers. `rows` are the
    rows that were predicted, from the first on, and `row_seconds` what each of them cost.
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
    remembers: bool
    lists: list[str]
    places: dict[str, list[str]]
    traits: Traits | None  # where these were asked for
    rows: int
    row_seconds: float


class LoadedCopy(NamedTuple):
    """A copy that is loaded; `load_seconds` and `trace_seconds` are what its load and the trace of its graph took."""

    load_seconds: float
    trace_seconds: float
    predictor: Predictor


_prepared: dict[str, LoadedCopy] = {}  # by `prepare_reload`, for the reload that asks for it by its id


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


def prepare_reload(
    report: Report, arrays: Arrays, *, prepared: str, format: str, folder: str, source: ModelSource | None
) -> Reply:
    """Load an artifact, and trace its graph, for the one `reload` that gives the same id, `prepared` (`TimedReply`).

    Raises DoesNotLoad.
    """
    with translated(DoesNotLoad, [folder]):
        load_seconds, predictor = timed(lambda: load_artifact(format, Path(folder), complete_model_code(source)))
        trace_seconds, _ = timed(predictor.trace or (lambda: None))
    _prepared[prepared] = LoadedCopy(load_seconds, trace_seconds, predictor)
    return TimedReply(seconds=load_seconds + trace_seconds), None


def reload(
    report: Report,
    arrays: Arrays,
    *,
    format: str,
    folder: str,
    source: ModelSource | None,
    limit_seconds: float | None = None,
    batch: int = BATCH_SIZE,
    traits: bool = False,
    prepared: str = "",
) -> Reply:
    """Load an artifact in this process for later requests, and predict (`ReloadReply`, and the predictions).

    Args:
        arrays: inputs by name.
        limit_seconds: what this request may take: so many rows are predicted as it is enough for.
        batch: rows that are predicted together.
        traits: whether to read the traits of what came back.
        prepared: the id of the copy that `prepare_reload` has loaded for this request, if it has.

    Reports "answered" once it has predicted the first row. Raises DoesNotLoad.
    """
    budget = RowBudget(limit_seconds)
    load = partial(_take_copy, prepared, format, Path(folder), partial(complete_model_code, source))
    reloaded = reload_and_predict(arrays, Path(folder), load, budget, batch, report)
    load_into_child(lambda: reloaded.predictor)
    if traits:
        reloaded.reply["traits"] = collect_traits(reloaded.predictor.model)
    return reloaded.reply, reloaded.predictions


def _take_copy(prepared: str, format: str, folder: Path, make_code: Callable[[], ModelCode]) -> LoadedCopy:
    """The copy that was prepared under an id; where there is none it is loaded now."""
    return _prepared.pop(prepared, None) or load_copy(format, folder, make_code)


def load_copy(format: str, folder: Path, make_code: Callable[[], ModelCode]) -> LoadedCopy:
    """Load an artifact; `make_code` makes what it may lack."""
    seconds, predictor = timed(lambda: load_artifact(format, folder, make_code()))
    return LoadedCopy(seconds, 0.0, predictor)


def reload_and_predict(
    inputs: Arrays,
    folder: Path,
    load: Callable[[], LoadedCopy],
    budget: RowBudget,
    batch: int = BATCH_SIZE,
    report: Report = lambda progress: None,
) -> Reloaded:
    """Do as `reload`, in whatever process this is."""
    with translated(DoesNotLoad, [str(folder)]):
        load_seconds, trace_seconds, predictor = load()
        weights, unread = _fingerprints(predictor.weights), _fingerprints(predictor.unread_weights)
        predict_first = partial(predict_in_batches, predictor, {name: array[:1] for name, array in inputs.items()})
        with predictor.remembered():
            first_seconds, _ = timed(lambda: budget.measure(predict_first))
            report({"answered": True})
            remembered = _fingerprints(predictor.weights if predictor.state else None)
        rows = budget.affordable_rows(predict_first, count_rows(inputs))
        predictor.forget()
        asked = {name: array[:rows] for name, array in inputs.items()}
        seconds, predictions = timed(lambda: predict_in_batches(predictor, asked, batch))
    moved = _count_moved(weights, remembered, _fingerprints(predictor.weights))
    reply = ReloadReply(
        load_seconds=load_seconds,
        first_seconds=trace_seconds + first_seconds,
        inputs=[spec.to_json() for spec in predictor.inputs],
        input_pairs=pair_inputs(predictor, inputs),
        weights=weights,
        moved_by_answering=moved,
        optimizer=_fingerprints(predictor.optimizer_state),
        unread=unread,
        call_rows=predictor.call_rows,
        remembers=predictor.state is not None,
        lists=sorted(predictor.lists),
        places={side: list(names) for side, names in predictor.places.items()},
        traits=None,
        rows=rows,
        row_seconds=seconds / rows,
    )
    return Reloaded(reply, predictions, predictor)


def probe(report: Report, arrays: Arrays, *, demo: str | None, most_rows: int) -> Reply:
    """Try everything in `core.worker.tasks.probes` on what `reload` has loaded (`Probes`).

    Args:
        arrays: `input:` and `target:` names.
        demo: by which the copy is trained one step, if any.
        most_rows: rows that there is time for.
    """
    inputs, targets = (select_by_prefix(prefix, arrays) for prefix in ("input:", "target:"))
    return probe_predictor(loaded_predictor(), inputs, targets, demo, most_rows), None


def _fingerprints(read: Callable[[], NamedTensors] | None) -> list[Fingerprint] | None:
    return None if read is None else fingerprint_arrays(read())


def _count_moved(before: list[Fingerprint] | None, *later: list[Fingerprint] | None) -> int:
    """How many tensors were others at any later time than before."""
    times = [each for each in later if each is not None]
    return sum(any(old != new for new in others) for old, *others in zip(before or [], *times, strict=False))
