"""Task: continue the training of an artifact, or of a run's live model, over batches that are the same for all."""

import hashlib
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np

from core.arrays import Arrays, Fingerprint, fingerprint_arrays
from core.demos import get_demo
from core.demos.base import Data, Demo, Split, TrainSettings, take_rows
from core.demos.keras_training import make_keras_train_step
from core.error_translation import summarize_error, translated
from core.errors import CannotTrain, DoesNotLoad, InputError
from core.runtimes.base import ModelSource, Predictor, predict_in_batches
from core.worker.live_models import complete_model_code, load_live
from core.worker.model_loading import load_artifact
from core.worker.processes import lower_priority
from core.worker.tasks.base import Reply, Report
from core.worker.tasks.probes import read_weights, reset_random_state

REPORT_EVERY = 0.2  # seconds between two messages
STEP_COUNT, LEARNING_RATE, LOSS_SCALE, MOMENTS = "step count", "learning rate", "loss scale", "moments"
OPTIMIZER_VARIABLE_ROLES = {"iteration": STEP_COUNT, "step": STEP_COUNT, "learning_rate": LEARNING_RATE}


class RunSnapshot(TypedDict):
    """The run whose live model is rebuilt; `snapshot` is its folder."""

    source: ModelSource
    kind: str
    snapshot: Path | str


class ArtifactCopy(TypedDict):
    """The artifact to load."""

    format: str
    folder: Path | str
    source: ModelSource | None


class EpochScore(TypedDict):
    """One epoch: its mean loss (None where not finite), the score on the validation rows."""

    epoch: int
    loss: float | None
    score: float
    score_name: str


class EpochReply(EpochScore):
    """Also the weights by hash."""

    weights: list[Fingerprint]


class InitialState(TypedDict):
    """Fingerprints as the training begins, numbers of the optimizer then, and what had to be done before."""

    weights: list[Fingerprint]
    optimizer: list[Fingerprint]
    numbers: dict[str, float]
    remark: str


class ResumeReply(InitialState):
    """A resumed training; `order` is the SHA-256 of all row numbers. The array "loss" is (batches,) float64, of every
    batch before its step."""

    epochs: list[EpochReply]
    order: str
    seconds: float


def optimizer_variable_role(name: str) -> str:
    """What a variable of an optimizer is for, by its name: a step count, a learning rate, a loss scale, or moments."""
    owner, _, last = name.removesuffix(":0").rpartition("/")
    # The wrapper has a count and a rate of its own, which no step reads.
    return LOSS_SCALE if owner == "loss_scale_optimizer" else OPTIMIZER_VARIABLE_ROLES.get(last, MOMENTS)


class Batches(NamedTuple):
    """Which rows are trained on, and when: every row once an epoch, in an order that the seed and the epoch fix."""

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

    def order_hash(self) -> str:
        """The SHA-256 of all row numbers, in order."""
        digest = hashlib.sha256()
        for epoch in range(self.epochs):
            for rows in self.row_indices(epoch):
                digest.update(rows.astype("<i8").tobytes())
        return digest.hexdigest()


def resume_training(
    report: Report, arrays: Arrays, *, run: RunSnapshot, epochs: int, seed: int, copy: ArtifactCopy | None = None
) -> Reply:
    """Train an artifact, or without one the live model of `run`, for some epochs on the demo's training data.

    Returns a `ResumeReply`. Raises DoesNotLoad, and CannotTrain where nothing can train what came back.
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
    demo, settings = get_demo(source["demo"] or ""), TrainSettings(**source["settings"] or {})
    data = demo.data(settings)
    batches = Batches(data.train.rows, settings.batch_size, epochs, seed)
    with translated(CannotTrain):
        model = ResumableModel(predictor, demo, source)
        losses, results = _train_epochs(model, data, batches, report)
    seconds = time.perf_counter() - started
    reply = ResumeReply(**model.initial_state, epochs=results, order=batches.order_hash(), seconds=seconds)
    return reply, {"loss": np.array(losses, "float64")}


def _load_predictor(run: RunSnapshot, copy: ArtifactCopy | None) -> Predictor:
    folder = copy["folder"] if copy else run["snapshot"]
    with translated(DoesNotLoad, [str(folder)]):
        if copy is None:
            return load_live(run["source"], run["kind"], Path(folder))
        return load_artifact(copy["format"], Path(folder), complete_model_code(copy["source"]))


def _train_epochs(
    model: "ResumableModel", data: Data, batches: Batches, report: Report
) -> tuple[list[float], list[EpochReply]]:
    losses: list[float] = []
    results: list[EpochReply] = []
    reported, last = 0, 0.0
    for epoch in range(batches.epochs):
        for rows in batches.row_indices(epoch):
            losses.append(model.step(*take_rows(*data.train, rows)))
            if time.monotonic() - last >= REPORT_EVERY:
                done = len(losses) / (batches.batches_per_epoch * batches.epochs)
                report({"done": done, "losses": [_finite_or_none(loss) for loss in losses[reported:]]})
                reported, last = len(losses), time.monotonic()
        results.append(model.summarize_epoch(epoch + 1, losses[-batches.batches_per_epoch :], data.validation))
    return losses, results


def _finite_or_none(loss: float) -> float | None:
    return loss if math.isfinite(loss) else None


class ResumableModel:
    """A loaded model, made ready to train; `initial_state` is that in which it began.

    What came back without compile settings, or with an optimizer that fails at the first step, is compiled anew as the
    demo does, and a remark says so. Raises CannotTrain where there is nothing to train.
    """

    def __init__(self, predictor: Predictor, demo: Demo, source: ModelSource):
        self._predictor, self._model, self._demo, self._source = predictor, predictor.model, demo, source
        _require_trainable(predictor, demo)
        is_uncompiled = not demo.make_train_step and not self._model.compiled
        self._start(self._recompile("It came back without its loss and optimizer") if is_uncompiled else "")

    def _start(self, remark: str) -> None:
        reset_random_state(self._model)
        self.initial_state = _initial_state(self._predictor, remark)
        self._step = (self._demo.make_train_step or make_keras_train_step)(self._model)
        self._has_stepped = bool(remark) or bool(self._demo.make_train_step)

    def step(self, inputs: Arrays, targets: Arrays) -> float:
        """Train on one batch; returns its loss before the step."""
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
        untrained = self._demo.build(TrainSettings(**self._source["settings"] or {}))
        self._model.compile_from_config(untrained.get_compile_config())
        optimizer = getattr(self._model.optimizer, "inner_optimizer", self._model.optimizer)
        return f"{reason}: a new {type(optimizer).__name__}, as in the demo's code, begins from zero."

    def summarize_epoch(self, epoch: int, losses: list[float], validation: Split) -> EpochReply:
        """The state at the end of an epoch, whose number counts from 1."""
        score = self._demo.score_predictions(predict_in_batches(self._predictor, validation.inputs), validation.targets)
        return EpochReply(
            epoch=epoch,
            loss=math.fsum(losses) / len(losses) if all(map(math.isfinite, losses)) else None,
            score=score.value,
            score_name=score.name,
            weights=fingerprint_arrays(read_weights(self._model)),
        )


def _require_trainable(predictor: Predictor, demo: Demo) -> None:
    model = predictor.model
    try:
        is_trainable = demo.make_train_step(model) if demo.make_train_step else hasattr(model, "train_on_batch")
    except InputError:
        is_trainable = False
    if not is_trainable:
        raise CannotTrain(_not_trainable_reason(predictor))
    layers = model._flatten_layers() if hasattr(model, "_flatten_layers") else ()
    if modes := {mode for layer in layers if (mode := getattr(layer, "quantization_mode", None))}:
        raise CannotTrain(f"Its weights came back as whole numbers ({', '.join(modes)}), which no step can move.")


def _not_trainable_reason(predictor: Predictor) -> str:
    if predictor.optimizer_state is None:
        return "It came back as a program that answers: the weights are constants in it, which no step can move."
    return "It came back as functions that answer: no loss, and no function that takes a training step, is among them."


def _initial_state(predictor: Predictor, remark: str) -> InitialState:
    weights, optimizer = (read() if read else [] for read in (predictor.weights, predictor.optimizer_state))
    numbers = {optimizer_variable_role(name): array.item() for name, array in optimizer if array.size == 1}
    return InitialState(
        weights=fingerprint_arrays(weights),
        optimizer=fingerprint_arrays(optimizer),
        numbers={role: numbers[role] for role in (STEP_COUNT, LEARNING_RATE) if role in numbers},
        remark=remark,
    )
