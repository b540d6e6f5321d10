"""Models of unusual structure, states and optimizers, small, for the long run. Nothing of `core` is imported."""

from collections.abc import Callable
from typing import Any

from tests.oracle.architectures import ROWS, Builder, Built, draw, draw_ids, seed, train
from tests.oracle.unusual_models import UNUSUAL, unusual


def optimizer_builder(make: Callable[[Any], Any]) -> Builder:
    """What builds a model that an optimizer trained for two steps."""

    def build() -> Built:
        import keras

        seed()
        layers = [keras.layers.Dense(5, "relu"), keras.layers.Dense(4, "relu"), keras.layers.Dense(2)]
        model = keras.Sequential([keras.Input((4,), name="x"), *layers], name="trained")
        train(model, draw(4), draw(2), make(keras.optimizers))
        model.train_on_batch(draw(4), draw(2))
        return Built(model, draw(4), draw(2))

    return build


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "muon": lambda kinds: kinds.Muon(0.01, exclude_layers=["dense_2"], weight_decay=0.01),
    "lion": lambda kinds: kinds.Lion(0.001, beta_1=0.8),
    "lamb": lambda kinds: kinds.Lamb(0.01, clipvalue=0.3),
    "adafactor": lambda kinds: kinds.Adafactor(0.05, relative_step=False, clip_threshold=0.7),
    "ftrl": lambda kinds: kinds.Ftrl(0.02, l1_regularization_strength=0.01),
    "nadam_of_a_schedule": lambda kinds: kinds.Nadam(kinds.schedules.CosineDecayRestarts(0.05, 3, t_mul=1.5)),
}
UNUSUAL |= {name: optimizer_builder(make) for name, make in OPTIMIZERS.items()}


@unusual
def build_mask_of_ones_own() -> Built:
    """A layer that makes a mask of its own and one that shortens it, before a layer that heeds it."""
    import keras

    @keras.saving.register_keras_serializable("oracle")
    class SkipNegative(keras.layers.Layer):
        supports_masking = True

        def call(self, inputs):
            return inputs

        def compute_mask(self, inputs, mask=None):
            return inputs[..., 0] > 0

    @keras.saving.register_keras_serializable("oracle")
    class EverySecond(keras.layers.Layer):
        def call(self, inputs, mask=None):
            return inputs[:, ::2]

        def compute_mask(self, inputs, mask=None):
            return None if mask is None else mask[:, ::2]

        def compute_output_shape(self, shape):
            return (shape[0], 3, *shape[2:])

    seed()
    steps = keras.Input((6, 3), name="steps")
    features = EverySecond(name="second")(SkipNegative(name="skip")(steps))
    features = keras.layers.GRU(3)(features)
    return train(keras.Model(steps, keras.layers.Dense(2)(features), name="masks"), draw(6, 3), draw(2))


@unusual
def build_head_never_trained() -> Built:
    import keras

    seed()
    row = keras.Input((4,), name="row")
    features = keras.layers.Dense(5, "relu")(row)
    heads = {name: keras.layers.Dense(2, name=name)(features) for name in ("trained", "idle")}
    model = keras.Model(row, heads, name="idle_head")
    losses = {"trained": keras.losses.MeanSquaredError()}
    return train(model, draw(4), {"trained": draw(2), "idle": draw(2, seed=9)}, loss=losses)


@unusual
def build_nested_answers() -> Built:
    import keras

    seed()
    row = keras.Input((4,), name="row")
    first, second, third = (keras.layers.Dense(2, name=name)(row) for name in ("first", "second", "third"))
    answers = {"boxes": [first, {"deep": second}], "more": (third,)}
    return Built(keras.Model(row, answers, name="nested"), draw(4), None)


@unusual
def build_awake_augmentation() -> Built:
    import keras

    seed()
    picture = keras.Input((6, 6, 1), name="picture")
    features = keras.layers.RandomFlip(seed=4)(picture, training=True)
    features = keras.layers.Conv2D(2, 3)(features)
    answer = keras.layers.Dense(2)(keras.layers.Flatten()(features))
    return train(keras.Model(picture, answer, name="flipping"), draw(6, 6, 1), draw(2))


@unusual
def build_batch_statistics() -> Built:
    """BatchNormalization called with training=True, so that each answer depends on the other rows."""
    import keras

    seed()
    row = keras.Input((4,), name="row")
    features = keras.layers.BatchNormalization()(keras.layers.Dense(5)(row), training=True)
    return Built(keras.Model(row, keras.layers.Dense(2)(features), name="statistics"), draw(4), None)


@unusual
def build_frozen_normalization() -> Built:
    import keras

    seed()
    kinds = keras.layers
    layers = [kinds.Dense(5), kinds.BatchNormalization(name="frozen"), kinds.BatchNormalization(), kinds.Dense(2)]
    model = keras.Sequential([keras.Input((4,), name="x"), *layers], name="frozen_part")
    train(model, draw(4), draw(2))
    model.get_layer("frozen").trainable = False
    return train(model, draw(4), draw(2))


@unusual
def build_own_random_numbers() -> Built:
    """A layer that draws at each call, with a state of its own."""
    import keras

    @keras.saving.register_keras_serializable("oracle")
    class Noise(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.seeds = keras.random.SeedGenerator(5)

        def call(self, inputs):
            return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.seeds)

    seed()
    row = keras.Input((4,), name="row")
    return train(keras.Model(row, keras.layers.Dense(2)(Noise(name="noise")(row)), name="noisy"), draw(4), draw(2))


@unusual
def build_best_of_many() -> Built:
    """top_k, gather and where written on tensors, with equal scores between which an order decides."""
    import keras

    seed()
    ops, rows = keras.ops, keras.Input((6, 3), name="rows")
    scores = ops.round(keras.layers.Dense(1, name="score")(rows)[..., 0])
    best, at = ops.top_k(scores, 3)
    chosen = ops.take_along_axis(rows, ops.expand_dims(at, -1), axis=1)
    table = ops.take(keras.layers.Dense(4, name="table")(chosen), at[:, 0] * 0 + 1, axis=1)[:, 0]
    answers = {"best": best, "at": at, "chosen": ops.where(ops.expand_dims(best, -1) > 0, chosen, -chosen)}
    return Built(keras.Model(rows, answers | {"table": table}, name="best"), draw(6, 3), None)


@unusual
def build_stacked_cells_both_ways() -> Built:
    import keras

    seed()
    kinds = keras.layers
    steps, first = keras.Input((6, 3), name="steps"), keras.Input((2,), name="first")
    cells = kinds.StackedRNNCells([kinds.GRUCell(2), kinds.LSTMCell(2)])
    states = [[kinds.Dense(2)(first) for _ in range(3)] for _ in range(2)]
    initial = [state for way in states for state in (way[0], [way[1], way[2]])]
    features = kinds.Bidirectional(kinds.RNN(cells, return_sequences=False))(
        kinds.Masking()(steps), initial_state=initial
    )
    values = draw(6, 3)
    values[: ROWS // 2, 4:] = 0
    model = keras.Model({"steps": steps, "first": first}, kinds.Dense(2)(features), name="stacked")
    return train(model, {"steps": values, "first": draw(2, seed=5)}, draw(2))


@unusual
def build_without_weights() -> Built:
    import keras

    row = keras.Input((4,), name="row")
    return Built(keras.Model(row, keras.layers.UnitNormalization()(row), name="weightless"), draw(4), None)


@unusual
def build_thousand_layers() -> Built:
    import keras

    seed()
    features = row = keras.Input((2,), name="row")
    for at in range(500):
        features = keras.layers.ReLU()(
            keras.layers.Dense(2, kernel_initializer="identity", name=f"layer_{at}")(features)
        )
    return Built(keras.Model(row, features, name="thousand"), draw(2), None)


@unusual
def build_schedule_without_config() -> Built:
    import keras

    class Halving(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1 * 0.5 ** keras.ops.cast(step, "float32")

    seed()
    layers = [keras.layers.Dense(5, "relu"), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((4,), name="x"), *layers], name="halving")
    return train(model, draw(4), draw(2), keras.optimizers.Adam(Halving()))


@unusual
def build_inverse_normalization() -> Built:
    import keras

    seed()
    scale = keras.layers.Normalization()
    scale.adapt(5 * draw(4) + 2)
    back = keras.layers.Normalization(mean=3.0, variance=4.0, invert=True)
    model = keras.Sequential([keras.Input((4,), name="x"), scale, keras.layers.Dense(1), back], name="scaled")
    return train(model, 5 * draw(4), draw(1))


@unusual
def build_one_table_for_all_rows() -> Built:
    """An answer that is the same for each row, beside one that is not."""
    import keras

    @keras.saving.register_keras_serializable("oracle")
    class Table(keras.layers.Layer):
        def build(self, shape):
            self.table = self.add_weight(shape=(5, 3), initializer="random_normal", name="table")

        def call(self, inputs):
            return inputs @ self.table[:4], self.table * 1.0

        def compute_output_spec(self, inputs):
            return keras.KerasTensor((inputs.shape[0], 3)), keras.KerasTensor((5, 3))

    seed()
    row = keras.Input((4,), name="row")
    score, table = Table(name="rows")(row)
    return Built(keras.Model(row, {"score": score, "table": table}, name="table"), draw(4), None)


@unusual
def build_named_tuple_answer() -> Built:
    """A subclass that answers a named tuple, and takes training=True unless it is told otherwise."""
    from typing import NamedTuple

    import keras

    class Answer(NamedTuple):
        zebra: Any
        apple: Any

    class Own(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first, self.second = keras.layers.Dense(2), keras.layers.Dense(2)
            self.drop = keras.layers.Dropout(0.5, seed=3)

        def call(self, inputs, training=True):
            hidden = self.drop(inputs, training=training)
            return Answer(self.first(hidden), self.second(hidden))

    seed()
    model = Own(name="own")
    model(draw(4), training=False)
    return Built(model, draw(4), None)


@unusual
def build_sparse_rows() -> Built:
    import keras

    seed()
    tags = keras.Input((4,), dtype="int32", name="tags")
    hot = keras.layers.CategoryEncoding(8, output_mode="count", sparse=True)(tags)
    return train(keras.Model(tags, keras.layers.Dense(2)(hot), name="sparse"), draw_ids(8, 4), draw(2))
