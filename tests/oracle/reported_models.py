"""Models as people bring them to forums and bug reports, small, for the long run. Nothing of `core` is imported."""

import numpy as np

from tests.oracle.architectures import ROWS, Builder, Built, draw, draw_ids, seed, train

REPORTED: dict[str, Builder] = {}


def reported(builder: Builder) -> Builder:
    """Make the decorated function a row of `REPORTED`."""
    REPORTED[builder.__name__.removeprefix("build_")] = builder
    return builder


@reported
def build_normalized_block_used_twice() -> Built:
    """A Sequential with moving moments inside, frozen in part, on two branches."""
    import keras

    seed()
    kinds = keras.layers
    frozen = kinds.Dense(5, trainable=False)
    block = keras.Sequential([keras.Input((4,)), frozen, kinds.BatchNormalization(), kinds.ReLU()], name="block")
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    answer = kinds.Dense(2)(kinds.Concatenate()([block(left), block(right)]))
    return train(keras.Model([left, right], answer, name="twice"), [draw(4), 3 * draw(4, seed=5)], draw(2))


@reported
def build_translator_with_states() -> Built:
    """An encoder in both directions whose states begin the decoder, which attends to the encoder."""
    import keras

    seed()
    kinds = keras.layers
    source, target = keras.Input((6, 3), name="source"), keras.Input((4, 2), name="target")
    encoded, *states = kinds.Bidirectional(kinds.LSTM(3, return_sequences=True, return_state=True))(source)
    start = [kinds.Concatenate()([states[at], states[at + 2]]) for at in range(2)]
    decoded = kinds.LSTM(6, return_sequences=True)(target, initial_state=start)
    attended = kinds.Attention(use_scale=True)([decoded, encoded])
    answer = kinds.TimeDistributed(kinds.Dense(2))(kinds.Concatenate()([decoded, attended]))
    return train(keras.Model([source, target], answer, name="translator"), [draw(6, 3), draw(4, 2, seed=5)], draw(4, 2))


@reported
def build_double_precision() -> Built:
    import keras

    seed()
    layers = [keras.layers.Dense(5, "tanh", dtype="float64"), keras.layers.Dense(2, dtype="float64")]
    model = keras.Sequential([keras.Input((4,), dtype="float64", name="x"), *layers], name="double")
    return train(model, draw(4).astype("float64"), draw(2).astype("float64"))


@reported
def build_constrained_and_regularized() -> Built:
    import keras

    seed()
    kinds, constraints, regularizers = keras.layers, keras.constraints, keras.regularizers
    first = kinds.Dense(
        5,
        "selu",
        kernel_initializer=keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal", seed=3),
        kernel_regularizer=regularizers.OrthogonalRegularizer(0.02, "columns"),
        kernel_constraint=constraints.MinMaxNorm(0.2, 1.5, rate=0.7, axis=1),
        activity_regularizer=regularizers.L1(0.03),
    )
    second = kinds.Dense(2, kernel_regularizer=regularizers.L1L2(0.01, 0.02), bias_constraint="non_neg")
    layers = [kinds.Dropout(0.2, seed=5), first, kinds.GaussianNoise(0.1, seed=6), second]
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.02, clipnorm=0.5, amsgrad=True)
    return train(
        keras.Sequential([keras.Input((4,), name="x"), *layers], name="constrained"), draw(4), draw(2), optimizer
    )


@reported
def build_losses_and_metrics_by_name() -> Built:
    """Losses and metrics as names, by output, with weights, and a function of one's own that is registered."""
    import keras

    @keras.saving.register_keras_serializable("oracle")
    def pinball(targets, answers):
        gaps = targets - answers
        return keras.ops.mean(keras.ops.maximum(0.7 * gaps, -0.3 * gaps), axis=-1)

    seed()
    row = keras.Input((4,), name="row")
    features = keras.layers.Dense(5, "swish")(row)
    heads = {
        "price": keras.layers.Dense(1, name="price")(features),
        "kind": keras.layers.Dense(3, "softmax", name="kind")(features),
    }
    model = keras.Model(row, heads, name="by_name")
    model.compile(
        "rmsprop",
        loss={"price": pinball, "kind": "categorical_crossentropy"},
        loss_weights={"price": 0.3, "kind": 2.0},
        metrics={"price": ["mae"], "kind": ["accuracy", keras.metrics.AUC(20, name="area")]},
        run_eagerly=True,
    )
    targets = {"price": draw(1), "kind": np.eye(3, dtype="float32")[draw_ids(3)]}
    model.train_on_batch(draw(4), targets)
    return Built(model, draw(4), targets)


@reported
def build_operations_on_tensors() -> Built:
    """Slices, where, einsum, split and comparisons written on tensors; answers that are whole numbers and booleans."""
    import keras

    seed()
    ops, steps = keras.ops, keras.Input((6, 4), name="steps")
    first, second = ops.split(steps, 2, axis=-1)
    weights = ops.softmax(ops.einsum("bsd,btd->bst", first, second))
    mixed = ops.where(weights > 0.2, weights, 0.1 * weights) @ steps
    answer = keras.layers.Dense(3, name="scores")(mixed[:, -1] + ops.mean(steps[:, ::2], axis=1))
    outputs = {"scores": answer, "kind": ops.argmax(answer, axis=-1), "is_sure": ops.max(answer, axis=-1) > 0.5}
    return Built(keras.Model(steps, outputs, name="operations"), draw(6, 4), None)


@reported
def build_dropout_that_stays_on() -> Built:
    """Dropout called with training=True, so that each call answers otherwise."""
    import keras

    seed()
    row = keras.Input((6,), name="row")
    features = keras.layers.Dense(8, "relu")(row)
    features = keras.layers.Dropout(0.5, seed=4)(features, training=True)
    return train(keras.Model(row, keras.layers.Dense(2)(features), name="monte_carlo"), draw(6), draw(2))


@reported
def build_answer_that_is_an_input() -> Built:
    import keras

    seed()
    row, key = keras.Input((4,), name="row"), keras.Input((1,), dtype="int32", name="key")
    answers = {"key": key, "row": row, "score": keras.layers.Dense(2, name="score")(row)}
    return Built(
        keras.Model({"row": row, "key": key}, answers, name="passing"), {"row": draw(4), "key": draw_ids(9, 1)}, None
    )


@reported
def build_single_numbers() -> Built:
    """Inputs without an axis beside the rows, as columns of a table are."""
    import keras

    seed()
    age, job = keras.Input((), name="age"), keras.Input((), dtype="string", name="job")
    jobs = keras.layers.StringLookup(vocabulary=["cook", "smith"], output_mode="one_hot")(job)
    features = keras.layers.Concatenate()([keras.ops.expand_dims(age, -1), jobs])
    model = keras.Model({"age": age, "job": job}, keras.layers.Dense(1)(features), name="columns")
    return Built(model, {"age": draw() * 40, "job": np.array(["cook", "smith", "clerk"] * (ROWS // 3))}, None)


@reported
def build_cell_of_ones_own() -> Built:
    import keras

    @keras.saving.register_keras_serializable("oracle")
    class Leaky(keras.layers.Layer):
        def __init__(self, units, rate=0.5, **kwargs):
            super().__init__(**kwargs)
            self.units, self.rate, self.state_size, self.output_size = units, rate, [units, 1], units

        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")

        def call(self, inputs, states):
            memory, count = states
            memory = self.rate * memory + keras.ops.tanh(inputs @ self.kernel)
            return memory, [memory, count + 1]

        def get_config(self):
            return super().get_config() | {"units": self.units, "rate": self.rate}

    seed()
    layers = [keras.layers.RNN(Leaky(3, 0.8), return_sequences=True), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((None, 2), name="steps"), *layers], name="leaky")
    return Built(model, draw(5, 2), None)


@reported
def build_tied_embedding() -> Built:
    """Words in and words out by one table; the answers are logits over the vocabulary, after causal attention."""
    import keras

    seed()
    words = keras.Input((5,), dtype="int32", name="words")
    table = keras.layers.ReversibleEmbedding(9, 4, mask_zero=True, name="table")
    embedded = table(words)
    attended, scores = keras.layers.MultiHeadAttention(2, 2, name="attention")(
        embedded, embedded, use_causal_mask=True, return_attention_scores=True
    )
    outputs = {"logits": table(embedded + attended, reverse=True), "scores": scores}
    return Built(keras.Model(words, outputs, name="tied"), draw_ids(9, 5), None)


@reported
def build_fixed_batch() -> Built:
    import keras

    seed()
    row = keras.Input(batch_shape=(4, 3), name="row")
    return train(keras.Model(row, keras.layers.Dense(2)(row), name="fours"), draw(3), draw(2))


@reported
def build_weights_of_one_name() -> Built:
    """Weights that share a name, without an element, without an axis, of whole numbers and of booleans."""
    import keras

    @keras.saving.register_keras_serializable("oracle")
    class Odd(keras.layers.Layer):
        def build(self, shape):
            fixed = keras.initializers.Constant
            self.first = self.add_weight(shape=(shape[-1],), initializer="random_normal", name="w")
            self.second = self.add_weight(shape=(shape[-1],), initializer="random_normal", name="w")
            self.nothing = self.add_weight(shape=(0, 3), initializer="zeros", name="nothing")
            self.scale = self.add_weight(shape=(), initializer=fixed(1.5), name="scale")
            self.shift = self.add_weight(shape=(), dtype="int32", initializer=fixed(2), trainable=False, name="shift")
            self.on = self.add_weight(shape=(1,), dtype="bool", initializer="ones", trainable=False, name="on")

        def call(self, inputs):
            moved = inputs * self.first * self.scale + keras.ops.cast(self.shift, "float32")
            return keras.ops.where(self.on, moved - self.second, inputs) + keras.ops.sum(self.nothing)

    seed()
    model = keras.Sequential([keras.Input((4,), name="x"), Odd(name="odd"), keras.layers.Dense(2)], name="odd_weights")
    return Built(model, draw(4), None)
