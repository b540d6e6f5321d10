"""What every demo must give in every format. A pair without a row here fails the test of the contract."""

from typing import NamedTuple

from core.compare import Verdict

BIT = Verdict.BIT_IDENTICAL
SOME = Verdict.SOME_CHANGED
DIFFERENT = Verdict.DIFFERENT
NO_LOAD = Verdict.DOES_NOT_LOAD

KERAS_ONLY = "Takes Keras models only; this is a plain tf.Module, with no Keras layers or config to write."
WEIGHTS_ALONE = "These are weights alone: numbers without the layers that use them."
VALUES_ALONE = "A checkpoint holds values of variables, and no layers or graph to put them into."
NO_CLASS = "This process does not know the custom class 'Scale'."
NO_LAYER = "This process does not know the custom layer 'Scale'."

NO_MODEL_CLASS = "This process does not know the custom class 'DigitReader'."
NO_MODEL_LAYER = "This process does not know the custom layer 'DigitReader'."
LAYERS_BY_CALL = "The file holds weights of 2 layers, and the model has 0."
UNTRACKED = "A function of the model uses a variable that does not belong to the model."
NO_VOCABULARY = "A vocabulary was lost on the way: its lookup table is empty."
RENAMED = "The inputs were renamed, and 4 of them would fit 'inputs'."
BARE_LOSS = "The file names its loss or metric 'keras.metrics.mse' as a bare string, which this Keras cannot read back."


class Saves(NamedTuple):
    """The verdicts of the two reloads; `reason` and `with_reason` are the sentences of those that do not load.

    `weights_found` is None where as many come back as the format claims; `breaks` names the parts that the format
    claims to keep and does not keep of this demo.
    """

    without_code: Verdict
    with_code: Verdict
    reason: str = ""
    optimizer_found: int = 0
    optimizer_of: int = 10
    with_reason: str = ""
    weights_found: int | None = None
    breaks: frozenset[str] = frozenset()


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
    # The random layer's seed belongs to no tracked object; and the exported graph answers in training mode: its answers
    # are random, and each call moves the two statistics of BatchNormalization.
    ("digits-cnn", "saved_model"): Refused(UNTRACKED),
    ("digits-cnn", "keras_export"): Saves(SOME, SOME, optimizer_of=20, weights_found=9, breaks=frozenset({"weights"})),
    ("digits-cnn", "keras"): Saves(BIT, BIT, optimizer_found=20, optimizer_of=20),
    ("digits-cnn", "h5"): Saves(BIT, BIT, optimizer_found=2, optimizer_of=20),
    ("digits-cnn", "weights"): Saves(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=20, optimizer_of=20),
    ("digits-cnn", "architecture"): Saves(DIFFERENT, DIFFERENT, optimizer_found=1, optimizer_of=20),
    ("digits-cnn", "checkpoint"): Saves(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=20, optimizer_of=20),
    ("digits-denoiser", "saved_model"): Saves(BIT, BIT, optimizer_found=14, optimizer_of=14),
    ("digits-denoiser", "keras_export"): Saves(BIT, BIT, optimizer_of=14),
    ("digits-denoiser", "keras"): Saves(BIT, BIT, optimizer_found=14, optimizer_of=14),
    ("digits-denoiser", "h5"): Saves(BIT, BIT, optimizer_found=2, optimizer_of=14),
    ("digits-denoiser", "weights"): Saves(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=14, optimizer_of=14),
    ("digits-denoiser", "architecture"): Saves(DIFFERENT, DIFFERENT, optimizer_found=1, optimizer_of=14),
    ("digits-denoiser", "checkpoint"): Saves(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=14, optimizer_of=14),
    # Keras builds the reloaded model under the policy float32, whose optimizer scales no loss: its state is dropped.
    ("digits-mixed", "saved_model"): Saves(BIT, BIT, optimizer_found=14, optimizer_of=14),
    ("digits-mixed", "keras_export"): Saves(BIT, BIT, optimizer_of=14),
    ("digits-mixed", "keras"): Saves(
        BIT, BIT, optimizer_found=2, optimizer_of=14, breaks=frozenset({"optimizer state"})
    ),
    ("digits-mixed", "h5"): Saves(BIT, BIT, optimizer_found=5, optimizer_of=14),
    ("digits-mixed", "weights"): Saves(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=14, optimizer_of=14),
    ("digits-mixed", "architecture"): Saves(DIFFERENT, DIFFERENT, optimizer_found=2, optimizer_of=14),
    ("digits-mixed", "checkpoint"): Saves(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=14, optimizer_of=14),
    ("digits-subclassed", "saved_model"): Saves(BIT, BIT, optimizer_found=10),
    ("digits-subclassed", "keras_export"): Saves(BIT, BIT),
    ("digits-subclassed", "keras"): Saves(NO_LOAD, BIT, NO_MODEL_CLASS, optimizer_found=10),
    ("digits-subclassed", "h5"): Saves(NO_LOAD, NO_LOAD, NO_MODEL_LAYER, with_reason=LAYERS_BY_CALL),
    ("digits-subclassed", "weights"): Saves(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=10),
    ("digits-subclassed", "architecture"): Saves(NO_LOAD, DIFFERENT, NO_MODEL_CLASS, optimizer_found=1),
    ("digits-subclassed", "checkpoint"): Saves(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=10),
    # tf.saved_model.save names the six inputs inputs, inputs_1, ...; Keras' export keeps their names. In a graph, the
    # six numbers of two Normalization layers are constants.
    ("tips", "saved_model"): Saves(NO_LOAD, NO_LOAD, RENAMED, with_reason=RENAMED),
    ("tips", "keras_export"): Saves(BIT, BIT, weights_found=4, breaks=frozenset({"weights"})),
    ("tips", "keras"): Saves(BIT, BIT, optimizer_found=10),
    ("tips", "h5"): Saves(NO_LOAD, NO_LOAD, NO_VOCABULARY, with_reason=NO_VOCABULARY),
    ("tips", "weights"): Saves(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=10),
    ("tips", "architecture"): Saves(NO_LOAD, NO_LOAD, NO_VOCABULARY, with_reason=NO_VOCABULARY),
    ("tips", "checkpoint"): Saves(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=10),
    ("names", "saved_model"): Saves(BIT, BIT, optimizer_found=10),
    ("names", "keras_export"): Saves(BIT, BIT),
    ("names", "keras"): Saves(BIT, BIT, optimizer_found=10),
    ("names", "h5"): Saves(NO_LOAD, NO_LOAD, NO_VOCABULARY, with_reason=NO_VOCABULARY),
    ("names", "weights"): Saves(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=10),
    ("names", "architecture"): Saves(NO_LOAD, NO_LOAD, NO_VOCABULARY, with_reason=NO_VOCABULARY),
    ("names", "checkpoint"): Saves(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=10),
    ("two-in-two-out", "saved_model"): Saves(
        BIT, BIT, optimizer_found=18, optimizer_of=18, weights_found=8, breaks=frozenset({"weights"})
    ),
    ("two-in-two-out", "keras_export"): Saves(
        BIT, BIT, optimizer_of=18, weights_found=8, breaks=frozenset({"weights"})
    ),
    ("two-in-two-out", "keras"): Saves(BIT, BIT, optimizer_found=18, optimizer_of=18),
    ("two-in-two-out", "h5"): Saves(BIT, BIT, optimizer_found=2, optimizer_of=18),
    ("two-in-two-out", "weights"): Saves(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=18, optimizer_of=18),
    # What counts the rows that were seen is zero before and after: two weights are found that nobody kept.
    ("two-in-two-out", "architecture"): Saves(
        DIFFERENT, DIFFERENT, optimizer_found=1, optimizer_of=18, weights_found=2
    ),
    ("two-in-two-out", "checkpoint"): Saves(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=18, optimizer_of=18),
    ("stocks-lstm", "saved_model"): Saves(BIT, BIT, optimizer_found=12, optimizer_of=12),
    ("stocks-lstm", "keras_export"): Saves(BIT, BIT, optimizer_of=12),
    ("stocks-lstm", "keras"): Saves(BIT, BIT, optimizer_found=12, optimizer_of=12),
    ("stocks-lstm", "h5"): Saves(NO_LOAD, NO_LOAD, BARE_LOSS, with_reason=BARE_LOSS),
    ("stocks-lstm", "weights"): Saves(NO_LOAD, BIT, WEIGHTS_ALONE, optimizer_found=12, optimizer_of=12),
    ("stocks-lstm", "architecture"): Saves(DIFFERENT, DIFFERENT, optimizer_found=1, optimizer_of=12),
    ("stocks-lstm", "checkpoint"): Saves(NO_LOAD, BIT, VALUES_ALONE, optimizer_found=12, optimizer_of=12),
}
