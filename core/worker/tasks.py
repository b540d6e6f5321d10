"""What a child can be asked to do. Each task takes `report`, the arrays of the request and plain arguments, and gives
(facts for JSON, arrays by name). TensorFlow is loaded in here, and nowhere above."""

import csv
import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.demos import get_demo
from core.demos.contract import Data, Demo, Progress, TrainSettings
from core.errors import DoesNotLoad, InputError
from core.explain import translate
from core.formats import get_format
from core.formats.contract import Arrays, Code, Predictor, pair_inputs
from core.formats.live import live_predictor
from core.formats.reference import ROWS, Reference, answer_in_batches, describe, fingerprint, under
from core.worker.attempts import attempt
from core.worker.describing.asked import describe as describe_files
from core.worker.describing.asked import describe_tensor, hold_tensor, tensor_piece
from core.worker.describing.differing import differ
from core.worker.holding import answer, hold, hold_brought, hold_live
from core.worker.inspector import inspect_brought
from core.worker.limits import stand_back
from core.worker.loading import load_copy, require_plain
from core.worker.looking import look_inside, read_tensor, sketch_tensor
from core.worker.measuring import measure, rehearse, threads
from core.worker.probes import one_step, probe
from core.worker.resuming import resume
from core.worker.rows import rows
from core.worker.snapshot import code_from, rebuild, write_values

Reply = tuple[dict[str, Any], Arrays | None]
Report = Callable[[dict[str, Any]], None]

REPORT_EVERY = 0.1  # seconds between two messages within an epoch


def train(report: Report, arrays: Arrays, *, demo: str, settings: dict[str, Any], folder: str) -> Reply:
    """Train a demo and write its history, snapshot and reference into `folder`; gives the facts of the run."""
    import keras

    stand_back()
    _emptied(Path(folder))
    recipe, chosen = get_demo(demo), TrainSettings(**settings)
    keras.utils.set_random_seed(chosen.seed)
    data = recipe.data(chosen)
    _check_batch(chosen, data)
    model = recipe.build(chosen)
    history = _train(recipe, model, data, chosen, report)
    return _keep(recipe, model, data, history, Path(folder)), None


def _emptied(folder: Path) -> None:
    """What an earlier child left when it was killed must not become part of this result."""
    for left in folder.iterdir() if folder.is_dir() else ():
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def _check_batch(settings: TrainSettings, data: Data) -> None:
    if settings.batch_size > data.train.rows:
        raise InputError(
            f"The batch size is above the {data.train.rows:,} rows of training data.",
            received=settings.batch_size,
            cure=f"Choose {data.train.rows:,} or fewer.",
        )


def _train(recipe: Demo, model: Any, data: Data, settings: TrainSettings, report: Report) -> list[dict]:
    history: list[dict[str, Any]] = []
    last = 0.0

    def hear(progress: Progress) -> None:
        nonlocal last
        if progress.logs is not None:
            logs = {name: value if math.isfinite(value) else None for name, value in progress.logs.items()}
            history.append({"epoch": progress.epoch, **logs})
        elif time.monotonic() - last < REPORT_EVERY:
            return
        last = time.monotonic()
        report({"done": progress.done, "epoch": progress.epoch, "history": history})

    report({"done": 0.0, "epoch": 0, "history": []})
    recipe.train(model, data, settings, hear)
    return history


def _keep(recipe: Demo, model: Any, data: Data, history: list[dict], folder: Path) -> dict[str, Any]:
    answers = answer_in_batches(live_predictor(model), data.held_out.inputs)
    Reference(data.held_out.inputs, answers, data.held_out.targets).head(ROWS).write(folder / "reference.npz")
    (folder / "snapshot").mkdir()
    write_values(model, folder / "snapshot")
    with (folder / "history.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)
    score = recipe.judge(answers, data.held_out.targets)
    rows = {"training": data.train.rows, "validation": data.validation.rows, "held_out": data.held_out.rows}
    facts = describe(model) | {"score": score.value, "score_name": score.name, "history": history, "rows": rows}
    # Last of all, because it moves the weights on: where would the next step lead?
    step = one_step(model, data.held_out.inputs, data.held_out.targets, recipe.key)
    return facts | {"stepped": step.get("weights", [])}


def save(
    report: Report,
    arrays: Arrays,
    *,
    source: dict[str, Any],
    kind: str,
    snapshot: str,
    format: str,
    folder: str,
    options: dict[str, Any],
) -> Reply:
    """Rebuild a run's live model and save it in one format; gives the seconds that the format took.

    `arrays` are inputs to calibrate on where no demo has training data. Raises CannotSave in plain words when the
    format does not take the model.
    """
    require_plain(get_format(format))
    _emptied(Path(folder))
    model = rebuild(source, kind, Path(snapshot))
    seconds = get_format(format).write(model, kind, Path(folder), options, lambda: _samples(source, arrays))
    return {"seconds": seconds}, None


def _samples(source: dict[str, Any], arrays: Arrays) -> Arrays:
    """Inputs from the training data, so that nothing is calibrated on the rows that it is judged by."""
    if source["demo"] is None:
        return arrays
    return get_demo(source["demo"]).data(TrainSettings(**source["settings"])).train.inputs


def reload(
    report: Report,
    arrays: Arrays,
    *,
    format: str,
    folder: str,
    source: dict[str, Any] | None,
    probe_as: dict[str, Any] | None = None,
) -> Reply:
    """Load a copy in this process and answer; gives times, what can be seen of its variables, and the answers.

    With `probe_as` (`{"demo": key}`), `arrays` holds `input:` and `target:` names, and everything in
    `core.worker.probes` is tried too. Raises DoesNotLoad in plain words when it does not come back.
    """
    return try_out(arrays, format, Path(folder), lambda: code_from(source), probe_as)


def try_out(
    arrays: Arrays, format: str, folder: Path, code: Callable[[], Code], probe_as: dict[str, Any] | None
) -> tuple[dict[str, Any], Arrays]:
    """See `reload`, in whatever process this is; `code` makes what the copy may lack."""
    inputs = {name.removeprefix("input:"): array for name, array in arrays.items() if not name.startswith("target:")}
    targets = under("target:", arrays)
    try:
        load_seconds, predictor = _timed(lambda: load_copy(format, folder, code()))
        before = None if predictor.weights is None else fingerprint(predictor.weights())
        first_seconds, _ = _timed(lambda: answer_in_batches(predictor, _first_batch(inputs)))
        answers = answer_in_batches(predictor, inputs)
    except Exception as error:
        raise translate(error, DoesNotLoad, hide=[str(folder)]) from error
    facts = _facts(predictor, load_seconds, first_seconds, before)
    pairs = pair_inputs(inputs, predictor.inputs) if predictor.inputs else []
    facts["input_pairs"] = [{"reference": one.given, "answer": one.spec.name, "by": one.by} for one in pairs]
    if probe_as:
        facts["probes"] = probe(predictor, inputs, targets, probe_as["demo"])
    return facts, answers


def _first_batch(arrays: Arrays) -> Arrays:
    return {name: array[:1] for name, array in arrays.items()}


def _facts(predictor: Predictor, load_seconds: float, first_seconds: float, before: Any) -> dict[str, Any]:
    """What is seen of the variables is what came back, before the first answer; an answer may move them."""
    after = None if predictor.weights is None else fingerprint(predictor.weights())
    return {
        "load_seconds": load_seconds,
        "first_seconds": first_seconds,
        "inputs": [spec.to_json() for spec in predictor.inputs],
        "weights": before,
        "moved_by_answering": 0 if after is None else sum(one != two for one, two in zip(before, after, strict=True)),
        "optimizer": None if predictor.optimizer is None else fingerprint(predictor.optimizer()),
    }


def _timed(action: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = action()
    return time.perf_counter() - started, result


TASKS: dict[str, Callable[..., Reply]] = {
    "train": train,
    "save": save,
    "reload": reload,
    "hold": hold,
    "hold_live": hold_live,
    "hold_brought": hold_brought,
    "answer": answer,
    "rows": rows,
    "look_inside": look_inside,
    "sketch_tensor": sketch_tensor,
    "read_tensor": read_tensor,
    "resume": resume,
    "rehearse": rehearse,
    "measure": measure,
    "threads": threads,
    "attempt": attempt,
    "inspect_brought": inspect_brought,
    "describe": describe_files,
    "describe_tensor": describe_tensor,
    "hold_tensor": hold_tensor,
    "tensor_piece": tensor_piece,
    "differ": differ,
}
