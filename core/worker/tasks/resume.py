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
from core.demos.base import Data, Demo, Split, TrainSettings, take
from core.demos.fit import stepper as keras_stepper
from core.errors import CannotTrain, DoesNotLoad, InputError
from core.explain import translate
from core.runtimes.base import Predictor
from core.runtimes.live import live_predictor, weight_variables
from core.runtimes.reference import answer_in_batches, fingerprint
from core.sandbox.limits import stand_back
from core.worker.model_loading import code_from, load_copy, rebuild
from core.worker.tasks.base import Reply
from core.worker.tasks.probes import draw_alike, first_words

REPORT_EVERY = 0.2  # seconds between two messages
STEP_COUNT, RATE, SCALE, MOMENTS = "step count", "learning rate", "loss scale", "moments"
NAMED = {"iteration": STEP_COUNT, "step": STEP_COUNT, "learning_rate": RATE}


def optimizer_part(name: str) -> str:
    """What a variable of an optimizer is for, by its name: a step count, a learning rate, a loss scale, or moments."""
    owner, _, last = name.removesuffix(":0").rpartition("/")
    # The wrapper has a count and a rate of its own, which no step asks for.
    return SCALE if owner == "loss_scale_optimizer" else NAMED.get(last, MOMENTS)


class Batches(NamedTuple):
    """Which rows are learned from, and when: every row once an epoch, in an order that the seed and the epoch fix."""

    rows: int
    size: int
    epochs: int
    seed: int

    @property
    def each(self) -> int:
        """Batches of one epoch."""
        return math.ceil(self.rows / self.size)

    def of(self, epoch: int) -> Iterator[np.ndarray]:
        """Row numbers, batch by batch; the last batch may be smaller."""
        order = np.random.default_rng([self.seed, epoch]).permutation(self.rows)
        yield from (order[start : start + self.size] for start in range(0, self.rows, self.size))


def resume(
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

    stand_back()
    # Threads must not decide in which order gradients add up: equal models are to stay equal to the last bit. Then
    # nothing may be drawn without a seed, not even first weights that are overwritten at once.
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)
    source, started = run["source"], time.perf_counter()
    predictor = _load(run, copy)
    keras.utils.set_random_seed(seed)
    recipe, settings = get_demo(source["demo"]), TrainSettings(**source["settings"])
    data = recipe.data(settings)
    batches = Batches(data.train.rows, settings.batch_size, epochs, seed)
    try:
        trainee = Trainee(predictor, recipe, source)
        losses, marks = _train(trainee, data, batches, report)
    except Exception as error:
        raise translate(error, CannotTrain) from error
    facts = trainee.facts | {"epochs": marks, "order": _order(batches), "seconds": time.perf_counter() - started}
    return facts, {"loss": np.array(losses, "float64")}


def _load(run: dict[str, Any], copy: dict[str, Any] | None) -> Predictor:
    folder = copy["folder"] if copy else run["snapshot"]
    try:
        if copy is None:
            return live_predictor(rebuild(run["source"], run["kind"], Path(folder)))
        return load_copy(copy["format"], Path(folder), code_from(copy["source"]))
    except Exception as error:
        raise translate(error, DoesNotLoad, hide=[folder]) from error


def _order(batches: Batches) -> str:
    found = hashlib.sha256()
    for epoch in range(batches.epochs):
        for rows in batches.of(epoch):
            found.update(rows.astype("<i8").tobytes())
    return found.hexdigest()


def _train(trainee: "Trainee", data: Data, batches: Batches, report: Any) -> tuple[list[float], list[dict[str, Any]]]:
    losses: list[float] = []
    marks: list[dict[str, Any]] = []
    told, last = 0, 0.0
    for epoch in range(batches.epochs):
        for rows in batches.of(epoch):
            losses.append(trainee.step(*take(*data.train, rows)))
            if time.monotonic() - last >= REPORT_EVERY:
                report({"done": len(losses) / (batches.each * batches.epochs), "losses": _finite(losses[told:])})
                told, last = len(losses), time.monotonic()
        marks.append({"epoch": epoch + 1, **trainee.measure(losses[-batches.each :], data.validation)})
    return losses, marks


def _finite(losses: list[float]) -> list[float | None]:
    return [loss if math.isfinite(loss) else None for loss in losses]


class Trainee:
    """What was loaded, made ready to train; `facts` say in which state it began.

    What came back without compile settings, or with an optimizer that fails at the first step, is compiled anew as the
    demo does, which is said. Raises CannotTrain where there is nothing to train.
    """

    def __init__(self, predictor: Predictor, recipe: Demo, source: dict[str, Any]):
        self._predictor, self._model, self._recipe, self._source = predictor, predictor.model, recipe, source
        _require_trainable(predictor, recipe)
        bare = not recipe.stepper and not self._model.compiled
        self._begin(self._compiled("It came back without its loss and optimizer") if bare else "")

    def _begin(self, remark: str) -> None:
        draw_alike(self._model)
        self.facts = _state(self._predictor) | {"remark": remark}
        self._step = (self._recipe.stepper or keras_stepper)(self._model)
        self._begun = bool(remark) or bool(self._recipe.stepper)

    def step(self, inputs: Arrays, targets: Arrays) -> float:
        """Train on one batch; gives its loss before the step."""
        try:
            loss = self._step(inputs, targets)
        except Exception as error:
            if self._begun:
                raise
            self._begin(self._compiled(first_words(error).rstrip(".")))
            loss = self._step(inputs, targets)
        self._begun = True
        return loss

    def _compiled(self, why: str) -> str:
        self._model.compile_from_config(code_from(self._source).build().get_compile_config())
        optimizer = getattr(self._model.optimizer, "inner_optimizer", self._model.optimizer)
        return f"{why}: a new {type(optimizer).__name__}, as in the demo's code, begins from zero."

    def measure(self, losses: list[float], validation: Split) -> dict[str, Any]:
        """At the end of an epoch: its mean loss, the score on the validation rows, and the weights by hash."""
        score = self._recipe.judge(answer_in_batches(self._predictor, validation.inputs), validation.targets)
        mean = math.fsum(losses) / len(losses) if all(map(math.isfinite, losses)) else None
        weights = [(one.name, np.asarray(one)) for one in weight_variables(self._model)]
        return {"loss": mean, "score": score.value, "score_name": score.name, "weights": fingerprint(weights)}


def _require_trainable(predictor: Predictor, recipe: Demo) -> None:
    model = predictor.model
    try:
        able = recipe.stepper(model) if recipe.stepper else hasattr(model, "train_on_batch")
    except InputError:
        able = False
    if not able:
        raise CannotTrain(_graph_words(predictor))
    layers = model._flatten_layers() if hasattr(model, "_flatten_layers") else ()
    if modes := {mode for layer in layers if (mode := getattr(layer, "quantization_mode", None))}:
        raise CannotTrain(f"Its weights came back as whole numbers ({', '.join(modes)}), which no step can move.")


def _graph_words(predictor: Predictor) -> str:
    if predictor.optimizer is None:
        return "It came back as a program that answers: the weights are constants in it, which no step can move."
    return "It came back as functions that answer: no loss, and no function that takes a training step, is among them."


def _state(predictor: Predictor) -> dict[str, Any]:
    optimizer = predictor.optimizer()
    numbers = {optimizer_part(name): array.item() for name, array in optimizer if array.size == 1}
    return {
        "weights": fingerprint(predictor.weights()),
        "optimizer": fingerprint(optimizer),
        "numbers": {part: numbers[part] for part in (STEP_COUNT, RATE) if part in numbers},
    }
