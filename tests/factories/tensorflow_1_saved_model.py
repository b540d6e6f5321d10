"""Writes a SavedModel as TensorFlow 1 did, into the folder that is named: run by a test in a process of its own."""

import sys
from pathlib import Path
from typing import Any

import tensorflow.compat.v1 as tf


def add_meta_graph(builder: Any, session: Any, words: Path) -> None:
    """Two signatures over a reference variable and a table of words, which is an asset."""
    asset = tf.constant(str(words))
    initializer = tf.lookup.TextFileInitializer(asset, tf.string, -2, tf.int64, -1)  # each line, its number
    table = tf.lookup.StaticHashTable(initializer, -1)
    text = tf.placeholder(tf.string, [None], name="text")
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    weights = tf.get_variable("weights", initializer=tf.ones([3, 2]), use_resource=False)
    y = tf.matmul(x, weights, name="y")
    session.run([tf.global_variables_initializer(), tf.tables_initializer()])
    predict = tf.saved_model.predict_signature_def({"x": x}, {"y": y})
    look_up = tf.saved_model.predict_signature_def({"text": text}, {"index": table.lookup(text)})
    signatures = {"serving_default": predict, "look_up": look_up}
    options = {"main_op": tf.tables_initializer(), "assets_collection": tf.get_collection(tf.GraphKeys.ASSET_FILEPATHS)}
    builder.add_meta_graph_and_variables(session, ["serve"], signatures, **options)


def main(folder: Path) -> None:
    tf.disable_eager_execution()
    words = folder.parent / "words.txt"
    words.write_text("a\nb\n")
    builder = tf.saved_model.Builder(str(folder))
    with tf.Session(graph=tf.Graph()) as session:
        add_meta_graph(builder, session, words)
    builder.save()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
