"""Tasks of the break-it bench: train and save a model for its cards, and pull a lever or cure it in a fresh process."""

import gc
import re
import textwrap
import time
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np

from core.arrays import Arrays, to_plain_array
from core.break_it import CARDS, get_card
from core.break_it.base import Card, Predict, keras_predict
from core.break_it.messages import record_messages
from core.demos.base import Data, Progress
from core.error_translation import find_cause, shorten_message, translate
from core.errors import DoesNotLoad, StorageFailed, TooLarge
from core.runtimes.reference import Reference
from core.runtimes.variables import build_optimizer
from core.worker.tasks.base import Reply, Report, TimedReply

TRAINING_SHARE = 0.6  # of the time to prepare the cards of a model
MAX_CAUSE = 300  # characters of the line that names the cause
# What TensorFlow puts into the errors of its graphs: where in the program each node was made.
TRACEBACK_LINES = re.compile(r'^[ \t]*(?:(?:Detected at node|File ").*\n\s*)+', re.MULTILINE)


class LibraryError(TypedDict):
    """What a library raised: the class, the line that names the cause, and its message without tracebacks."""

    kind: str
    cause: str
    text: str


class TrialReply(TimedReply):
    """What came of a lever or a cure; the arrays are its predictions, none where it raised.

    `messages` are warnings, logs and prints; `repeats` says whether the same rows, asked twice, get the same bits.
    """

    error: LibraryError | None
    messages: list[str]
    repeats: NotRequired[bool]


def prepare_cards(report: Report, arrays: Arrays, *, demo: str, folder: str) -> Reply:
    """Train the model of one or more cards, and save a copy for each. Returns a `TimedReply`.

    In `folder`, which is empty, each card of the model gets `<card>/files`, and `<card>/reference.npz` with test
    examples, the predictions of the model after it was saved, and the targets.
    """
    cards = [card for card in CARDS if card.demo.key == demo]
    started = time.perf_counter()
    data = cards[0].demo.data(cards[0].settings)
    trained = _train_model(cards[0], data, report)
    predictions = keras_predict(trained)(data.held_out.inputs)
    for number, card in enumerate(cards):
        done = TRAINING_SHARE + (1 - TRAINING_SHARE) * number / len(cards)
        report({"done": done, "note": "Saving the trained model"})
        _save_card(card, trained, Reference(data.held_out.inputs, predictions, data.held_out.targets), Path(folder))
    return TimedReply(seconds=time.perf_counter() - started), None


def _train_model(card: Card, data: Data, report: Report) -> Any:
    def on_progress(progress: Progress) -> None:
        if progress.logs is not None:
            note = f"Training the small model, epoch {progress.epoch}"
            report({"done": TRAINING_SHARE * progress.fraction, "note": note})

    model = _build_model(card)
    card.demo.train(model, data, card.settings, on_progress)
    return model


def _save_card(card: Card, trained: Any, reference: Reference, folder: Path) -> None:
    model = _copy_model(card, trained)
    files = folder / card.key / "files"
    files.mkdir(parents=True)
    card.save(model, files)
    if not all(map(np.array_equal, model.get_weights(), trained.get_weights())):  # it was trained on after it was saved
        reference = reference._replace(predictions=keras_predict(model)(reference.inputs))
    reference.write(folder / card.key / "reference.npz")


def _build_model(card: Card) -> Any:
    """The untrained model of a card, whose layers have the names that they have in a process of their own."""
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(card.settings.seed)
    return card.demo.build(card.settings)


def _copy_model(card: Card, trained: Any) -> Any:
    """A copy of a trained model, with its optimizer: what saves one copy may change the object that it saves."""
    model = _build_model(card)
    build_optimizer(model)
    for variables, values in (
        (model.weights, trained.weights),
        (model.optimizer.variables, trained.optimizer.variables),
    ):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    return model


def try_card(report: Report, arrays: Arrays, *, card: str, folder: str, is_cure: bool) -> Reply:
    """Pull the lever of a card, or apply its cure, and ask what came of it twice. Returns a `TrialReply`.

    What a library raises is the result, and not an error of this task. Raises StorageFailed and TooLarge where the disk
    or the memory of this machine did not suffice, which says nothing of the model.
    """
    chosen, started = get_card(card), time.perf_counter()
    load = chosen.cure if is_cure else chosen.pull
    error: LibraryError | None = None
    answers: list[Arrays] = []
    with record_messages() as messages:
        try:
            answers = _ask_twice(load(Path(folder)), arrays)
        except Exception as raised:  # noqa: BLE001  whatever it raises is what is to be shown
            _require_resources(raised)
            error = _describe_error(raised, folder)
        gc.collect()  # some objects complain when they go
    notices = [text.replace(f"{folder}/", "") for text in messages]
    reply = TrialReply(seconds=time.perf_counter() - started, error=error, messages=notices)
    if error:
        return reply, None
    first, second = answers
    repeats = all(first[name].tobytes() == second[name].tobytes() for name in first)
    return TrialReply(**reply, repeats=repeats), first


def _require_resources(error: Exception) -> None:
    """Raise StorageFailed or TooLarge for an error that the disk or the memory caused, and nothing for any other."""
    translated = translate(error, DoesNotLoad)
    if isinstance(translated, StorageFailed | TooLarge):
        raise translated from error


def _ask_twice(predict: Predict, rows: Arrays) -> list[Arrays]:
    return [{name: to_plain_array(array) for name, array in predict(rows).items()} for _ in range(2)]


def _describe_error(error: Exception, folder: str) -> LibraryError:
    text = TRACEBACK_LINES.sub("", str(error).replace(f"{folder}/", ""))
    cause = textwrap.shorten(find_cause(text), MAX_CAUSE, placeholder=" …")
    return {"kind": type(error).__name__, "cause": cause, "text": shorten_message(text)}
