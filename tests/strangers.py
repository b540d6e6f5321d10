"""Writes SavedModels that a stranger might send into a folder: `python strangers.py FOLDER`."""

import sys
from pathlib import Path


def main(folder: Path) -> None:
    import tensorflow as tf

    def write(name: str, answer) -> None:
        module = tf.Module()
        module.answer = tf.function(answer, input_signature=[tf.TensorSpec([None, 1], tf.float32, name="x")])
        tf.saved_model.save(module, folder / name, signatures=module.answer)

    def endless(x):
        return tf.while_loop(lambda _: True, lambda value: [value + 1], [x])[0]

    def loud(x):
        line = tf.constant("word " * 2000)
        said = tf.while_loop(lambda count: count < 10_000, lambda count: [_print(line, count)], [tf.constant(0)])[0]
        return x * 2 + tf.cast(said - said, tf.float32)

    def _print(line, count):
        with tf.control_dependencies([tf.print(line, output_stream=sys.stderr)]):
            return count + 1

    def huge(x):
        return tf.reduce_sum(tf.tile(x, [2**19, 2**19]), axis=1, keepdims=True)

    for name, answer in {"endless": endless, "loud": loud, "huge": huge}.items():
        write(name, answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
