"""The life of one child: answer requests one after another, leave when the app hangs up.

Forked from the warm process, or started by itself (`python -m core.worker.child`) where there is no fork.
"""

import io
import os
import select
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import BinaryIO

from core.errors import RoundtripError, WorkerError
from core.explain import translate
from core.settings import settings
from core.worker.channel import read_frame, write_frame
from core.worker.confinement import confine
from core.worker.limits import limit_child


def serve(stream_in: BinaryIO, stream_out: BinaryIO, box: str = "") -> None:
    """Answer each request frame `{"task", "args"}` with progress frames and one `{"ok"}` or `{"error"}` frame.

    With `box`, the folder of a confined child, nothing is answered before this process is confined, which is said
    first; then not one thread of TensorFlow's goes free.
    """
    if box:
        _confine(Path(box), stream_out)
    else:
        limit_child(int(settings().child_gib * 2**30))
    _wake_tensorflow()
    if not _is_asked(stream_in):
        rehearse_once()
    try:
        while (frame := read_frame(stream_in, settings().reply_mib * 2**20, "What a child was asked")) is not None:
            _answer(frame.message, frame.arrays, stream_out)
    except WorkerError as error:  # what follows in the stream is no frame, so it was the last
        write_frame(stream_out, {"error": error.to_json()})


def _confine(box: Path, stream_out: BinaryIO) -> None:
    """Go into the box, and say so; where that fails, say why, and end unless the owner wants it run all the same."""
    tempfile.tempdir = str(box / "out")
    try:
        confine(box / "in", box / "out", settings())
        why = ""
    except (OSError, AttributeError, ImportError) as error:  # the last two: a system that is no Linux
        why = str(error) or type(error).__name__
    write_frame(stream_out, {"confined": not why, "why": why})
    if why and not settings().run_unconfined:
        sys.exit(1)


def _wake_tensorflow() -> None:
    """Make TensorFlow's runtime in this process, before anybody waits for it. The warm process must run no op."""
    started = time.perf_counter()
    import tensorflow as tf  # at once in a fork of the warm process, and what takes time anywhere else

    tf.constant(0.0) + 1.0
    print(f"TensorFlow awake in {time.perf_counter() - started:.2f} s", file=sys.stderr)


def _is_asked(stream_in: BinaryIO) -> bool:
    """Whether a request waits already. Windows cannot tell of a pipe; there, one always may."""
    return os.name == "nt" or bool(select.select([stream_in], [], [], 0)[0])


@cache
def rehearse_once() -> None:
    """While nobody asks, use once what every reload uses: the first reload then takes 40 % less.

    Variables, random numbers, a traced function and an HDF5 file in memory, but no layer and no model: this process has
    still seen none. Everything is named and seeded here, so that no counter of Keras moves on.
    """
    import h5py
    import keras
    import numpy as np
    import tensorflow as tf

    one = keras.Variable(keras.random.uniform((1, 1), seed=0), name="rehearsal")
    answer = tf.function(lambda rows: tf.nn.softmax(tf.nn.relu(rows @ one.value)), autograph=False)
    one.assign(answer(tf.zeros((1, 1))).numpy())
    tf.Variable(0, dtype="int64").assign_add(1)
    with h5py.File(io.BytesIO(), "w") as file:
        file.create_group("rehearsal")["one"] = np.asarray(one)
        file["rehearsal/one"][...]


def _answer(message: dict, arrays: dict, out: BinaryIO) -> None:
    from core.worker.tasks import TASKS

    def report(progress: dict) -> None:
        write_frame(out, {"progress": progress})

    try:
        facts, answers = TASKS[message["task"]](report, arrays, **message["args"])
        write_frame(out, {"ok": facts}, answers)
    except BrokenPipeError:
        raise
    except RoundtripError as error:
        write_frame(out, {"error": error.to_json()})
    except Exception as error:  # noqa: BLE001  whatever a library throws must reach the app as a sentence, not end this child
        write_frame(out, {"error": translate(error, WorkerError).to_json()})


def main(box: str = "") -> None:
    """Serve over standard input and output; whatever a library prints goes to standard error instead."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    serve(sys.stdin.buffer, out, box)


if __name__ == "__main__":
    main(*sys.argv[1:])
