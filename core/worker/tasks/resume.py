"""Continue training.

Training on: a copy, or a run's live model, over batches that are the same for all of them.
"""

import hashlib
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Arrays
from core.demos import get_demo
from core.demos.base import Data, Demo, Split, TrainSettings, take_rows
from core.demos.keras_training import make_keras_train_step as keras_stepper
from core.errors import CannotTrain, DoesNotLoad, InputError
from core.explain import summarize_error, translate, translated
from core.runtimes.base import ModelSource, Predictor
from core.runtimes.live import weight_variables
from core.runtimes.reference import fingerprint_arrays, predict_in_batches
from core.sandbox.limits import lower_priority
from core.worker.model_loading import load_artifact, load_live, model_code_for
from core.worker.tasks.dataset_rows import Reply
from core.worker.tasks.probes import reset_random_state

REPORT_EVERY = 0.2  # seconds between two messages
STEP_COUNT, LEARNING_RATE, LOSS_SCALE, MOMENTS = "step count", "learning rate", "loss scale", "moments"
OPTIMIZER_VARIABLE_ROLES = {"iteration": STEP_COUNT, "step": STEP_COUNT, "learning_rate": LEARNING_RATE}


def optimizer_variable_role(name: str) -> str:
    """What a variable of an optimizer is for, by its name: a step count, a learning rate, a loss scale, or moments."""
    owner, _, last = name.removesuffix(":0").rpartition("/")
    # The wrapper has a count and a rate of its own, which no step asks for.
    return LOSS_SCALE if owner == "loss_scale_optimizer" else OPTIMIZER_VARIABLE_ROLES.get(last, MOMENTS)


class Batches(NamedTuple):
    """Which rows are learned from, and when: every row once an epoch, in an order that the seed and the epoch fix."""

    rows: int
    size: int
    epochs: int
    seed: int

    @property
    def batches_per_epoch(self) -> int:
        """Batches of one epoch."""
        return math.ceil(self.rows / self.size)

    def row_indices(self, epoch: int) -> Iterator[np.ndarray]:
        """Row numbers, batch by batch; the last batch may be smaller."""
        order = np.random.default_rng([self.seed, epoch]).permutation(self.rows)
        yield from (order[start : start + self.size] for start in range(0, self.rows, self.size))


def resume_training(
    report: Any, arrays: Arrays, *, run: dict[str, Any], epochs: int, seed: int, copy: dict[str, Any] | None = None
) -> Reply:
    """Train a copy (`{"format", "folder", "source"}`), or without one the live model of `run`
    (`{"source", "kind", "snapshot"}`), for some epochs on the demo's training data.

    Gives the array `loss` (float64, of every batch before its step) and facts: fingerprints of `weights` and
    `optimizer` as the training begins, `numbers` of the optimizer then, what had to be done before in `remark`, for
    each of `epochs` its mean loss, the score on the validation rows and the fingerprint of the weights, and the SHA-256
    of all row numbers in `order`. Raises DoesNotLoad, and CannotTrain where nothing can train what came back.
    """
    import keras
    import tensorflow as tf

    lower_priority()
    # Threads must not decide in which order gradients add up: equal models are to stay equal to the last bit. Then
    # nothing may be drawn without a seed, not even first weights that are overwritten at once.
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)
    source, started = run["source"], time.perf_counter()
    predictor = _load_predictor(run, copy)
    keras.utils.set_random_seed(seed)
    recipe, settings = get_demo(source["demo"]), TrainSettings(**source["settings"])
    data = recipe.data(settings)
    batches = Batches(data.train.rows, settings.batch_size, epochs, seed)
    try:
        trainee = ResumableModel(predictor, recipe, source)
        losses, marks = _train_epochs(trainee, data, batches, report)
    except Exception as error:
        raise translate(error, CannotTrain) from error
    facts = trainee.facts | {
        "epochs": marks,
        "order": _hash_row_order(batches),
        "seconds": time.perf_counter() - started,
    }
    return facts, {"loss": np.array(losses, "float64")}


def _load_predictor(run: dict[str, Any], copy: dict[str, Any] | None) -> Predictor:
    folder = copy["folder"] if copy else run["snapshot"]
    with translated(DoesNotLoad, [folder]):
        if copy is None:
            return load_live(run["source"], run["kind"], Path(folder))
        return load_artifact(copy["format"], Path(folder), model_code_for(copy["source"]))


def _hash_row_order(batches: Batches) -> str:
    found = hashlib.sha256()
    for epoch in range(batches.epochs):
        for rows in batches.row_indices(epoch):
            found.update(rows.astype("<i8").tobytes())
    return found.hexdigest()


def _train_epochs(
    model: "ResumableModel", data: Data, batches: Batches, report: Any
) -> tuple[list[float], list[dict[str, Any]]]:
    losses: list[float] = []
    marks: list[dict[str, Any]] = []
    told, last = 0, 0.0
    for epoch in range(batches.epochs):
        for rows in batches.row_indices(epoch):
            losses.append(model.step(*take_rows(*data.train, rows)))
            if time.monotonic() - last >= REPORT_EVERY:
                report(
                    {
                        "done": len(losses) / (batches.batches_per_epoch * batches.epochs),
                        "losses": _replace_non_finite(losses[told:]),
                    }
                )
                told, last = len(losses), time.monotonic()
        marks.append(
            {"epoch": epoch + 1, **model.summarize_epoch(losses[-batches.batches_per_epoch :], data.validation)}
        )
    return losses, marks


def _replace_non_finite(losses: list[float]) -> list[float | None]:
    return [loss if math.isfinite(loss) else None for loss in losses]


class ResumableModel:
    """What was loaded, made ready to train; `facts` say in which state it began.

    What came back without compile settings, or with an optimizer that fails at the first step, is compiled anew as the
    demo does, which is said. Raises CannotTrain where there is nothing to train.
    """

    def __init__(self, predictor: Predictor, demo: Demo, source: ModelSource):
        self._predictor, self._model, self._demo, self._source = predictor, predictor.model, demo, source
        _require_trainable(predictor, demo)
        bare = not demo.make_train_step and not self._model.compiled
        self._start(self._recompile("It came back without its loss and optimizer") if bare else "")

    def _start(self, remark: str) -> None:
        reset_random_state(self._model)
        self.facts = _initial_state(self._predictor) | {"remark": remark}
        self._step = (self._demo.make_train_step or keras_stepper)(self._model)
        self._has_stepped = bool(remark) or bool(self._demo.make_train_step)

    def step(self, inputs: Arrays, targets: Arrays) -> float:
        """Train on one batch; gives its loss before the step."""
        try:
            loss = self._step(inputs, targets)
        except Exception as error:
            if self._has_stepped:
                raise
            self._start(self._recompile(summarize_error(error).rstrip(".")))
            loss = self._step(inputs, targets)
        self._has_stepped = True
        return loss

    def _recompile(self, reason: str) -> str:
        self._model.compile_from_config(model_code_for(self._source).build().get_compile_config())
        optimizer = getattr(self._model.optimizer, "inner_optimizer", self._model.optimizer)
        return f"{reason}: a new {type(optimizer).__name__}, as in the demo's code, begins from zero."

    def summarize_epoch(self, losses: list[float], validation: Split) -> dict[str, Any]:
        """At the end of an epoch: its mean loss, the score on the validation rows, and the weights by hash."""
        score = self._demo.score_predictions(predict_in_batches(self._predictor, validation.inputs), validation.targets)
        mean = math.fsum(losses) / len(losses) if all(map(math.isfinite, losses)) else None
        weights = [(one.name, np.asarray(one)) for one in weight_variables(self._model)]
        return {"loss": mean, "score": score.value, "score_name": score.name, "weights": fingerprint_arrays(weights)}


def _require_trainable(predictor: Predictor, demo: Demo) -> None:
    model = predictor.model
    try:
        able = demo.make_train_step(model) if demo.make_train_step else hasattr(model, "train_on_batch")
    except InputError:
        able = False
    if not able:
        raise CannotTrain(_not_trainable_reason(predictor))
    layers = model._flatten_layers() if hasattr(model, "_flatten_layers") else ()
    if modes := {mode for layer in layers if (mode := getattr(layer, "quantization_mode", None))}:
        raise CannotTrain(f"Its weights came back as whole numbers ({', '.join(modes)}), which no step can move.")


def _not_trainable_reason(predictor: Predictor) -> str:
    if predictor.optimizer_state is None:
        return "It came back as a program that answers: the weights are constants in it, which no step can move."
    return "It came back as functions that answer: no loss, and no function that takes a training step, is among them."


def _initial_state(predictor: Predictor) -> dict[str, Any]:
    optimizer = predictor.optimizer_state()
    numbers = {optimizer_variable_role(name): array.item() for name, array in optimizer if array.size == 1}
    return {
        "weights": fingerprint_arrays(predictor.weights()),
        "optimizer": fingerprint_arrays(optimizer),
        "numbers": {part: numbers[part] for part in (STEP_COUNT, LEARNING_RATE) if part in numbers},
    }
