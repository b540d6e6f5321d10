"""What a model that nobody knows is asked, and what it answers before an upgrade."""

import itertools

from core.arrays import Arrays
from core.errors import DoesNotLoad, InputError, RoundtripError, UnpairedRows
from core.jobs.imports.trial_inputs import TrialInput, generate_trial_inputs
from core.runtimes.specs import InputSpec
from core.upgrade.crossing import Crossing, Expectation
from core.upgrade.model_files import COMPILING_FORMATS, ModelFiles

MAX_TRIALS = 12  # shapes and ranges that are tried of inputs whose sizes are free
MAX_ROWS = 32
UNCONFINED_NOTE = "It is loaded with compile=False, before and after, as these settings let files run unconfined."
COMPILE_NOTE = "It loads with compile=False only, before and after."


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
