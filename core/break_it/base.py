"""What a card of the break-it bench is: a model that was saved, one lever that breaks it, and the cure."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.arrays import Arrays, is_text
from core.demos.base import Demo, Model, TrainSettings
from core.runtimes.specs import name_outputs

Predict = Callable[[Arrays], Arrays]  # inputs by name to outputs by name, batch first


@dataclass(frozen=True)
class Card:
    """One way to break a saved model.

    `save` runs where the model was trained, `pull` and `cure` each in a fresh process that has the folder alone; they
    leave the files that `save` wrote as they are.

    Attributes:
        key: Its name in addresses.
        lever: What pulling it does, told before; `did` says the same of what happened.
        meaning: What the error, or the change without one, means.
        remedy: What the cure does.
        demo: The demo or small model that shows it best, trained with `settings`.
        is_silent: Whether nothing raises: the answers are wrong, and no error says so.
        save: Writes the trained model into a folder. The model's predictions after that are the right answers.
        pull: Loads it from the folder in the way that breaks it. Raises what the library raises.
        cure: Loads it from the same folder in the way that works.
        report: A public report of somebody who met it, as "owner/name#number"; empty where none is known.
    """

    key: str
    title: str
    icon: str
    lever: str
    did: str
    meaning: str
    remedy: str
    demo: Demo
    settings: TrainSettings
    is_silent: bool
    save: Callable[[Model, Path], None]
    pull: Callable[[Path], Predict]
    cure: Callable[[Path], Predict]
    report: str = ""


def keras_predict(model: Model) -> Predict:
    """Return `model.predict` for named inputs and outputs."""
    names = getattr(model, "output_names", None)
    return lambda rows: name_outputs(model.predict(_to_keras_inputs(rows), verbose=0), names)


def saved_model_predict(folder: Path) -> Predict:
    """Return what an exported SavedModel with one input serves, for named inputs and outputs."""
    import tensorflow as tf

    model = tf.saved_model.load(str(folder))
    return lambda rows: name_outputs(model.serve(*rows.values()))


def _to_keras_inputs(rows: Arrays) -> object:
    """Inputs as `model.predict` takes them: a single one as it is, several by name; text as a tensor."""
    import tensorflow as tf

    fed = {name: tf.constant(array) if is_text(array) else array for name, array in rows.items()}
    return next(iter(fed.values())) if len(fed) == 1 else fed
