"""What every demo must give in every format. A pair without a row here fails the test of the contract."""

from typing import NamedTuple

from core.compare import Verdict

BIT = Verdict.BIT_IDENTICAL
DIFFERENT = Verdict.DIFFERENT
NO_LOAD = Verdict.DOES_NOT_LOAD

KERAS_ONLY = "Takes Keras models only; this is a plain tf.Module, with no Keras layers or config to write."
WEIGHTS_ALONE = "These are weights alone: numbers without the layers that use them."
VALUES_ALONE = "A checkpoint holds values of variables, and no layers or graph to put them into."
NO_CLASS = "This process does not know the custom class 'Scale'."
NO_LAYER = "This process does not know the custom layer 'Scale'."


class Saves(NamedTuple):
    """The verdicts of the two reloads; `reason` is the sentence of the one that does not load."""

    without_code: Verdict
    with_code: Verdict
    reason: str = ""
    optimizer_found: int = 0
    optimizer_of: int = 10


class Refused(NamedTuple):
    """The sentence with which the format refuses the model."""

    reason: str


# (demo, format): the step, the rate and two moments for each trained variable are 10 for the two layers, 12 with Scale.
EXPECTED: dict[tuple[str, str], Saves | Refused] = {
    ("digits-mlp", "saved_model"): Saves(BIT, BIT, optimizer_found=10),
    ("digits-mlp", "keras_export"): Saves(BIT, BIT),
    ("digits-mlp", "keras"): Saves(BIT, BIT, optimizer_found=10),
    ("digits-mlp", "h5"): Saves(BIT, BIT, optimizer_found=2),
    ("digits-mlp", "weights"): Saves(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=10),
    # The learning rate is part of the compile settings that stand in the JSON.
    ("digits-mlp", "architecture"): Saves(DIFFERENT, DIFFERENT, optimizer_found=1),
    ("digits-mlp", "checkpoint"): Saves(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=10),
    ("digits-core", "saved_model"): Saves(BIT, BIT, optimizer_found=10),
    ("digits-core", "keras_export"): Refused(KERAS_ONLY),
    ("digits-core", "keras"): Refused(KERAS_ONLY),
    ("digits-core", "h5"): Refused(KERAS_ONLY),
    ("digits-core", "weights"): Refused(KERAS_ONLY),
    ("digits-core", "architecture"): Refused(KERAS_ONLY),
    ("digits-core", "checkpoint"): Saves(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=10),
    ("digits-custom", "saved_model"): Saves(BIT, BIT, optimizer_found=12, optimizer_of=12),
    ("digits-custom", "keras_export"): Saves(BIT, BIT, optimizer_of=12),
    ("digits-custom", "keras"): Saves(NO_LOAD, BIT, NO_CLASS, optimizer_found=12, optimizer_of=12),
    ("digits-custom", "h5"): Saves(NO_LOAD, BIT, NO_LAYER, optimizer_found=2, optimizer_of=12),
    ("digits-custom", "weights"): Saves(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=12, optimizer_of=12),
    ("digits-custom", "architecture"): Saves(NO_LOAD, DIFFERENT, NO_CLASS, optimizer_found=1, optimizer_of=12),
    ("digits-custom", "checkpoint"): Saves(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=12, optimizer_of=12),
}
