"""Writes SavedModels that a stranger might send into a folder: `python hostile_saved_models.py FOLDER`.

Some touch files while they are loaded or asked: they write `FOLDER/canary-*`, and read `FOLDER/secret`.
"""

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

    def wide(x):
        return tf.repeat(x, 4096, axis=1)

    def huge(x):
        return tf.reduce_sum(tf.tile(x, [2**19, 2**19]), axis=1, keepdims=True)

    def writer(x):
        """Eight files at once, by whichever threads are free."""
        files = [tf.raw_ops.WriteFile(filename=str(folder / f"canary-asked-{one}"), contents="x") for one in range(8)]
        with tf.control_dependencies(files):
            return x * 2

    def reader(x):
        return tf.zeros_like(x, tf.string) + tf.raw_ops.ReadFile(filename=str(folder / "secret"))

    class Loading(tf.saved_model.experimental.TrackableResource):
        """What is made anew, by its own operations, whenever the SavedModel is loaded."""

        def _create_resource(self):
            return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[], shared_name="loading")

        def _initialize(self):
            tf.raw_ops.WriteFile(filename=str(folder / "canary-loaded"), contents="x")

    def write_loading():
        module = tf.Module()
        module.resource = Loading()

        def answer(x):
            there = tf.raw_ops.VarIsInitializedOp(resource=module.resource.resource_handle)
            return x * 2 + 0 * tf.cast(there, tf.float32)

        module.answer = tf.function(answer, input_signature=[tf.TensorSpec([None, 1], tf.float32, name="x")])
        tf.saved_model.save(module, folder / "loading", signatures=module.answer)

    write_loading()
    for left in folder.glob("canary-*"):  # what the making of it has written
        left.unlink()
    (folder / "secret").write_text("the secret of somebody else", encoding="utf-8")
    write("writer", writer)
    write("reader", reader)
    for name, answer in {"wide": wide, "endless": endless, "loud": loud, "huge": huge}.items():
        write(name, answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
