"""What a child can be asked to do. Each task takes `report`, the arrays of the request and plain arguments, and gives
(facts for JSON, arrays by name). TensorFlow is loaded in here, and nowhere above.
"""

import csv
import math
import time
from pathlib import Path
from typing import Any

from core.arrays import Arrays
from core.demos import get_demo
from core.demos.base import Data, Demo, Progress, TrainSettings
from core.errors import InputError
from core.runtimes.live import live_predictor
from core.runtimes.reference import ROWS, Reference, answer_in_batches, describe
from core.sandbox.limits import stand_back
from core.worker.model_loading import write_values
from core.worker.tasks.base import Reply, Report, empty_folder
from core.worker.tasks.probes import one_step

REPORT_EVERY = 0.1  # seconds between two messages within an epoch


def train(report: Report, arrays: Arrays, *, demo: str, settings: dict[str, Any], folder: str) -> Reply:
    """Train a demo and write its history, snapshot and reference into `folder`; gives the facts of the run."""
    import keras

    stand_back()
    empty_folder(Path(folder))
    recipe, chosen = get_demo(demo), TrainSettings(**settings)
    keras.utils.set_random_seed(chosen.seed)
    data = recipe.data(chosen)
    _check_batch(chosen, data)
    model = recipe.build(chosen)
    history = _train(recipe, model, data, chosen, report)
    return _keep(recipe, model, data, history, Path(folder)), None


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
