"""Architectures of special training, quantised layers and plain modules; they are rows of `ARCHITECTURES` too."""

from typing import Any

from tests.oracle.architectures import Built, architecture, draw, seed, train


def dense_model(name: str, *, units: int = 6, policy: Any = None) -> Any:
    """Two Dense layers over eight numbers."""
    import keras

    seed()
    layers = [keras.layers.Dense(units, "relu", dtype=policy), keras.layers.Dense(2, dtype=policy)]
    return keras.Sequential([keras.Input((8,), name="x"), *layers], name=name)


@architecture
def build_lora() -> Built:
    import keras

    seed()
    adapted = keras.layers.Dense(6, "relu", name="adapted")
    model = keras.Sequential([keras.Input((8,), name="x"), adapted, keras.layers.Dense(2)], name="lora")
    adapted.enable_lora(2)
    return train(model, draw(8), draw(2))


@architecture
def build_mixed_precision() -> Built:
    return train(dense_model("mixed", policy="mixed_bfloat16"), draw(8), draw(2))


@architecture
def build_loss_scaling() -> Built:
    import keras

    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), initial_scale=64.0)
    return train(dense_model("scaled", policy="mixed_float16"), draw(8), draw(2), optimizer)


def build_quantized(mode: str) -> Built:
    model = dense_model(f"quantized_{mode}")
    model.quantize(mode)
    return Built(model, draw(8), None)


@architecture
def build_quantized_int8() -> Built:
    return build_quantized("int8")


@architecture
def build_quantized_int4() -> Built:
    return build_quantized("int4")


@architecture
def build_quantized_float8() -> Built:
    return build_quantized("float8")


@architecture
def build_ema_optimizer() -> Built:
    import keras

    return train(dense_model("ema"), draw(8), draw(2), keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9))


@architecture
def build_gradient_accumulation() -> Built:
    import keras

    optimizer = keras.optimizers.Adam(0.01, gradient_accumulation_steps=2)
    return train(dense_model("accumulated"), draw(8), draw(2), optimizer)


@architecture
def build_learning_rate_schedule() -> Built:
    import keras

    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10, alpha=0.2)
    return train(dense_model("scheduled"), draw(8), draw(2), keras.optimizers.SGD(schedule, momentum=0.5))


@architecture
def build_custom_train_step() -> Built:
    import keras
    import tensorflow as tf

    class Halved(keras.Model):
        def train_step(self, data):
            inputs, targets, _ = keras.utils.unpack_x_y_sample_weight(data)
            with tf.GradientTape() as tape:
                loss = 0.5 * self.compute_loss(y=targets, y_pred=self(inputs, training=True))
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply(gradients, self.trainable_variables)
            return {"loss": loss}

    seed()
    x = keras.Input((8,), name="x")
    return train(Halved(x, keras.layers.Dense(2)(x), name="halved"), draw(8), draw(2))


@architecture
def build_module_with_functions_tables_and_counters() -> Built:
    import tensorflow as tf

    class Scorer(tf.Module):
        def __init__(self):
            super().__init__(name="scorer")
            keys, values = tf.constant(["ant", "bee"]), tf.constant([1.0, 2.0])
            self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), -1.0)
            self.weight = tf.Variable(tf.reshape(tf.range(16.0) / 7, [8, 2]), name="weight")
            self.asked = tf.Variable(0, trainable=False, name="asked")

        @tf.function(input_signature=[tf.TensorSpec([None, 8], tf.float32, name="x")])
        def __call__(self, x):
            return {"scores": tf.tanh(x @ self.weight), "sums": tf.reduce_sum(x, axis=1)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="word")])
        def look_up(self, word):
            self.asked.assign_add(1)
            return self.table.lookup(word)

    return Built(Scorer(), draw(8), None)
