"""Task: train a demo, and write what a run stores of it."""

import csv
import math
import time
from pathlib import Path
from typing import Any

from core.arrays import Arrays, Fingerprint
from core.demos import get_demo
from core.demos.base import Data, Demo, Progress, TrainSettings
from core.errors import InputError
from core.runtimes.base import predict_in_batches
from core.runtimes.live import live_predictor
from core.runtimes.model_facts import ModelFacts, describe_model
from core.runtimes.reference import REFERENCE_ROWS, Reference
from core.worker.live_models import write_variables
from core.worker.processes import lower_priority
from core.worker.tasks.base import Reply, Report, clear_folder
from core.worker.tasks.probes import train_one_step

REPORT_EVERY = 0.1  # seconds between two messages within an epoch
History = list[dict[str, Any]]  # of each epoch its number, and the values of Keras' logs


class TrainReply(ModelFacts):
    """The facts of `core.library.records.Run` that a training decides, and its history."""

    score: float
    score_name: str
    history: History
    rows: dict[str, int]  # of the training, validation and test data
    stepped: list[Fingerprint]


def train(report: Report, arrays: Arrays, *, demo: str, settings: dict[str, Any], folder: str) -> Reply:
    """Train a demo and write its history, snapshot and reference into `folder`. Returns a `TrainReply`."""
    import keras

    lower_priority()
    clear_folder(Path(folder))
    recipe, train_settings = get_demo(demo), TrainSettings(**settings)
    keras.utils.set_random_seed(train_settings.seed)
    data = recipe.data(train_settings)
    if train_settings.batch_size > data.train.rows:
        raise InputError(
            f"The batch size is above the {data.train.rows:,} rows of training data.",
            received=train_settings.batch_size,
            cure=f"Choose {data.train.rows:,} or fewer.",
        )
    model = recipe.build(train_settings)
    history = _train_model(recipe, model, data, train_settings, report)
    return _write_run(recipe, model, data, history, Path(folder)), None


def _train_model(demo: Demo, model: Any, data: Data, settings: TrainSettings, report: Report) -> History:
    history: History = []
    last = 0.0

    def on_progress(progress: Progress) -> None:
        nonlocal last
        if progress.logs is not None:
            logs = {name: value if math.isfinite(value) else None for name, value in progress.logs.items()}
            history.append({"epoch": progress.epoch, **logs})
        elif time.monotonic() - last < REPORT_EVERY:
            return
        last = time.monotonic()
        report({"done": progress.fraction, "epoch": progress.epoch, "history": history})

    report({"done": 0.0, "epoch": 0, "history": []})
    demo.train(model, data, settings, on_progress)
    return history


def _write_run(demo: Demo, model: Any, data: Data, history: History, folder: Path) -> TrainReply:
    inputs, targets = data.held_out
    predictions = predict_in_batches(live_predictor(model), inputs)
    Reference(inputs, predictions, targets).head(REFERENCE_ROWS).write(folder / "reference.npz")
    (folder / "snapshot").mkdir()
    write_variables(model, folder / "snapshot")
    with (folder / "history.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)
    score = demo.score_predictions(predictions, targets)
    rows = {"training": data.train.rows, "validation": data.validation.rows, "held_out": data.held_out.rows}
    facts = describe_model(model)
    # Last of all, because it moves the weights on: where would the next step lead?
    step = train_one_step(model, inputs, targets, demo.key)
    return {
        **facts,
        "score": score.value,
        "score_name": score.name,
        "history": history,
        "rows": rows,
        "stepped": step.get("weights", []),
    }
